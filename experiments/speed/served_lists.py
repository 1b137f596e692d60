r"""How fast lists of a large catalogue are found by an index, and what they miss.

    python -m experiments.speed.served_lists --items 1000000 --recall 0.95

Vectors of items are drawn around centers (`clustered`, of which `--noise` says how wide), as
trained ones lie, or alike in all directions (`random`), the worst that an index can meet; users are
drawn as items are. Milliseconds of the clock of a request for one user and for 64, by the index and
by exact lists, in one process.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from advrec_tf.pipelines.ending import guarded
from advrec_tf.serving.cell_index import CellIndex
from advrec_tf.serving.index_tuning import QUERIES, tune
from advrec_tf.serving.scorers import VectorScorer
from experiments.harness import command
from experiments.harness.markdown import table

KINDS = ("clustered", "random")
OPTIONS = {
    "items": (1_000_000, "Items of the catalogue."),
    "dim": (64, "The width of the vectors."),
    "centers": (2_000, "Centers of clustered vectors."),
    "noise": (0.5, "Standard deviation around a center, whose own is 1.", {"type": float}),
    "recall": (0.95, "Share of the items of exact lists of ten to reach.", {"type": float}),
}
HEAD = ("vectors", "seconds to build", "cells read", "recall@10", "ms, 1 user", "ms, 64 users")


def drawn(kind: str, count: int, args: argparse.Namespace, seed: int) -> np.ndarray:
    """[count, dim] float32; the centers are the same for every seed."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(count, args.dim)).astype(np.float32)
    if kind == "clustered":
        centers = np.random.default_rng(0).normal(size=(args.centers, args.dim))
        made *= args.noise
        made += centers.astype(np.float32)[rng.integers(0, args.centers, count)]
    return made


def line(kind: str, args: argparse.Namespace) -> list[str]:
    """A line of the table; where the recall cannot be reached, the reason."""
    items = drawn(kind, args.items, args, 1)
    started = time.perf_counter()
    index = CellIndex(items)
    seconds = f"{time.perf_counter() - started:.0f}"
    queries = drawn(kind, QUERIES, args, 2)
    nothing = [np.zeros(0, np.int32)] * QUERIES
    scorer = VectorScorer(queries, items, np.eye(args.dim, dtype=np.float32))
    try:
        found = tune(index, scorer, queries, nothing, recall=args.recall, k=10)
    except ValueError as error:
        return [kind, seconds, f"none: {error}", "", "", ""]
    times = [f"{own['index']:.1f} ({own['exact']:.1f})" for own in found.milliseconds.values()]
    return [kind, seconds, f"{found.probes} of {found.cells}", f"{found.recall:.3f}", *times]


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    command.add_options(parser, OPTIONS)
    parser.add_argument("--vectors", nargs="+", choices=KINDS, default=list(KINDS), help="Which.")
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    print("\n".join(table(HEAD, [line(kind, args) for kind in args.vectors])))
    print("\nIn brackets: exact lists.")


if __name__ == "__main__":
    main(sys.argv[1:])
