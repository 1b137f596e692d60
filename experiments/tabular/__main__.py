r"""Every generator of tables on tables of users, over seeds: the page of its results.

    export ADVREC_DATA=…   # for ml-100k and ml-1m
    python -m experiments.tabular world ml-100k --seeds 3 \
        --run-dir runs/generated-tables --out docs/results

A stopped run goes on by the same command. The page is generated-tables.md with a .json beside it.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from advrec_tf.pipelines.tabular.settings import TableSettings
from experiments.harness import arguments, command
from experiments.tabular import page, study


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    parser.add_argument(
        "tables", nargs="+", choices=tuple(page.TITLES), help="The tables of users."
    )
    where = "Every table and seed has a folder in this one, and goes on where it was stopped."
    parser.add_argument("--run-dir", type=Path, required=True, metavar="FOLDER", help=where)
    command.add_report(parser, page.markdown, seeds=5)
    arguments.add_settings_arguments(parser, TableSettings)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings = arguments.settings_from(args, TableSettings)
    root = Path(os.environ.get("ADVREC_DATA", "."))
    found = study.run(args.tables, range(args.seeds), settings, root, args.run_dir)
    command.publish(args, {"tables": found}, page.markdown, "generated-tables")


if __name__ == "__main__":
    sys.exit(main())
