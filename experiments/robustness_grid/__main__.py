r"""Attacks x victims x defences on one data set: the grid, its page and its plots.

    python -m experiments.robustness_grid --data ml100k --run-dir runs/grid --out docs/results
    python -m experiments.robustness_grid --data ml100k --run-dir runs/small --seeds 1 \
        --victims biased_mf --attacks random average segment --defences none remove-suspicious

Every cell is a stage of the run folder: a stopped grid goes on with --resume. The page is
robustness-DATA.md with a .json beside it; plots are PNG files, in --run-dir and in the folder
`images` beside --out, and images in TensorBoard.
"""

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from experiments.harness import reports

LISTS = {
    "attacks": "Attacks of the first part; default: all, and none.",
    "victims": "Victims of the first part.",
    "other_attacks": "Attacks of the first part that are tried on the other groups of targets too.",
    "transfer_attacks": "Attacks that are tried on victims they were not made for.",
    "transfer_victims": "Victims that attacks were not made for.",
    "informed_attacks": "Attacks that are made with all, some or no knowledge of the victim.",
    "informed_victims": "Victims of the attacks of each level of knowledge.",
    "defences": "Defences that are tried one by one; default: all but adversarial training.",
    "defended_victims": "Victims behind these defences.",
    "defended_attacks": "Attacks on defended victims; 'adaptive' knows victim and defence.",
    "defended_groups": "Groups of targets of defences and trade-off; default: the first group.",
    "strictness": "Defences of the trade-off: one defence made stricter and laxer.",
    "strict_attacks": "Attacks on the defences of the trade-off.",
    "hardened_victims": "Victims that are trained with an adversary on their vectors.",
    "hardened_attacks": "Attacks on hardened victims.",
    "sized_attacks": "Attacks that are tried with .3 to 5 %% of fake profiles.",
    "sized_victims": "Victims of attacks of several sizes.",
    "curve_victims": "Victims whose vectors are moved by a growing epsilon.",
    "groups": "Groups of targets: own, published, popular, mid, tail.",
}
COUNTS = {
    "targets": "Targets of the first group; default: 5.",
    "other_targets": "Targets of the other groups, and of the other parts; default: 2.",
    "seeds": "Seeds of heuristic and obfuscated attacks in the first part; default: 2.",
    "other_seeds": "Seeds of what is learned, and of the other parts; default: 1.",
}
TARGETS = 5  # drawn of each group, however many are used


def render(report: dict, path: Path) -> str:
    """The page; its plots are drawn again where it shows them."""
    from experiments.harness.plots import save
    from experiments.robustness_grid import figures, page

    save(figures.plots(report), path)
    return page.markdown(report, path)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--data",
        required=True,
        help="A shilling set such as ml100k or filmTrust, a MovieLens folder or a table file.",
    )
    cli.add_table_arguments(parser)
    cli.add_run_arguments(parser)
    reports.add_render(parser, render)
    parser.add_argument(
        "--out",
        type=Path,
        metavar="FOLDER",
        help="The page and the report are written into this folder as well as into --run-dir.",
    )
    parser.add_argument(
        "--workers",
        type=int,
        default=1,
        help="So many processes at once share the cores; default: 1.",
    )
    group = parser.add_argument_group("the grid", "An empty list leaves its part out.")
    group.add_argument(
        "--fillers",
        type=int,
        help="Items that a fake profile rates beside its target; default: the published number.",
    )
    group.add_argument("--size", type=float, help="Fake profiles per real user; default: 0.053.")
    for name, text in COUNTS.items():
        group.add_argument(f"--{name.replace('_', '-')}", type=int, help=text)
    for name, text in LISTS.items():
        group.add_argument(f"--{name.replace('_', '-')}", nargs="*", metavar="NAME", help=text)
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "fillers", *COUNTS, "workers")
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from advrec_tf.pipelines.attack.runner import open_runner
    from advrec_tf.pipelines.recommend.plots import write_figures
    from experiments.robustness_grid import figures, grid, page

    given = {n: v for n in ("size", *COUNTS) if (v := getattr(args, n)) is not None}
    names = {n: tuple(v) for n in LISTS if (v := getattr(args, n)) is not None}
    settings = grid.GridSettings(names=names, **given)
    cli.note_resume(args)
    reopen = functools.partial(
        open_runner,
        args.data,
        run_dir=args.run_dir,
        fillers=args.fillers,
        per_group=TARGETS,
        **cli.table_columns(args),
    )
    runner = reopen(resume=args.resume)
    report = grid.run(
        runner, settings, reopen=functools.partial(reopen, resume=True), workers=args.workers
    )
    report = {"command": cli.command_line()} | report
    stem = f"robustness-{runner.setting.name}"
    paths = write_figures({n: draw() for n, draw in figures.plots(report).items()}, args.run_dir)
    if args.out is not None:
        reports.copy_plots(paths, args.out, stem)
    print(reports.write(report, page.markdown, [args.run_dir, args.out or args.run_dir], stem))
    print(f"TensorBoard  tensorboard --logdir {args.run_dir / 'tensorboard'}")


if __name__ == "__main__":
    sys.exit(main())
