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

from advrec_tf.pipelines import cli
from experiments.harness import reports

LISTS = {
    "data": (["ml100k"], "The shilling sets of unseen attacks; default: ml100k."),
    "learned": (["pga", "revadv", "aush", "legup"], "Attacks that are optimized or learned."),
    "parts": (["unseen", "labeled", "clicks"], "Only these parts are run; default: all."),
    "detectors": (None, "Only these detectors are compared; default: all."),
    "against_learned": (None, "Detectors that are tested on learned attacks; default: all."),
    "on_labeled": (None, "Detectors that are tested on labeled sets; default: all."),
}
COUNTS = {
    "seeds": "Halvings of the users, and seeds on labeled sets.",
    "targets": "Targets of every attack.",
    "click_seeds": "Synthetic worlds of click fraud.",
}


def render(report: dict, path: Path) -> str:
    """The page; its plots are drawn again where it shows them."""
    from experiments.detection import figures, page
    from experiments.harness.plots import save

    save(figures.plots(report), path)
    return page.markdown(report, path)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_run_arguments(parser)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="The page and the report are written into this folder as well as into --run-dir.",
    )
    reports.add_render(parser, render)
    for name, (default, text) in LISTS.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, nargs="*", metavar="NAME", default=default, help=text)
    for name, text in COUNTS.items():
        option = f"--{name.replace('_', '-')}"
        parser.add_argument(option, type=int, default=3, help=f"{text} Default: 3.")
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, *COUNTS)
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from advrec_tf.pipelines.recommend.plots import write_figures
    from experiments.detection import figures, page, study

    cli.note_resume(args)
    given = {name: getattr(args, name) for name in (*LISTS, *COUNTS)}
    found = study.run(run_dir=args.run_dir, resume=args.resume, sets=given.pop("data"), **given)
    report = {"command": cli.command_line()} | found
    stem = "-".join(["detection", *args.data])
    paths = write_figures({n: draw() for n, draw in figures.plots(report).items()}, args.run_dir)
    if args.out is not None:
        reports.copy_plots(paths, args.out, stem)
    folders = [args.run_dir, args.out or args.run_dir]
    print("\n" + reports.write(report, page.markdown, folders, stem))


if __name__ == "__main__":
    sys.exit(main())
