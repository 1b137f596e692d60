r"""Export the recommender of a finished run as a SavedModel, checked against the one in memory.

    python scripts/export_model.py --run-dir runs/first --export saved_models/first --keep 3

Each export becomes a new numbered version; none is overwritten. --parquet also writes the lists of
all users to a file, for those who need no server.
"""

import argparse
import json
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
    parser.add_argument("--run-dir", type=Path, required=True, help="Folder of a finished run.")
    parser.add_argument(
        "--export", required=True, help="Folder for the versions of the SavedModel."
    )
    parser.add_argument(
        "--k", type=int, default=10, help="Length of a list where a request names none."
    )
    parser.add_argument(
        "--keep", type=int, help="Number of versions to keep; older ones are removed."
    )
    parser.add_argument("--parquet", help="File for the lists of all users.")
    args = parser.parse_args(argv)
    cli.require_counts(parser, args, "k", "keep")
    return args


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    vectors, run = args.run_dir / "shipped.npz", args.run_dir / "run.json"
    for path in (vectors, run):
        if not path.exists():
            raise SystemExit(f"Error: {path} should exist; a run writes it when it ends.")

    from advrec_tf.models.vectors import load_vectors
    from advrec_tf.serving.batch_lists import recommend_all

    recommender = load_vectors(vectors)
    exported = cli.export_checked(
        recommender, args.export, json.loads(run.read_text()), k=args.k, keep=args.keep
    )
    print(json.dumps(exported["export"], indent=2))
    if args.parquet is not None:
        count = recommend_all(recommender, args.parquet, args.k)
        print(f"{count:,} recommendations in {args.parquet}")


if __name__ == "__main__":
    sys.exit(main())
