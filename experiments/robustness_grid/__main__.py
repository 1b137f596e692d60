r"""Attacks x victims x defences on one data set: the grid, its page and its curves.

    python -m experiments.robustness_grid --data ml100k --run-dir runs/grid --out docs/results
    python -m experiments.robustness_grid --data ml100k --run-dir runs/small --seeds 1 \
        --victims biased_mf --attacks random average segment --defences none scrub

Every cell is a stage of the run folder: a stopped grid goes on with --resume. The page is
robustness-DATA.md with a .json beside it; plots are PNG files (in ../images, seen from --out) and
in TensorBoard.
"""

import argparse
import functools
import json
import os
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli

NAMES = {
    "attacks": "of the first part; default: all, and none",
    "victims": "of the first part",
    "other_attacks": "those of them that are tried on every group of targets",
    "transfer_attacks": "tried on victims their writer never thought of",
    "transfer_victims": "those victims; nothing after it leaves the part out, as with all others",
    "informed_attacks": "written by attackers who know all, a fifth, or not the victim",
    "informed_victims": "theirs",
    "defences": "tried one by one; default: all but those of --hardened-victims",
    "defended_victims": "theirs",
    "defended_attacks": "on these; adaptive knows victim and defence",
    "defended_groups": "of targets, of defences and trade-off; default: the first",
    "strictness": "defences of the trade-off: one, stricter and laxer",
    "strict_attacks": "on these",
    "hardened_victims": "trained with an adversary on their vectors",
    "hardened_attacks": "on these",
    "sized_attacks": "tried at sizes from .3 to 5 %%",
    "sized_victims": "theirs",
    "curve_victims": "whose vectors are moved by a growing epsilon",
    "groups": "of targets: published, popular, mid, tail",
}
COUNTS = ("seeds", "few_seeds", "targets", "few_targets", "size")
TARGETS = 5  # drawn of each group, however many are used


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="ml100k, filmTrust, ..., or your own")
    cli.add_table_arguments(parser)
    cli.add_run_arguments(parser)
    parser.add_argument("--out", type=Path, help="folder of the page; default: the run folder")
    parser.add_argument(
        "--fillers", type=int, help="items a fake rates; default: the published number"
    )
    parser.add_argument("--seeds", type=int, help="of attacks by rule; default: 2")
    parser.add_argument(
        "--prior-max-history-seeds", type=int, help="of what costs more; default: 1"
    )
    parser.add_argument("--targets", type=int, help="of the first group; default: 5")
    parser.add_argument(
        "--prior-max-history-targets", type=int, help="of others, and of other parts; default: 2"
    )
    parser.add_argument("--size", type=float, help="fakes per real user; default: 0.053")
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="processes at once, which share the cores; default: 1",
    )
    for name, text in NAMES.items():
        parser.add_argument(f"--{name.replace('_', '-')}", nargs="*", metavar="NAME", help=text)
    args = parser.parse_args(argv)
    cli.require_counts(
        parser, args, "fillers", "seeds", "few_seeds", "targets", "few_targets", "workers"
    )
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from advrec_tf.pipelines.attack.cell import open_bench
    from advrec_tf.pipelines.recommend.page import image_folder
    from advrec_tf.pipelines.recommend.plots import write_figures
    from experiments.robustness_grid import figures, grid, page

    given = {name: tuple(v) for name in NAMES if (v := getattr(args, name)) is not None}
    given |= {n: v for n in COUNTS if (v := getattr(args, n)) is not None}
    settings = grid.GridSettings(**given)
    cli.note_resume(args)
    fresh = functools.partial(
        open_bench,
        args.data,
        run_dir=args.run_dir,
        fillers=args.fillers,
        per_group=TARGETS,
        **cli.table_columns(args),
    )
    bench = fresh(resume=args.resume)
    report = grid.run(
        bench, settings, fresh=functools.partial(fresh, resume=True), workers=args.workers
    )
    report["command"] = cli.command_line()
    paths = write_figures(figures.draw(report), args.run_dir)
    out = args.out or args.run_dir
    images = image_folder(out) if args.out else args.run_dir
    for folder in (out, images):
        folder.mkdir(parents=True, exist_ok=True)
    name = f"robustness-{bench.setting.name}"
    shown = []
    for path in paths:
        target = images / f"{name}-{path.stem}.png"
        shutil.copyfile(path, target)
        shown.append(Path(os.path.relpath(target, out)).as_posix())
    (out / f"{name}.json").write_text(json.dumps(report, indent=1) + "\n")
    text = page.markdown(report, report["command"], shown)
    (out / f"{name}.md").write_text(text)
    print("\n" + text)
    print(f"TensorBoard  tensorboard --logdir {args.run_dir / 'tensorboard'}")


if __name__ == "__main__":
    sys.exit(main())
