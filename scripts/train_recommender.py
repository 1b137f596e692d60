"""Train, compare, choose and export a recommender: the main job.

    python scripts/train_recommender.py --data synthetic --run-dir runs/first
    python scripts/train_recommender.py --data events.csv --user-column user --item-column product \
        --time-column when --run-dir runs/mine --export saved_models/mine
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.jobs import cli


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    cli.add_data_arguments(parser)
    parser.add_argument("--run-dir", type=Path, required=True, help="report, plots, TensorBoard")
    parser.add_argument("--export", type=Path, help="folder of the SavedModel's versions")
    parser.add_argument("--resume", action="store_true", help="continue the run in --run-dir")
    parser.add_argument("--show-user", help="print this user's list at the end (an id)")
    cli.add_settings_arguments(parser)
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings = cli.settings_from(args)
    loaded = cli.load_from(args)

    from advrec_tf.jobs import plots, recommender, report
    from advrec_tf.jobs.stages import StageStore
    from advrec_tf.serving.check import check_export
    from advrec_tf.serving.export import export

    started = time.perf_counter()
    print(loaded.report)
    prepared = recommender.prepare(loaded, settings)
    identity = recommender.identity_of(prepared, settings)
    store = StageStore(args.run_dir, identity, resume=args.resume)
    outcome = recommender.run(prepared, settings, store)

    result = report.make_report(
        outcome, identity=identity, counts=prepared.counts, audit=prepared.audit
    )
    figures = plots.draw_all(outcome, result, args.run_dir / "plots", args.run_dir / "tensorboard")
    if args.export is not None:
        path = export(outcome.shipped, args.export, metadata={"run": identity})
        result["export"] = {
            "path": str(path),
            "check": check_export(path, outcome.shipped).as_dict(),
        }
    (args.run_dir / "report.json").write_text(json.dumps(result, indent=2) + "\n")

    print()
    print("\n".join(report.table_lines(result)))
    print("\nwhat each ingredient bought (NDCG@10, paired over users, 95 % interval):")
    print("\n".join(report.comparison_lines(result["comparisons"])))
    if "cold_start" in result:
        print("\nthe same for users cut to 1, 3 or 5 interactions, on their withheld history:")
        print("\n".join(report.comparison_lines(result["cold_start"]["comparisons"]["withheld"])))
    print(f"\nshipped: {outcome.choices['shipped_model']}, chosen on validation")
    cli.print_list(outcome.shipped, args.show_user)
    print(f"\nreport       {args.run_dir / 'report.json'}")
    print(f"plots        {', '.join(str(path) for path in figures)}")
    if args.export is not None:
        print(f"SavedModel   {result['export']['path']}")
    print(f"TensorBoard  tensorboard --logdir {args.run_dir / 'tensorboard'}")
    print(f"{time.perf_counter() - started:.0f} s in all")


if __name__ == "__main__":
    sys.exit(main())
