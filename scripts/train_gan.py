r"""Train the profile GAN and its twin, and write the interactions they generate.

    python scripts/train_gan.py --data synthetic --run-dir runs/gan --out generated.csv

Users with fewer than --generated-reach interactions are filled up to so many. The file has
one row per generated interaction: user_id, item_id, source ("gan" or "gan_twin", the same
generator trained without the discriminator).
"""

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.jobs import cli


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.run_parser(__doc__)
    parser.add_argument("--out", required=True, help="CSV file of generated interactions")
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings, prepared, identity, store = cli.begin(args, "gan")

    from advrec_tf.jobs import generation, plots, recommender

    outcome = recommender.run_gan(prepared, settings, store)
    generation.write_csv(outcome.generated, args.out)
    cli.finish(args, prepared, identity, outcome)
    figures = plots.draw_players_and_rows(outcome, args.run_dir)
    print(f"plots        {', '.join(str(path) for path in figures)}")
    for source, rows in outcome.generated.items():
        print(f"{len(rows)} interactions by {source} in {args.out}")


if __name__ == "__main__":
    sys.exit(main())
