r"""What a request by the state of a recurrent model costs beside one by the whole history.

    python -m experiments.speed.served_states --out docs/results

GRU4Rec with vectors of 64 numbers, untrained, since its time does not depend on them. A request by
history brings 50 items, one by state the state after 49 of them and the last; both answer with the
same list, without the items of the history. Both are the graphs of an export's signatures, asked in
turns in one process; the figures are medians of its processor time, what a request takes of a
server, which other work on the machine changes little.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
import tensorflow as tf

from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.published import gru4rec
from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from advrec_tf.serving.sequences import ServedSequences
from experiments.harness import command
from experiments.harness.markdown import facts, page, table
from experiments.speed.cells import generated_split

OPTIONS = {
    "length": (50, "Items of a history, >= 2."),
    "dim": (64, "The width of the vectors."),
    "repeat": (50, "Requests of each kind, of which the median counts."),
    "name": ("served-states", "The name of the files."),
}
USERS = 1_000
HEAD = ("items", "users asked", "CPU ms by history", "CPU ms by state", "ratio")


def served_model(items: int, args: argparse.Namespace) -> ServedSequences:
    """The model on generated interactions."""
    data = generated_split(items, USERS, 20 * USERS, seed=0).train
    size = EncoderSize(length=args.length, dim=args.dim, blocks=1, heads=1)
    return ServedSequences(gru4rec(data, size=size))


def requests(served: ServedSequences, users: int, length: int) -> dict[str, dict]:
    """Signature -> the inputs of a request for so many users, whose lists are the same."""
    rng = np.random.default_rng(0)
    rows = [rng.choice(served.num_items, length, replace=False) for _ in range(users)]
    history = tf.gather(served.item_ids, np.stack(rows))
    return {
        "recommend_from_history": {"item_id": history},
        "recommend_from_state": {
            "state": served.start_state(history[:, :-1])["state"],
            "item_id": history[:, -1:],
            "k": tf.fill([users], served.k),
            "exclude_item_id": history[:, :-1],
            "allow_item_id": tf.fill([users, 1], ""),
        },
    }


def in_turns(asked: dict[str, Callable], repeat: int) -> dict[str, float]:
    """Name -> the median milliseconds of processor time of its calls, which alternate; the first of
    each is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in asked}
    for _ in range(repeat + 1):
        for name, ask in asked.items():
            started = time.process_time()
            ask()
            seconds[name].append(time.process_time() - started)
    return {name: 1e3 * statistics.median(own[1:]) for name, own in seconds.items()}


def measured(items: int, users: Sequence[int], args: argparse.Namespace) -> list[dict]:
    """A record for each number of users in a request.

    Raises:
        RuntimeError: if the lists are not the same.
    """
    served = served_model(items, args)
    found = []
    for count in users:
        given = requests(served, count, args.length)
        graphs = {name: tf.function(served.method(name)) for name in given}
        lists = [graphs[name](**inputs)["item_id"].numpy() for name, inputs in given.items()]
        if (lists[0] != lists[1]).mean() > 0.01:  # scores that rounding alone tells apart
            raise RuntimeError("Lists by state should be those by history. Received others.")
        asked = {name: functools.partial(_answered, graphs[name], given[name]) for name in given}
        milliseconds = in_turns(asked, args.repeat)
        found.append({"items": items, "users": count, "milliseconds": milliseconds})
    return found


def _answered(graph: Callable, inputs: dict) -> np.ndarray:
    return graph(**inputs)["score"].numpy()


def markdown(report: dict, file: Path) -> str:
    """The page."""
    lines = []
    for row in report["rows"]:
        by_history, by_state = row["milliseconds"].values()
        times = [f"{by_history:.2f}", f"{by_state:.2f}", f"x{by_history / by_state:.1f}"]
        lines.append([f"{row['items']:,}", str(row["users"]), *times])
    about = facts(report["about"])
    return page("Requests by state", report["command"], about, table(HEAD, lines))


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    command.add_options(parser, OPTIONS)
    for name, default, text in (
        ("items", [1_000, 10_000, 100_000], "Sizes of the catalogue."),
        ("users", [1, 64], "Users in a request."),
    ):
        shown = " ".join(map(str, default))
        parser.add_argument(
            f"--{name}",
            nargs="+",
            type=command.positive,
            default=default,
            help=f"{text} Default: {shown}.",
        )
    command.add_report(parser, markdown, out=command.HERE)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    rows = [row for items in args.items for row in measured(items, args.users, args)]
    about = {"length": args.length, "dim": args.dim, **machine()}
    command.publish(args, {"about": about, "rows": rows}, markdown, args.name)


if __name__ == "__main__":
    sys.exit(main())
