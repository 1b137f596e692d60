r"""How good are generated rows? Fidelity, classifier tests and disclosure, as one HTML page.

    python scripts/quality_report.py real.csv generated.csv --label churned \
        --holdout unseen.csv --out runs/quality

REAL are the rows that the generator was trained on, --holdout real rows that it never saw;
without them nearest neighbors are held against the real rows themselves and membership is not
measured. The folder gets quality.html (self-contained), quality.json, plots, and TensorBoard
images. Each file may have a separator, an encoding and notations of numbers and dates of its own.
Needs the extra `analysis`.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from advrec_tf.pipelines.tabular import cli as table_cli


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("real", metavar="REAL", help="A CSV file of the training rows.")
    parser.add_argument("synthetic", metavar="SYNTHETIC", help="A CSV file of the generated rows.")
    parser.add_argument(
        "--holdout", metavar="FILE", help="A CSV file of real rows that no generator saw."
    )
    parser.add_argument(
        "--out", type=Path, required=True, metavar="DIR", help="The folder of the report."
    )
    parser.add_argument("--seed", type=int, default=0, help="The seed. The default is 0.")
    table_cli.add_table_arguments(parser)
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    if args.out.exists() and (not args.out.is_dir() or (args.out / "quality.json").exists()):
        held = "a report" if args.out.is_dir() else "a file"
        raise ValueError(f"`--out` should be a new folder. Received {args.out}, {held} already.")
    from advrec_tf.evaluation.two_sample import require_sklearn
    from advrec_tf.tabular.files import read_like

    require_sklearn()
    real = table_cli.read(args, args.real)
    print(real)
    files = cli.table_columns(args)
    synthetic = read_like(real.schema, args.synthetic, **files)
    holdout = None if args.holdout is None else read_like(real.schema, args.holdout, **files)

    from advrec_tf.tabular import quality, quality_page, quality_plots

    result = quality.quality(real.frame, synthetic, real.schema, holdout=holdout, seed=args.seed)
    args.out.mkdir(parents=True, exist_ok=True)
    plots, missing_plots = quality_plots.all_plots(real.frame, synthetic, real.schema)
    quality_plots.write_plots(plots, args.out)
    notes = [*real.schema.noticed, *missing_plots]
    record = {**result, "columns_read": real.schema.as_dict()["columns"]}
    (args.out / "quality.json").write_text(json.dumps(record, indent=2) + "\n")
    title = f"{Path(args.synthetic).name} against {Path(args.real).name}"
    page = args.out / "quality.html"
    page.write_text(quality_page.page(title, result, plots, notes=notes))
    for note in [*missing_plots, *result["notes"]]:
        print(f"note: {note}")
    for name, value, aim, done in quality_page.verdict_rows(result):
        shown = "not measured" if value is None else f"{value:.3f}"
        mark = {True: "reached", False: "missed", None: "not judged"}[done]
        print(f"{name:<62} {shown:>8}  {aim:<14} {mark}")
    print(f"report       {page}")


if __name__ == "__main__":
    sys.exit(main())
