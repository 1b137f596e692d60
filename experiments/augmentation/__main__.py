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

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.augmentation.page import render
from experiments.augmentation.settings import PARTS, AugmentationSettings
from experiments.harness import arguments, command


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = arguments.run_parser(__doc__, AugmentationSettings)
    names = {"nargs": "+", "choices": PARTS}
    parts = (None, "Only these parts are run; default: all that the data allows.", names)
    attributes = command.SIDE_FILES["user_attributes"]
    command.add_options(parser, {"user_attributes": attributes, "parts": parts})
    command.add_report(parser, render, name=True)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings = arguments.settings_from(args, AugmentationSettings)
    from experiments.augmentation import study

    loaded = arguments.load_from(args)
    print(loaded.report)
    arguments.note_resume(args)
    report = study.run(
        loaded.interactions,
        settings,
        args.run_dir,
        user_attributes=args.user_attributes,
        parts=args.parts,
        resume=args.resume,
    )
    command.publish(args, report, render, f"augmentation-{command.name_of(args)}")


if __name__ == "__main__":
    sys.exit(main())
