r"""Train the ranking tower alone: clicks, and ratings where the data has them.

python scripts/train_ranking.py --data path/to/ml-100k --run-dir runs/ranking
"""

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    return cli.run_parser(__doc__).parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings, prepared, identity, store = cli.begin(args, "ranking")

    from advrec_tf.pipelines.recommend import job

    outcome = job.run_ranking(prepared, settings, store)
    result = cli.finish(args, prepared, identity, outcome)
    for name, row in result["models"].items():
        for kind in ("classification", "ratings", "ratings_of_the_mean"):
            if kind in row:
                figures = "  ".join(f"{key} {value:.4f}" for key, value in row[kind].items())
                print(f"{name}, {kind.replace('_', ' ')}: {figures}")


if __name__ == "__main__":
    sys.exit(main())
