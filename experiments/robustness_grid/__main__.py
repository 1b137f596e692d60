r"""Attacks x victims x defences on one data set: the grid, its page and its plots.

    python -m experiments.robustness_grid --data ml100k --run-dir runs/grid --out docs/results
    python -m experiments.robustness_grid --data ml100k --run-dir runs/small --seeds 1 \
        --victims biased_mf --attacks random average segment --defences none remove-suspicious

Every cell is a stage of the run folder: a stopped grid goes on with --resume. The page is
robustness-DATA.md with a .json beside it; plots are PNG files, in --run-dir and in the folder
`images` beside --out.
"""

import argparse
import functools
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.harness import arguments, command

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
    from experiments.robustness_grid import page

    return page.render(report, path)


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    parser.add_argument(
        "--data",
        required=True,
        help="A shilling set such as ml100k or filmTrust, a MovieLens folder or a table file.",
    )
    arguments.add_table_arguments(parser)
    arguments.add_run_arguments(parser)
    command.add_report(parser, render)
    command.add_options(parser, {"workers": (1, "So many processes at once share the cores.")})
    group = parser.add_argument_group("the grid", "An empty list leaves its part out.")
    fillers = "Items that a fake profile rates beside its target; default: the published number."
    group.add_argument("--fillers", type=command.positive, help=fillers)
    group.add_argument("--size", type=float, help="Fake profiles per real user; default: 0.053.")
    count, names = {"type": command.positive}, {"nargs": "*", "metavar": "NAME"}
    command.add_options(group, {name: (None, text, count) for name, text in COUNTS.items()})
    command.add_options(group, {name: (None, text, names) for name, text in LISTS.items()})
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from advrec_tf.pipelines.attack.runner import open_runner
    from experiments.robustness_grid import study
    from experiments.robustness_grid.cells import GridSettings

    given = {n: v for n in ("size", *COUNTS) if (v := getattr(args, n)) is not None}
    names = {n: tuple(v) for n in LISTS if (v := getattr(args, n)) is not None}
    settings = GridSettings(names=names, **given)
    arguments.hold_run_dir(args)
    reopen = functools.partial(
        open_runner,
        args.data,
        run_dir=args.run_dir,
        fillers=args.fillers,
        per_group=TARGETS,
        **arguments.table_columns(args),
    )
    runner = reopen(resume=args.resume)
    report = study.run(
        runner, settings, reopen=functools.partial(reopen, resume=True), workers=args.workers
    )
    command.publish(args, report, render, f"robustness-{runner.setting.name}")


if __name__ == "__main__":
    sys.exit(main())
