r"""Every generator of behavior tables on users' tables, over seeds: the page of its results.

    export ADVREC_DATA=…   # for ml-100k and ml-1m
    python -m experiments.tabular world ml-100k --seeds 3 \
        --run-dir runs/behavior-tables --out docs/results

A stopped run goes on by the same command; `--page-only` makes the page of what is finished.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from advrec_tf.pipelines.tabular import settings as table_settings


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("tables", nargs="+", choices=("world", "ml-100k", "ml-1m"))
    parser.add_argument("--seeds", type=int, default=5, help="default: 5")
    parser.add_argument("--run-dir", type=Path, required=True)
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder of the page")
    parser.add_argument("--page-only", action="store_true")
    table_settings.add_arguments(parser)
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings = table_settings.settings_from(args)
    from experiments.tabular import runner

    if not args.page_only:
        root = Path(os.environ.get("ADVREC_DATA", "."))
        runner.run_all(args.tables, range(args.seeds), settings, root, args.run_dir)
    text = runner.page(runner.collect(args.run_dir), cli.command_line())
    print(text)
    if args.out is not None:
        args.out.mkdir(parents=True, exist_ok=True)
        (args.out / "behavior-tables.md").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
