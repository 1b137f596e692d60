r"""Train a language model as the item tower of a recommender, plainly or against an adversary.

    bash scripts/install_minilm.sh     # prints the folder of a small sentence encoder
    python scripts/train_text_tower.py --data events.csv --item-table items.csv \
        --item-table-text title --model MODEL_FOLDER --strategy top:1 --adversary freelb \
        --run-dir runs/text --export saved_models/text

First the vectors of the untouched model are computed once and a projection trained on them;
then, unless the model stays frozen, the model itself. --export writes the tower: text in, the
vector or the nearest items out. --sentence shows the items nearest to a text.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli
from advrec_tf.pipelines.text.settings import TextTowerSettings


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = cli.run_parser(__doc__, TextTowerSettings)
    parser.add_argument(
        "--model", required=True, help="The folder of a model, or a preset of keras-hub."
    )
    parser.add_argument(
        "--cache", default="runs/text_vectors", help="The folder where vectors are kept."
    )
    parser.add_argument("--export", help="The folder for the versions of the SavedModel.")
    parser.add_argument("--sentence", help="Show the items that are nearest to this text.")
    parser.add_argument(
        "--robustness", action="store_true", help="Measure what disturbed texts cost."
    )
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    settings, prepared, identity, store = cli.begin(args, "text_tower", TextTowerSettings)

    from advrec_tf.models.vectors import save_vectors
    from advrec_tf.pipelines.text import job

    found = job.run(
        prepared,
        settings,
        args.model,
        store,
        cache=args.cache,
        with_robustness=args.robustness,
    )
    save_vectors(found.recommender, args.run_dir / "vectors.npz")
    report = {**identity, "command": cli.command_line(), "counts": prepared.counts, **found.report}
    if args.export is not None:
        from advrec_tf.serving.folder import read_metadata
        from advrec_tf.serving.saved_model import export
        from advrec_tf.text.served import ServedTower

        texts = job.texts_of(prepared)[:20]
        exported = export(ServedTower(found.tower, found.recommender, texts=texts), args.export)
        check = read_metadata(exported)["check"]
        report["export"] = {"path": str(exported), "check": check}
    path = args.run_dir / "report.json"
    path.write_text(json.dumps(report, indent=2) + "\n")
    print("\n".join(job.table_lines(report)))
    print(f"\nreport       {path}")
    print(f"TensorBoard  tensorboard --logdir {args.run_dir / 'tensorboard'}")
    if "export" in report:
        print(
            f"SavedModel   {exported}, {check['answers']} answers as in memory through "
            f"TensorFlow's C API (largest difference {check['largest_difference']:.1e})"
        )
    if args.sentence is not None:
        print(f"\nitems nearest to {args.sentence!r}, by cosine:")
        for title, cosine in job.nearest_items(found, args.sentence):
            print(f"  {cosine:6.3f}  {title}")


if __name__ == "__main__":
    sys.exit(main())
