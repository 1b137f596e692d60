r"""Generated interactions for sparse users, users known by attributes, and the long tail.

    python -m experiments.augmentation --data ml-100k --run-dir runs/augmentation --out docs/results
    python -m experiments.augmentation --data events.csv --user-attributes users.csv \
        --parts sparse cold --seeds 3 --run-dir runs/augmentation

Every generated ingredient stands beside its ablation without the adversary and every simple
control, with paired tests; validation chooses the default, no augmentation included. Sequences need
the extra `analysis`. A stopped run goes on with --resume; --seeds may grow from one time to the
next.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from experiments.augmentation.page import render
from experiments.augmentation.settings import PARTS, AugmentationSettings
from experiments.harness import reports


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = cli.run_parser(__doc__, AugmentationSettings)
    parser.add_argument(
        "--user-attributes",
        metavar="FILE",
        help="The file holds attributes of users: CSV or TSV with a column user_id, or users.dat.",
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        choices=PARTS,
        help="Only these parts are run; default: all that the data allows.",
    )
    reports.add_arguments(parser, render, seeds=None)
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings = cli.settings_from(args, AugmentationSettings)
    from experiments.augmentation import study

    loaded = cli.load_from(args)
    print(loaded.report)
    cli.note_resume(args)
    report = study.run(
        loaded.interactions,
        settings,
        args.run_dir,
        user_attributes=args.user_attributes,
        parts=args.parts,
        command=cli.command_line(),
        resume=args.resume,
    )
    name = args.name or Path(args.data).name.split(".")[0]
    (args.run_dir / "plots").mkdir(exist_ok=True)
    folders = [args.run_dir, args.out or args.run_dir]
    print("\n" + reports.write(report, render, folders, f"augmentation-{name}"))


if __name__ == "__main__":
    sys.exit(main())
