r"""What generated behavior buys sparse users, users known by attributes, and the long tail.

    python -m experiments.augmentation --data ml-100k --run-dir runs/augmentation --out docs/results
    python -m experiments.augmentation --data events.csv --user-attributes users.csv \
        --parts sparse cold --seeds 3 --run-dir runs/augmentation

Every generated ingredient stands beside its ablation without the adversary and every simple
control,
with paired tests; validation chooses the default, `off` included. Needs the extra `analysis` for
sequences. A stopped run goes on with --resume; --seeds may grow from one time to the next.
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
from experiments.augmentation.settings import PARTS, AugmentationSettings


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = cli.run_parser(__doc__, AugmentationSettings)
    parser.add_argument(
        "--user-attributes", metavar="FILE", help="CSV/TSV by user_id, or users.dat"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="default: all the data allows")
    parser.add_argument(
        "--out", type=Path, help="folder for the page and .json; plots go to ../images"
    )
    parser.add_argument(
        "--page-only", action="store_true", help="train nothing: the page of the finished seeds"
    )
    parser.add_argument("--name", help="of the data, in file names; default: that of --data")
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings = cli.settings_from(args, AugmentationSettings)
    from experiments.augmentation import job, page

    loaded = cli.load_from(args)
    print(loaded.report)
    name = args.name or Path(args.data).name.split(".")[0]
    cli.note_resume(args)
    report, plots = job.run(
        loaded.interactions,
        settings,
        args.run_dir,
        user_attributes=args.user_attributes,
        parts=args.parts,
        title=name,
        command=cli.command_line(),
        resume=args.resume,
        page_only=args.page_only,
    )
    stem = f"augmentation-{name}"
    _write(args.run_dir, stem, report, page.markdown(report, name, images="plots/"))
    if args.out is not None:
        _write(args.out, stem, report, page.markdown(report, name, images=f"../images/{stem}-"))
        images = args.out.parent / "images"
        images.mkdir(parents=True, exist_ok=True)
        for path in plots:
            shutil.copyfile(path, images / f"{stem}-{path.name}")
    print("\n" + page.markdown(report, name, images=f"{args.run_dir}/plots/"))


def _write(folder: Path, stem: str, report: dict, text: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.json").write_text(json.dumps(report, indent=2) + "\n")
    (folder / f"{stem}.md").write_text(text)


if __name__ == "__main__":
    sys.exit(main())
