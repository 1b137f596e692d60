r"""What a training step of SASRec takes as the catalogue grows, by sampled and by full softmax.

    python -m experiments.speed.next_item_steps --items 10000 54542 1000000 --out docs/results

Invented histories of 50 items, a process for each line: processor time of a step, so that other
programs do not count, its ratio to that of the first catalogue, and the largest memory of the
process. The full softmax is left out of catalogues over `--full-items`, where a step takes seconds.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.objectives import FullSoftmax, SequenceObjective
from advrec_tf.models.sequential.published import sasrec
from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from advrec_tf.pipelines.memory import peak_memory
from advrec_tf.training import recipes
from experiments.harness import command
from experiments.harness.markdown import facts, page, table
from experiments.speed.cells import in_own_process

LENGTH = 50
OPTIONS = {
    "full_items": (100_000, "Items up to which the full softmax is measured."),
    "users": (2_000, "Users, each with 50 items."),
    "batch_size": (128, "Histories in a batch."),
    "rounds": (3, "Epochs that are timed; the quickest counts."),
}
CANDIDATES = SampledSoftmax(candidates=512)
GOAL_MEMORY = 0.1
"""Of what the steps of the full softmax add, what those of the sampled one should."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Way:
    """How a step is made.

    Attributes:
        objective: what states are compared with.
        optimizer: learning rate -> () -> the optimizer.
    """

    objective: SequenceObjective
    optimizer: Callable[[float], Callable]


WAYS = {
    "sampled, 512 candidates": Way(objective=CANDIDATES, optimizer=recipes.lazy_adam),
    "sampled, 512 candidates, dense Adam": Way(objective=CANDIDATES, optimizer=recipes.adam),
    "full, in blocks of 8 million logits": Way(
        objective=FullSoftmax(), optimizer=recipes.lazy_adam
    ),
    "full, at once": Way(objective=FullSoftmax(cells=2**40), optimizer=recipes.lazy_adam),
}
HEAD = ("softmax", "items", "ms a step", "ratio to the first", "peak MB", "before training MB")
LEGEND = (
    "ms a step: processor time of the quickest epoch, over its steps. peak MB: largest resident "
    "memory of the process, which holds the libraries, the data and the model; before training "
    "MB: the same before the first step. What a step needs is the difference, compilation "
    "included."
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cell:
    """What one process measures: a name of `WAYS`, a catalogue, and the options."""

    way: str
    items: int
    users: int
    batch_size: int
    rounds: int


def histories(num_items: int, num_users: int) -> Interactions:
    """`LENGTH` items of each user, drawn alike."""
    users = np.repeat(np.arange(num_users, dtype=np.int32), LENGTH)
    rng = np.random.default_rng(0)
    return Interactions(
        user_index=users,
        item_index=rng.integers(0, num_items, len(users), np.int32),
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
        timestamp=np.tile(np.arange(LENGTH, dtype=float), num_users),
    )


def measure(cell: Cell) -> dict[str, float]:
    """`seconds` of the processor a step, in the quickest epoch, `peak_megabytes` of this process
    and `before_megabytes`, what it had before the first step."""
    data, way = histories(cell.items, cell.users), WAYS[cell.way]
    model = sasrec(data, size=EncoderSize(length=LENGTH, dim=64), objective=way.objective)
    batches = of_windows(training_windows(data, LENGTH), batch_size=cell.batch_size, seed=0)
    model.compile(optimizer=way.optimizer(1e-3)())
    before = peak_memory()
    model.fit(batches, epochs=1, verbose=0)
    found = []
    for _ in range(cell.rounds):
        started = time.process_time()
        model.fit(batches, epochs=1, verbose=0)
        found.append((time.process_time() - started) / batches.steps_per_epoch)
    return {
        "seconds": min(found),
        "peak_megabytes": peak_memory(),
        "before_megabytes": before,
    }


def records(args: argparse.Namespace) -> list[dict]:
    """What was measured of each way and catalogue."""
    found = []
    for way in args.ways:
        for items in args.items:
            if isinstance(WAYS[way].objective, FullSoftmax) and items > args.full_items:
                continue
            numbers = {name: getattr(args, name) for name in ("users", "batch_size", "rounds")}
            cell = Cell(way=way, items=items, **numbers)
            values = in_own_process(measure, cell, f"{way} of {items:,} items")
            print(f"{way}, {items:,} items: {values}")
            found.append({"way": way, "items": items, **values})
    return found


def markdown(report: dict, path: Path) -> str:
    """The page, from the report alone."""
    lines, first = [], {}
    for record in report["records"]:
        seconds = record["seconds"]
        first.setdefault(record["way"], seconds)
        lines.append(
            [
                record["way"],
                f"{record['items']:,}",
                f"{1000 * seconds:.0f}",
                f"{seconds / first[record['way']]:.2f}",
                f"{record['peak_megabytes']:,.0f}",
                f"{record['before_megabytes']:,.0f}",
            ]
        )
    return page(
        "Steps of next-item training",
        report["command"],
        facts({**report["about"], **report["machine"]}),
        table(HEAD, lines),
        ["", LEGEND],
        _beside(report["records"]),
    )


def _beside(records: Sequence[dict]) -> list[str]:
    """For each catalogue of the full softmax: what a sampled step takes of the others' time and
    memory."""
    lines = []
    ways = list(WAYS)
    for items in dict.fromkeys(record["items"] for record in records):
        found = {record["way"]: record for record in records if record["items"] == items}
        if ways[0] not in found:
            continue
        own = found[ways[0]]
        for way in ways[1:]:
            if way in found:
                time_part = own["seconds"] / found[way]["seconds"]
                peak_part = own["peak_megabytes"] / found[way]["peak_megabytes"]
                step_part = _step(own) / _step(found[way])
                reached = f"; a tenth is {'' if step_part <= GOAL_MEMORY else 'not '}reached"
                if not isinstance(WAYS[way].objective, FullSoftmax):
                    reached = ""
                lines.append(
                    f"- {items:,} items, beside {way}: {time_part:.0%} of the time, "
                    f"{peak_part:.0%} of the memory of the process, {step_part:.0%} of what steps "
                    f"add to it{reached}"
                )
    return ["", f"A step of {ways[0]}, by LazyAdam:", "", *lines] if lines else []


def _step(record: dict) -> float:
    """Megabytes that the steps add."""
    return record["peak_megabytes"] - record["before_megabytes"]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    command.add_options(parser, OPTIONS)
    parser.add_argument(
        "--items",
        type=int,
        nargs="+",
        default=[10_000, 100_000, 1_000_000],
        help="Items of the catalogues. Default: %(default)s.",
    )
    parser.add_argument(
        "--ways",
        nargs="+",
        choices=WAYS,
        default=list(WAYS),
        metavar="WAY",
        help="These ways are measured, by default all: " + "; ".join(WAYS) + ".",
    )
    command.add_report(parser, markdown, out=command.HERE)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    about = {name: getattr(args, name) for name in OPTIONS if name != "full_items"}
    report = {"about": about, "machine": machine(), "records": records(args)}
    command.publish(args, report, markdown, "next-item-steps")


if __name__ == "__main__":
    main(sys.argv[1:])
