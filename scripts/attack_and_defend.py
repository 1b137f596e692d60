r"""Attack one recommender, defend it, and measure both.

    python scripts/attack_and_defend.py --data ml100k --victim biased_mf --attack segment
    python scripts/attack_and_defend.py --data ml100k --victim biased_mf --attack average \
        --defence remove-suspicious --seeds 5
    python scripts/attack_and_defend.py --data events.csv --rating-column stars --victim mf_bpr \
        --attack revadv --defence APR --items B00042 B00107

--data is a published shilling set (found through ADVREC_DATA), "synthetic", a MovieLens folder or a
table file. Each target of the group is attacked alone.
"""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli


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
    parser.add_argument(
        "--victim", default="biased_mf", help="The recommender that is attacked: %(default)s."
    )
    parser.add_argument("--attack", default="average", help="The attack: %(default)s.")
    parser.add_argument("--defence", default="none", help="The defence: %(default)s.")
    parser.add_argument(
        "--list", action=_List, help="Print the names of all attacks, victims and defences."
    )
    parser.add_argument(
        "--targets",
        help="The group of targets: published, popular, mid or tail. Default: the first that "
        "the data have.",
    )
    parser.add_argument(
        "--items",
        nargs="+",
        default=(),
        metavar="ID",
        help="Attack the items with these ids, as they stand in the data.",
    )
    parser.add_argument(
        "--per-group", type=int, default=5, help="The number of targets in a group: %(default)s."
    )
    parser.add_argument(
        "--size",
        type=float,
        default=0.05,
        help="The number of fake profiles per real user: %(default)s.",
    )
    parser.add_argument(
        "--fillers",
        type=int,
        help="The number of items that a fake profile rates beside its target. Default: the "
        "published number, or what the mean user rates.",
    )
    parser.add_argument(
        "--seeds", type=int, default=1, help="The number of repetitions: %(default)s."
    )
    cli.add_out_argument(parser, "Write the measures to this JSON file.", required=False, kind=Path)
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
    from advrec_tf.pipelines.attack import job

    job.run(
        args.data,
        attack=args.attack,
        victim=args.victim,
        defence=args.defence,
        group=args.targets,
        own_targets=args.items,
        per_group=args.per_group,
        size=args.size,
        fillers=args.fillers,
        seeds=args.seeds,
        out=args.out,
        overwrite=args.overwrite,
        **cli.table_columns(args),
    )


if __name__ == "__main__":
    sys.exit(main())
