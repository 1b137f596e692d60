r"""How fast catalogues are ranked for all metrics, beside the bare product of the vectors.

    python -m experiments.speed.full_ranking --items 10000 1000000 --out docs/results

Random vectors of users and items, generated interactions; in turns the evaluator ranks the
catalogue for all metrics, and the product of 256 users at a time with all items and its maximum is
computed, which no full ranking can do without. Users a second by the clock; the share is the median
over the rounds of that of processor time, since other work on the machine does not count there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.ending import guarded
from experiments.harness import command
from experiments.speed.cell_page import CellPage
from experiments.speed.cells import generated_split

OPTIONS = {
    "users": (
        512,
        "Users that a catalogue of a million items is ranked for; of smaller ones more, "
        "up to 32 times as many.",
    ),
    "interactions": (50, "Interactions of each user, which are not ranked."),
    "dim": (64, "The number of factors."),
    "rounds": (5, "Rounds of which medians are taken."),
}
PAGE = CellPage(
    "full-ranking",
    "Full ranking beside the bare product",
    ("items", "users/s, product", "users/s, ranked", "users/s, whole rows", "share of product"),
    "Product: the scores of all items by a matrix product, and their maximum, which no full "
    "ranking can do without. Ranked: lists and all metrics. Whole rows: the same of a model that "
    "gives scores and no vectors. Users a second by the clock, medians over the rounds; the share "
    "is that of processor time, in which other work on the machine does not count.",
)
PRODUCT, RANKED, ROWS = "product", "ranked", "rows"
_BLOCK = 256
_MOST = 32
_ROWS_UP_TO = 10**5


def random_vectors(interactions: Interactions, dim: int, seed: int = 0) -> VectorRecommender:
    """Normal vectors for users and items."""
    rng = np.random.default_rng(seed)

    def vectors(count: int) -> np.ndarray:
        return rng.normal(size=(count, dim)).astype(np.float32)

    return VectorRecommender(
        user_vectors=vectors(interactions.num_users),
        item_vectors=vectors(interactions.num_items),
        unknown_user=np.zeros(dim, np.float32),
        interactions=interactions,
    )


def product_of(model: VectorRecommender, users: np.ndarray) -> Callable[[], object]:
    """The maximum over all items of the scores of users, block by block."""
    items = tf.constant(model.item_vectors)
    queries = [
        tf.constant(model.user_vectors[users[start : start + _BLOCK]])
        for start in range(0, len(users), _BLOCK)
    ]
    largest = tf.function(
        lambda block: tf.reduce_max(tf.matmul(block, items, transpose_b=True), axis=1)
    )
    return lambda: [largest(block).numpy() for block in queries]


def ways_of(items: int, args: argparse.Namespace) -> tuple[int, dict[str, Callable]]:
    """The number of users, and the name of a way -> a function that ranks for all of them."""
    users = args.users * int(np.clip(10**6 // items, 1, _MOST))
    split = generated_split(items, users, args.interactions * users, seed=0)
    evaluator = RankingEvaluator(split.train, split.test)
    model = random_vectors(split.train, args.dim)

    def by_rows():
        evaluator.evaluate(lambda chosen: model.score(chosen))

    ways = {PRODUCT: product_of(model, evaluator.users), RANKED: lambda: evaluator.evaluate(model)}
    if items <= _ROWS_UP_TO:
        ways[ROWS] = by_rows
    return len(evaluator.users), ways


def measured(ways: dict[str, Callable], rounds: int) -> dict[str, list[tuple[float, float]]]:
    """Name -> seconds of the clock and of the processor in each round, in turns, after one that is
    not timed."""
    passed: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            clock, processor = time.perf_counter(), time.process_time()
            way()
            if number:
                seconds = time.perf_counter() - clock, time.process_time() - processor
                passed[name].append(seconds)
    return passed


def line(items: int, users: int, passed: dict[str, list[tuple[float, float]]]) -> list[str]:
    """A line of the table."""
    speeds = [
        f"{users / statistics.median(clock for clock, _ in passed[name]):,.0f}"
        if name in passed
        else ""
        for name in (PRODUCT, RANKED, ROWS)
    ]
    pairs = zip(passed[PRODUCT], passed[RANKED], strict=True)
    share = statistics.median(product / ranked for (_, product), (_, ranked) in pairs)
    return [f"{items:,}", *speeds, f"{100 * share:.0f} %"]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    parser.add_argument(
        "--items",
        nargs="+",
        type=command.positive,
        default=[10**4, 10**6],
        help="Sizes of the catalogues; default: 10000 1000000.",
    )
    command.add_options(parser, OPTIONS)
    command.add_report(parser, PAGE.markdown, out=command.HERE)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    found = []
    for items in args.items:
        users, ways = ways_of(items, args)
        found.append(line(items, users, measured(ways, args.rounds)))
    PAGE.publish(args, OPTIONS, found)


if __name__ == "__main__":
    main(sys.argv[1:])
