r"""Measure how fast the package trains and ranks, and how that grows with the catalogue.

    python -m experiments.speed --out runs/speed
    python -m experiments.speed --data ml1m-neumf-loo --methods bpr+adagrad apr+adagrad
    python -m experiments.speed --methods bpr+sgd --items 3706 --users 6040 --beside \
        'python -m experiments.speed.beside_implicit --pairs {pairs} --dim {dim} --epochs {epochs}'

Every cell runs in a process of its own, one after another. --beside runs a command in turns with
ours; {pairs} {items} {users} {interactions} {dim} {batch_size} {epochs} in it are filled in.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.machine import machine
from experiments.harness import command
from experiments.speed import beside, cells, page

SIZES = {"items": (10**3, 10**4, 10**5, 10**6), "users": 10_000, "interactions": 1_000_000}
NUMBERS = {
    "dim": "The number of factors.",
    "batch_size": "Positives in a step.",
    "block_steps": "Steps in a compiled block, about.",
    "epochs": "Epochs, the first of which compiles and is timed apart.",
    "evaluated_users": "Users that the catalogue is ranked for; 0 leaves the evaluation out.",
    "seed": "The seed of interactions, factors and batches.",
}


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    add = parser.add_argument
    methods = {"methods": ([*cells.METHODS], "Only these methods are measured.")}
    command.add_options(parser, methods)
    default = " ".join(map(str, SIZES["items"]))
    add(
        "--items",
        nargs="+",
        type=int,
        help=f"Sizes of the generated catalogues; default: {default}.",
    )
    for name in ("users", "interactions"):
        add(f"--{name}", type=int, help=f"Generated {name}; default: {SIZES[name]}.")
    add("--data", help="A published split such as ml1m-neumf-loo, in place of generated data.")
    add("--data-root", dest="root", help="The folder of published splits; default: ADVREC_DATA.")
    default = {field.name: field.default for field in dataclasses.fields(cells.Cell)}
    numbers = {name: (default[name], text, {"type": int}) for name, text in NUMBERS.items()}
    command.add_options(parser, numbers)
    beside = "Another library's command, which is run in turns with ours."
    add("--beside", metavar="COMMAND", help=beside)
    add("--rounds", type=int, help="Rounds of --beside; default: 3.")
    command.add_report(parser, page.markdown, out=command.HERE)
    add("--name", default="speed", help="The name of their files; default: speed.")
    args = parser.parse_args(argv)
    for name, value in SIZES.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
        elif args.data is not None:
            parser.error(f"--data brings its own sizes: leave out --{name}")
    if args.rounds is not None and args.beside is None:
        parser.error("--rounds goes with --beside: leave it out, or give a command")
    args.rounds = 3 if args.rounds is None else args.rounds
    return args


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    shared = ("users", "interactions", "data", "root", *NUMBERS)
    settings = {name: getattr(args, name) for name in shared}
    sizes = args.items if args.data is None else args.items[:1]
    asked = [
        cells.Cell(method=method, items=items, **settings)
        for method in args.methods
        for items in sizes
    ]
    report = {
        "machine": {**machine(), "load_at_start": os.getloadavg()[0]},
        "cells": cells.measure_all(asked) if args.beside is None else [],
        "beside": [],
    }
    for cell in asked if args.beside is not None else ():
        with tempfile.TemporaryDirectory() as folder:
            found = beside.beside(cell, args.beside, rounds=args.rounds, folder=folder)
        report["beside"].append(dataclasses.asdict(found))
    command.publish(args, report, page.markdown, args.name)


if __name__ == "__main__":
    sys.exit(main())
