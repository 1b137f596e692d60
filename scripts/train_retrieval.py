r"""Train the two-tower model alone, beside popularity and EASE.

python scripts/train_retrieval.py --data synthetic --run-dir runs/tower
python scripts/train_retrieval.py --data path/to/ml-100k --seeds 5 --run-dir runs/tower-100k
"""

import argparse
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.run_parser(__doc__)
    parser.add_argument("--export", help="The folder for the versions of the SavedModel.")
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings, prepared, identity, store = cli.begin(args, "retrieval")

    from advrec_tf.models.vectors import save_vectors
    from advrec_tf.pipelines.recommend import job

    outcome = job.run_retrieval(prepared, settings, store)
    save_vectors(outcome.shipped, args.run_dir / "shipped.npz")
    exported = cli.export_checked(outcome.shipped, args.export, identity)
    cli.finish(args, prepared, identity, outcome, **exported)
    cli.print_list(outcome.shipped, None)


if __name__ == "__main__":
    sys.exit(main())
