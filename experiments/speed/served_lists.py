r"""How fast exported lists of a large catalogue are found by an index, what they miss, and what the
export takes.

    python -m experiments.speed.served_lists --items 1000000 --recall 0.95 0.995 --out docs/results

Vectors of items are drawn around centers (`clustered`, of which `--noise` says how wide), as
trained ones lie, or alike in all directions (`random`), the worst that an index can meet; users are
drawn as items are, and have interactions. What is lost is held against exact lists of ten by
float32 vectors, of users who did not choose how many cells are read: the recall of their items, and
NDCG@10 where each of them is as likely to be the one that was held out. Milliseconds of the clock
of a request for one user and for 64, by the index and by exact lists, in one process.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from advrec_tf.serving import export
from advrec_tf.serving.forms import served_form
from advrec_tf.serving.index_tuning import QUERIES, shares
from advrec_tf.serving.lists import LOWEST
from experiments.harness import command
from experiments.harness.markdown import facts, page, table
from experiments.speed.cells import generated_split

KINDS = ("clustered", "random")
TABLES = ("float32", "int8")
OPTIONS = {
    "items": (1_000_000, "Items of the catalogue."),
    "users": (1_000, "Users of the model."),
    "interactions": (20, "Interactions of each user, which are in no list."),
    "dim": (64, "The width of the vectors."),
    "centers": (2_000, "Centers of clustered vectors."),
    "noise": (0.5, "Standard deviation around a center, whose own is 1.", {"type": float}),
    "name": ("served-lists", "The name of the files."),
}
HEAD = (
    "vectors",
    "kept as",
    "recall asked",
    "seconds to make",
    "MB",
    "cells read",
    "recall@10",
    "NDCG@10 lost",
    "ms, 1 user",
    "ms, 64 users",
)
K = 10
_AT_ONCE = 32


def drawn(kind: str, count: int, args: argparse.Namespace, seed: int) -> np.ndarray:
    """[count, dim] float32; the centers are the same for every seed."""
    rng = np.random.default_rng(seed)
    made = rng.normal(size=(count, args.dim)).astype(np.float32)
    if kind == "clustered":
        centers = np.random.default_rng(0).normal(size=(args.centers, args.dim))
        made *= args.noise
        made += centers.astype(np.float32)[rng.integers(0, args.centers, count)]
    return made


def model_of(kind: str, args: argparse.Namespace) -> VectorRecommender:
    """Drawn vectors, and interactions of the users."""
    data = generated_split(args.items, args.users, args.users * args.interactions, seed=0).train
    return VectorRecommender(
        user_vectors=drawn(kind, args.users, args, 2),
        item_vectors=drawn(kind, args.items, args, 1),
        unknown_user=np.zeros(args.dim, np.float32),
        interactions=data,
    )


def asked(model: VectorRecommender) -> np.ndarray:
    """Users, of whom as many as there are did not choose how many cells are read."""
    count = model.interactions.num_users
    chose = np.linspace(0, count - 1, min(QUERIES, count)).astype(int)
    others = np.setdiff1d(np.arange(count), chose)
    return (others if len(others) else chose)[:QUERIES].astype(np.int32)


def exact_lists(model: VectorRecommender, users: np.ndarray) -> np.ndarray:
    """[users, K] item indices by float32 vectors, best first."""
    seen, found = model.interactions.by_user(), []
    for start in range(0, len(users), _AT_ONCE):
        block = users[start : start + _AT_ONCE]
        scores = model.user_vectors[block] @ model.item_vectors.T
        for row, user in enumerate(block):
            scores[row, seen[user]] = LOWEST
        best = np.argpartition(-scores, K, axis=1)[:, :K]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1)
        found.append(np.take_along_axis(best, order, axis=1))
    return np.concatenate(found)


def ndcg(found: np.ndarray, exact: np.ndarray) -> float:
    """[lists, K] each -> what lists reach of NDCG@K where any item of the exact list may be the one
    that was held out, as a share of what the exact lists reach."""
    gains = 1 / np.log2(np.arange(2, found.shape[1] + 2))
    hits = np.stack([np.isin(own, right) for own, right in zip(found, exact, strict=True)])
    return float((hits @ gains).mean() / gains.sum())


def measured(model: VectorRecommender, exact: np.ndarray, tables: str, recall: float) -> dict:
    """An export of the model: `seconds` to make it, and the numbers of a row; where the recall
    cannot be reached, `refused` with the reason."""
    started = time.perf_counter()
    try:
        served = served_form(model, k=K, index="ivf", recall=recall, tables=tables)
    except ValueError as error:
        return {"refused": str(error)}
    seconds = time.perf_counter() - started
    users = asked(model)
    found = np.concatenate(
        [
            served.recommend_index(users[start : start + _AT_ONCE])["item_index"].numpy()
            for start in range(0, len(users), _AT_ONCE)
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        path = export(served, folder, check=False)
        size = sum(file.stat().st_size for file in Path(path).rglob("*") if file.is_file())
    report = served.report
    return {
        "seconds": seconds,
        "megabytes": size / 1e6,
        "cells": report.cells,
        "probes": report.probes,
        "recall": float(shares(found, exact).mean()),
        "ndcg_lost": 1 - ndcg(found, exact),
        "milliseconds": report.milliseconds,
    }


def cells_of(row: dict) -> list[str]:
    """A line of the table."""
    named = [row["vectors"], row["tables"], f"{row['asked']:g}"]
    if "refused" in row:
        return [*named, *[""] * 6, f"none: {row['refused']}"]
    times = [f"{own['index']:.1f} ({own['exact']:.1f})" for own in row["milliseconds"].values()]
    return [
        *named,
        f"{row['seconds']:.0f}",
        f"{row['megabytes']:.1f}",
        f"{row['probes']} of {row['cells']}",
        f"{row['recall']:.3f}",
        f"{row['ndcg_lost']:.2%}",
        *times,
    ]


def markdown(report: dict, file: Path) -> str:
    """The page."""
    lines = [
        *table(HEAD, [cells_of(row) for row in report["rows"]]),
        "",
        "Lists of ten against exact lists by float32 vectors, of users who did not choose the "
        "number of cells; in brackets: milliseconds of exact lists by the same tables. NDCG@10 "
        "lost: any item of the exact list may be the one that was held out.",
    ]
    return page("Served lists by an index", report["command"], facts(report["about"]), lines)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    command.add_options(parser, OPTIONS)
    parser.add_argument("--vectors", nargs="+", choices=KINDS, default=list(KINDS), help="Which.")
    parser.add_argument(
        "--tables", nargs="+", choices=TABLES, default=list(TABLES), help="How they are kept."
    )
    parser.add_argument(
        "--recall",
        nargs="+",
        type=float,
        default=[0.95],
        metavar="SHARE",
        help="Shares of the items of exact lists of ten to reach. Default: 0.95.",
    )
    command.add_report(parser, markdown, out=command.HERE)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    rows = []
    for kind in args.vectors:
        model = model_of(kind, args)
        exact = exact_lists(model, asked(model))
        for tables in args.tables:
            for recall in args.recall:
                named = {"vectors": kind, "tables": tables, "asked": recall}
                rows.append(named | measured(model, exact, tables, recall))
                print("  " + ", ".join(filter(None, cells_of(rows[-1]))), flush=True)
    about = {name: getattr(args, name) for name in OPTIONS if name != "name"}
    command.publish(args, {"about": about | machine(), "rows": rows}, markdown, args.name)


if __name__ == "__main__":
    main(sys.argv[1:])
