r"""Models x defences under a named threat model, on several data sets: one page, one command.

    python -m experiments.robustness_leaderboard --data ml100k filmTrust GroceryFood AppAndroid \
        ToolHome yelp --run-dir runs/leaderboard --out docs/results
    python -m experiments.robustness_leaderboard --data filmTrust --threat push-quick --seeds 1 \
        --targets 2 --rows ease:none ease:rank-by-evidence --run-dir runs/small

Every cell is a stage of the folder of its data set below --run-dir: a stopped run goes on with
--resume. The page is robustness-leaderboard.md with a .json beside it; a later version of a threat
model has a page of its own, such as robustness-leaderboard-push-quick-2.md. A page in --out keeps
the data sets and rows that a run lacks, with the command that made them.
"""

import argparse
import dataclasses
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines.ending import guarded
from experiments.harness import arguments, command, reports

OPTIONS = {
    "rows": (
        [],
        "Rows of the table, each MODEL:DEFENCE, such as ease:none; default: the standard rows.",
        {"metavar": "MODEL:DEFENCE"},
    ),
    "groups": ([], "Only these groups of targets; by default all of the threat model."),
    "targets": (5, "Targets of each group."),
    "seeds": (3, "Every cell is measured with so many seeds."),
    "threat": (
        "push",
        "The threat model; push-quick has no learned and adaptive attacks.",
    ),
}


def render(report: dict, path: Path) -> str:
    from experiments.robustness_leaderboard import page

    return page.render(report, path)


def page_name(threat) -> str:
    """The name of the page: rows of two versions of a threat model never share one."""
    name = "robustness-leaderboard"
    return name if threat.version == 1 else f"{name}-{threat.title.replace('/', '-')}"


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = command.parser_of(__doc__)
    parser.add_argument(
        "--data",
        required=True,
        nargs="+",
        help="Shilling sets such as ml100k and filmTrust, MovieLens folders or table files.",
    )
    arguments.add_table_arguments(parser)
    arguments.add_run_arguments(parser)
    group = parser.add_argument_group("the leaderboard")
    command.add_options(group, OPTIONS)
    group.add_argument(
        "--models",
        type=int,
        default=10_000,
        help="Models of the certified ensemble, 0 for no certificates. Default: 10000.",
    )
    command.add_report(parser, render)
    return parser.parse_args(argv)


@guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    from advrec_tf._version import __version__
    from advrec_tf.pipelines.attack.runner import open_runner
    from experiments.robustness_leaderboard import page, study
    from experiments.robustness_leaderboard.threats import THREATS, checked_groups, checked_rows

    if args.threat not in THREATS or args.models < 0:
        raise ValueError(
            f"--threat should be of {', '.join(THREATS)} and --models at least 0. "
            f"Received: {args.threat!r}, {args.models}."
        )
    threat, rows = THREATS[args.threat], checked_rows(args.rows)
    groups = checked_groups(args.groups, threat)
    folders = {data: args.run_dir / Path(data).name.split(".")[0] for data in args.data}
    if len(set(folders.values())) < len(args.data):
        raise ValueError(f"--data should have different names. Received: {' '.join(args.data)}.")
    arguments.hold_run_dir(args)
    data_sets = []
    for data, folder in folders.items():
        runner = open_runner(
            data,
            run_dir=folder,
            resume=args.resume,
            per_group=max(5, args.targets),
            **arguments.table_columns(args),
        )
        data_sets.append(
            study.run(
                runner,
                threat,
                rows,
                groups=groups,
                targets=args.targets,
                seeds=args.seeds,
                models=args.models,
            )
        )
    about = {"version": __version__}
    report = {"about": about, "threat": dataclasses.asdict(threat), "data_sets": data_sets}
    stem = page_name(threat)
    if args.out and (before := args.out / f"{stem}.json").exists():
        report = page.continued(report, reports.read(before))
    command.publish(args, report, render, stem)


if __name__ == "__main__":
    sys.exit(main())
