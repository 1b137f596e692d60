r"""Attack one recommender, defend it, measure: one cell of the robustness benchmark.

    python scripts/attack_and_defend.py --data ml100k --victim biased_mf --attack segment
    python scripts/attack_and_defend.py --data ml100k --victim biased_mf --attack average \
        --defence scrub --seeds 5
    python scripts/attack_and_defend.py --data events.csv --rating-column stars --victim mf_bpr \
        --attack revadv --defence APR --items B00042 B00107

--data is a published shilling set (found through ADVREC_DATA), "synthetic", a MovieLens folder or a
table file. Each target of the group is attacked alone.
"""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.ops.files import atomic_bytes
from advrec_tf.pipelines import cli


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", required=True, help="ml100k, filmTrust, ..., or your own")
    cli.add_table_arguments(parser)
    parser.add_argument("--victim", default="biased_mf", help="%(default)s; a name of --list")
    parser.add_argument("--attack", default="average", help="%(default)s")
    parser.add_argument("--defence", default="none", help="%(default)s")
    parser.add_argument("--list", action=_List, help="print all names and stop")
    parser.add_argument(
        "--targets", help="published, popular, mid or tail; default: the first there is"
    )
    parser.add_argument("--items", nargs="+", default=(), metavar="ID", help="attack these items")
    parser.add_argument("--per-group", type=int, default=5, help="targets, %(default)s")
    parser.add_argument("--size", type=float, default=0.05, help="fakes per real user, %(default)s")
    parser.add_argument(
        "--fillers", type=int, help="items a fake rates; default: the published number"
    )
    parser.add_argument("--seeds", type=int, default=1, help="repetitions, %(default)s")
    cli.add_out_argument(parser, "JSON file of the measures", required=False, kind=Path)
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "per_group", "seeds", "fillers")
    return args


class _List(argparse.Action):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, nargs=0, **kwargs)

    def __call__(self, parser, *_):
        from advrec_tf.attacks.registry import ATTACKS
        from advrec_tf.attacks.victims import VICTIMS
        from advrec_tf.defence.registry import DEFENCES

        for title, names in (
            ("attacks", ("none", *ATTACKS, "adaptive")),
            ("victims", VICTIMS),
            ("defences", DEFENCES),
        ):
            print(f"{title}: {', '.join(names)}")
        parser.exit()


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cli.check_out(args)
    from advrec_tf.pipelines.attack import cell
    from advrec_tf.pipelines.attack.setting import load_setting
    from advrec_tf.pipelines.stages import StageStore
    from experiments.robustness_grid import grid, page

    cell.require_share(args.size)
    setting = load_setting(
        args.data, per_group=args.per_group, own_targets=args.items, **cli.table_columns(args)
    )
    group = args.targets or next(iter(setting.targets))
    cell.check_names(args.attack, args.victim, args.defence, group, setting)
    if setting.shift:
        print(
            f"ratings      {setting.shift:+g}, so that the lowest is 1: a fake rates nothing by 0"
        )
    ids = ", ".join(str(setting.id_of(target)) for target in setting.targets[group])
    print(f"{setting.split!r}\ntargets ({group}): {ids}")
    with tempfile.TemporaryDirectory() as folder:
        bench = cell.Bench(setting, StageStore(folder, {}), fillers=args.fillers)
        rows = [
            bench.run(
                cell.Cell(
                    attack=args.attack,
                    victim=args.victim,
                    defence=args.defence,
                    group=group,
                    target=target,
                    size=args.size,
                    seed=seed,
                )
            )
            for seed in range(args.seeds)
            for target in setting.targets[group]
        ]
    found = grid.aggregate(rows)[0]
    print("\n" + "\n".join(page.one_cell(found)))
    if args.out is not None:
        content = json.dumps({"mean": found, "cells": rows}, indent=2) + "\n"
        atomic_bytes(args.out, content, overwrite=args.overwrite)
        print(f"\nreport       {args.out}")


if __name__ == "__main__":
    sys.exit(main())
