r"""Score every user of a file for fraud: a ranked list with reasons, and a scorer to serve.

    python scripts/detect_fraud.py --data ratings.csv --rating-column rating --out fraud.csv
    python scripts/detect_fraud.py --data clicks.csv --time-column when --out fraud.csv \
        --export saved_models/fraud

The list holds every user, the most suspicious first; those from suspicion 1/2 on are flagged,
with the features that set them apart. `--labels FILE` (lines "user 1" for a known fake, "user
0" for a known honest user) teaches a detector on what is known; without it, attacks are
simulated in the file itself, and blocks denser than chance and users who share more items with
another than popularity explains are looked for. A list is where to look, not a verdict: read the
reasons. Needs scikit-learn (extra `analysis`).
"""

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_data_arguments(parser)
    cli.add_out_argument(parser, "The CSV file of the ranked list.")
    parser.add_argument("--labels", help="A file of known fakes and honest users.")
    parser.add_argument("--export", help="The folder of the SavedModel that scores a profile.")
    parser.add_argument(
        "--day",
        type=float,
        default=86_400.0,
        help="The length of a day in the unit of the times; 0 ignores the hours. "
        "The default is 86400.",
    )
    parser.add_argument("--top", type=int, default=10, help="Users to show. The default is 10.")
    parser.add_argument("--seed", type=int, default=0, help="The seed. The default is 0.")
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "top")
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cli.check_out(args)
    cli.check_writable("export", args.export)
    loaded = cli.load_from(args)
    print(loaded.report)

    from advrec_tf.pipelines.fraud import job

    job.run(
        loaded.interactions,
        out=args.out,
        labels=args.labels,
        export=args.export,
        day=args.day or None,
        top=args.top,
        seed=args.seed,
        overwrite=args.overwrite,
    )


if __name__ == "__main__":
    sys.exit(main())
