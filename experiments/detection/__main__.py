r"""Measure every detector of fake profiles: unseen attacks, labeled sets, click fraud.

    python -m experiments.detection --run-dir runs/detection --out docs/results

The data is found through ADVREC_DATA (default ../shared/data). Writes detection-SETS.json,
detection-SETS.md and the curves; a stopped run goes on with --resume. Needs scikit-learn
(extra `analysis`).
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_run_arguments(parser)
    parser.add_argument("--out", type=Path, help="folder of the page; default: the run folder")
    parser.add_argument(
        "--data", nargs="*", default=["ml100k"], help="shilling sets; default: ml100k"
    )
    parser.add_argument("--seeds", type=int, default=3, help="halvings of the users; default: 3")
    parser.add_argument("--targets", type=int, default=3, help="default: 3")
    parser.add_argument(
        "--learned",
        nargs="*",
        default=["pga", "revadv", "aush", "legup"],
        help="attacks that are optimized or learned; default: pga revadv aush legup",
    )
    parser.add_argument(
        "--parts",
        nargs="+",
        default=["unseen", "labeled", "clicks"],
        help="of the benchmark; default: unseen labeled clicks",
    )
    parser.add_argument("--detectors", nargs="+", metavar="NAME", help="default: all")
    parser.add_argument(
        "--against-learned", nargs="+", metavar="NAME", help="detectors of --learned; default: all"
    )
    parser.add_argument(
        "--on-labeled", nargs="+", metavar="NAME", help="detectors of labeled sets; default: all"
    )
    parser.add_argument("--click-seeds", type=int, default=3, help="worlds; default: 3")
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "seeds", "targets", "click_seeds")
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)

    from advrec_tf.pipelines.recommend.page import image_folder
    from advrec_tf.pipelines.recommend.plots import write_figures
    from experiments.detection import page, runner

    cli.note_resume(args)
    report = runner.run(
        run_dir=args.run_dir,
        resume=args.resume,
        sets=args.data,
        seeds=args.seeds,
        targets=args.targets,
        learned=args.learned,
        detectors=args.detectors,
        click_seeds=args.click_seeds,
        parts=args.parts,
        against_learned=args.against_learned,
        on_labeled=args.on_labeled,
    )
    command = cli.command_line()
    text = page.markdown(report, command)
    out = args.out or args.run_dir
    out.mkdir(parents=True, exist_ok=True)
    name = "-".join(["detection", *args.data])
    (out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    (out / f"{name}.md").write_text(text)
    images = image_folder(out)
    images.mkdir(parents=True, exist_ok=True)
    for path in write_figures(page.draw(report), args.run_dir):
        shutil.copyfile(path, images / path.name)
    print("\n" + text)


if __name__ == "__main__":
    sys.exit(main())
