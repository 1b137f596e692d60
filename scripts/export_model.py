r"""Export the model that a run shipped as a SavedModel, and check the export.

    python scripts/export_model.py --run-dir runs/first --export saved_models/first

Each export becomes a new numbered version; nothing is overwritten.
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
    parser.add_argument("--run-dir", type=Path, required=True, help="a finished run")
    parser.add_argument("--export", required=True, help="folder for the versions")
    parser.add_argument("--k", type=int, default=10, help="length of the default list")
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    shipped, run = args.run_dir / "shipped.npz", args.run_dir / "run.json"
    if not shipped.exists():
        raise SystemExit(f"Error: {shipped} should exist; it is written at the end of a run.")

    from advrec_tf.models.vectors import load_vectors

    exported = cli.export_checked(
        load_vectors(shipped), args.export, json.loads(run.read_text()), k=args.k
    )
    print(json.dumps(exported["export"], indent=2))


if __name__ == "__main__":
    sys.exit(main())
