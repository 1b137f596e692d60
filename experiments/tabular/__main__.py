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

from advrec_tf.pipelines import cli
from advrec_tf.pipelines.tabular import settings as table_settings
from experiments.harness import reports
from experiments.tabular import study


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("tables", nargs="+", choices=tuple(study.TITLES), help="The tables of users.")
    add("--seeds", type=int, default=5, help="Every generator has so many seeds; default: 5.")
    add(
        "--run-dir",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="Every table and seed has a folder in this one, and goes on where it was stopped.",
    )
    add(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="The page and the report are written into this folder as well as into --run-dir.",
    )
    reports.add_render(parser, study.markdown)
    table_settings.add_arguments(parser)
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "seeds")
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings = table_settings.settings_from(args)
    root = Path(os.environ.get("ADVREC_DATA", "."))
    found = study.run(args.tables, range(args.seeds), settings, root, args.run_dir)
    report = {"command": cli.command_line(), "tables": found}
    folders = [args.run_dir, args.out or args.run_dir]
    print("\n" + reports.write(report, study.markdown, folders, "generated-tables"))


if __name__ == "__main__":
    sys.exit(main())
