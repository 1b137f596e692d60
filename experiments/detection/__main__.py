r"""Compare all detectors of fake profiles: unseen attacks, labeled sets, click fraud.

    python -m experiments.detection --run-dir runs/detection --out docs/results

The data is found through ADVREC_DATA (default ../shared/data). The page is detection-SETS.md with
a .json beside it; plots are PNG files, in --run-dir and in the folder `images` beside --out. A
stopped run goes on with --resume. Needs scikit-learn (extra `analysis`).
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.harness import arguments, command

NAMES = {"nargs": "*", "metavar": "NAME"}
OPTIONS = {
    "data": (["ml100k"], "The shilling sets of unseen attacks."),
    "learned": (["pga", "revadv", "aush", "legup"], "Attacks that are optimized or learned."),
    "parts": (["unseen", "labeled", "clicks"], "Only these parts are run."),
    "detectors": (None, "Only these detectors are compared; default: all.", NAMES),
    "against_learned": (None, "Detectors that are tested on learned attacks; default: all.", NAMES),
    "on_labeled": (None, "Detectors that are tested on labeled sets; default: all.", NAMES),
    "seeds": (3, "Halvings of the users, and seeds on labeled sets."),
    "targets": (3, "Targets of every attack."),
    "click_seeds": (3, "Synthetic worlds of click fraud."),
}


def render(report: dict, path: Path) -> str:
    from experiments.detection import page

    return page.render(report, path)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    return command.parse(__doc__, argv, render, OPTIONS)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from experiments.detection import study

    arguments.hold_run_dir(args)
    given = {name: getattr(args, name) for name in OPTIONS}
    report = study.run(run_dir=args.run_dir, resume=args.resume, sets=given.pop("data"), **given)
    command.publish(args, report, render, "-".join(["detection", *args.data]))


if __name__ == "__main__":
    sys.exit(main())
