r"""Measure how fast the package trains and ranks, and how that grows with the catalogue.

    python -m experiments.speed --out runs/speed
    python -m experiments.speed --data ml1m-neumf-loo --methods bpr+adagrad apr+adagrad
    python -m experiments.speed --methods bpr+sgd --items 3706 --users 6040 --beside \
        'python -m experiments.speed.beside_implicit --pairs {pairs} --dim {dim} --epochs {epochs}'

Every cell runs in a process of its own, one after another. --beside runs a command in turns
with ours; {pairs} {items} {users} {rows} {dim} {batch_size} {epochs} in it are filled in.
"""

import argparse
import dataclasses
import os
import sys
import tempfile
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from advrec_tf.pipelines.machine import machine
from experiments.speed import beside, cells, report


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    own = {field.name: field.default for field in dataclasses.fields(cells.Cell)}
    parser.add_argument("--methods", nargs="+", metavar="NAME", default=[*cells.METHODS])
    sizes = {"items": [10**3, 10**4, 10**5, 10**6], "users": own["users"], "rows": own["rows"]}
    parser.add_argument("--items", nargs="+", type=int, help=f"catalogues, {sizes['items']}")
    parser.add_argument("--users", type=int, help=str(sizes["users"]))
    parser.add_argument("--rows", type=int, help=str(sizes["rows"]))
    parser.add_argument("--data", help="a published split instead, such as ml1m-neumf-loo")
    parser.add_argument("--data-root", dest="root", help="its folder; default: ADVREC_DATA")
    parser.add_argument("--dim", type=int, default=own["dim"], help="factors, %(default)s")
    parser.add_argument("--batch-size", type=int, default=own["batch_size"], help="%(default)s")
    parser.add_argument("--block-steps", type=int, default=own["block_steps"], help="%(default)s")
    parser.add_argument("--epochs", type=int, default=own["epochs"], help="%(default)s")
    parser.add_argument(
        "--evaluated-users", type=int, default=own["evaluated_users"], help="%(default)s; 0: none"
    )
    parser.add_argument("--seed", type=int, default=own["seed"], help="%(default)s")
    parser.add_argument("--beside", metavar="COMMAND", help="another library, in turns with ours")
    parser.add_argument("--rounds", type=int, help="of --beside, 3")
    parser.add_argument("--out", help="folder for benchmark.json and benchmark.md")
    args = parser.parse_args(argv)
    for name, value in sizes.items():
        if getattr(args, name) is None:
            setattr(args, name, value)
        elif args.data is not None:
            parser.error(f"--data brings its own sizes: leave out --{name}")
    if args.rounds is not None and args.beside is None:
        parser.error("--rounds goes with --beside: leave it out, or give a command")
    args.rounds = 3 if args.rounds is None else args.rounds
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    shared = ("users", "rows", "data", "root", "dim", "batch_size", "block_steps", "epochs")
    settings = {name: getattr(args, name) for name in (*shared, "evaluated_users", "seed")}
    sizes = args.items if args.data is None else args.items[:1]
    asked = [
        cells.Cell(method=method, items=items, **settings)
        for method in args.methods
        for items in sizes
    ]
    where = {**machine(), "load_at_start": os.getloadavg()[0]}
    rows, comparisons = [], []
    if args.beside is None:
        rows = report.measure_all(asked)
    else:
        for cell in asked:
            with tempfile.TemporaryDirectory() as folder:
                comparisons.append(
                    beside.beside(cell, args.beside, rounds=args.rounds, folder=folder)
                )
    for table in report.tables(rows, comparisons):
        print("", *report.aligned(table), sep="\n")
    if rows:
        print("", report.LEGEND, sep="\n")
    if args.out is not None:
        command = cli.command_line()
        paths = report.write_report(args.out, rows, comparisons, where=where, command=command)
        print(f"\nreport       {', '.join(str(path) for path in paths)}")


if __name__ == "__main__":
    sys.exit(main())
