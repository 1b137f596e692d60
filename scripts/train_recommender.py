r"""Train, compare, choose and export a recommender: the main job.

    python scripts/train_recommender.py --data synthetic --run-dir runs/first
    python scripts/train_recommender.py --data events.csv --user-column user --item-column product \
        --time-column when --run-dir runs/mine --export saved_models/mine
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
    parser.add_argument("--show-user", help="Show the list of the user with this id at the end.")
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings, prepared, identity, store = cli.begin(args, "recommender")

    from advrec_tf.models.vectors import save_vectors
    from advrec_tf.pipelines.recommend import job, plots

    outcome = job.run(prepared, settings, store)
    save_vectors(outcome.shipped, args.run_dir / "shipped.npz")
    exported = cli.export_checked(outcome.shipped, args.export, identity)
    result = cli.finish(args, prepared, identity, outcome, **exported)
    figures = plots.draw_all(outcome, result, args.run_dir)
    print(f"plots        {', '.join(str(path) for path in figures)}")
    cli.print_list(outcome.shipped, args.show_user)


if __name__ == "__main__":
    sys.exit(main())
