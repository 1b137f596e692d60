r"""What generated behaviour buys sparse users, users known by attributes, and the long tail.

    python scripts/augmentation.py --data ml-100k --run-dir runs/augmentation --out docs/results
    python scripts/augmentation.py --data events.csv --user-attributes users.csv \
        --parts sparse cold --seeds 3 --run-dir runs/augmentation

Every generated ingredient stands beside its twin without the adversary and every simple control,
with paired tests; validation chooses the default, `off` included. Needs the extra `analysis` for
sequences. A stopped run goes on with --resume; --seeds may grow from one time to the next.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.jobs import cli
from advrec_tf.jobs.augmentation.settings import PARTS, AugmentationSettings


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = cli.run_parser(__doc__, AugmentationSettings)
    parser.add_argument(
        "--user-attributes", metavar="FILE", help="CSV/TSV by user_id, or users.dat"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, help="default: all the data allows")
    parser.add_argument("--out", type=Path, help="folder for augmentation-NAME.md and .json")
    parser.add_argument(
        "--page-only", action="store_true", help="train nothing: the page of the finished seeds"
    )
    parser.add_argument("--name", help="of the data, in file names; default: that of --data")
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings = cli.settings_from(args, AugmentationSettings)
    from advrec_tf.jobs.augmentation import job

    loaded = cli.load_from(args)
    print(loaded.report)
    name = args.name or Path(args.data).name.split(".")[0]
    text, report, plots = job.run(
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
    for folder in {args.run_dir, args.out or args.run_dir}:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"augmentation-{name}.json").write_text(json.dumps(report, indent=2) + "\n")
        (folder / f"augmentation-{name}.md").write_text(text)
    print("\n" + text)
    print("plots: " + ", ".join(map(str, plots)))


if __name__ == "__main__":
    sys.exit(main())
