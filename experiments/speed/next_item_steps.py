r"""How long a training step of SASRec takes as the catalogue grows, by sampled and by full softmax.

    python -m experiments.speed.next_item_steps --items 10000 100000 1000000

Invented histories of 50 items; processor time of a step, so that other programs do not count, and
its ratio to that of the first catalogue. The full softmax is left out of catalogues over
`--full-items`, where a step takes seconds.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from advrec_tf.data.interactions import Interactions, Vocabulary
from advrec_tf.data.windows import of_windows, training_windows
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.objectives import FullSoftmax, SequenceObjective
from advrec_tf.models.sequential.published import sasrec
from advrec_tf.pipelines.ending import guarded
from advrec_tf.training.optimizers import LazyAdam
from experiments.harness import command
from experiments.harness.markdown import table

LENGTH = 50
OPTIONS = {
    "full_items": (100_000, "Items up to which the full softmax is measured."),
    "users": (2_000, "Users, each with 50 items."),
    "batch_size": (128, "Histories in a batch."),
    "rounds": (3, "Epochs that are timed; the quickest counts."),
}
OBJECTIVES = {"sampled, 512 candidates": SampledSoftmax(candidates=512), "full": FullSoftmax()}


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


def step_seconds(data: Interactions, objective: SequenceObjective, args) -> float:
    """Processor seconds of a step, in the quickest epoch."""
    model = sasrec(data, size=EncoderSize(length=LENGTH, dim=64), objective=objective)
    batches = of_windows(training_windows(data, LENGTH), batch_size=args.batch_size, seed=0)
    model.compile(optimizer=LazyAdam(1e-3))
    model.fit(batches, epochs=1, verbose=0)
    found = []
    for _ in range(args.rounds):
        started = time.process_time()
        model.fit(batches, epochs=1, verbose=0)
        found.append((time.process_time() - started) / batches.steps_per_epoch)
    return min(found)


def lines(args: argparse.Namespace) -> list[list[str]]:
    """A line for each objective and catalogue."""
    found = []
    for name, objective in OBJECTIVES.items():
        first = None
        for count in args.items:
            if isinstance(objective, FullSoftmax) and count > args.full_items:
                continue
            seconds = step_seconds(histories(count, args.users), objective, args)
            first = first or seconds
            found.append([name, f"{count:,}", f"{1000 * seconds:.0f}", f"{seconds / first:.2f}"])
    return found


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
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    head = ("softmax", "items", "ms a step", "ratio to the first")
    print("\n".join(table(head, lines(parse_args(argv)))))


if __name__ == "__main__":
    main(sys.argv[1:])
