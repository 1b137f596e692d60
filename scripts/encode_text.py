r"""Vectors of the texts of a table, from a pretrained language model.

    python scripts/encode_text.py --model MODEL_FOLDER --table items.csv \
        --id-column item_id --text-column title --out runs/titles.npz

The file holds `ids` and `vectors`. Vectors are kept in --cache, and computed only once for
the same model, settings and texts.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from advrec_tf.pipelines import cli


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", required=True, help="The folder of a model, or a preset of keras-hub."
    )
    parser.add_argument("--table", required=True, help="A CSV or TSV file with a header.")
    parser.add_argument(
        "--id-column", default="item_id", help="The column of the ids. The default is item_id."
    )
    parser.add_argument(
        "--text-column", default="text", help="The column of the texts. The default is text."
    )
    cli.add_out_argument(parser, "The .npz file to write.")
    parser.add_argument(
        "--cache", default="runs/text_vectors", help="The folder where vectors are kept."
    )
    parser.add_argument(
        "--pooling",
        default="mean",
        help="How token vectors are pooled: mean, first or last. The default is mean.",
    )
    parser.add_argument(
        "--max-length",
        type=int,
        default=64,
        help="The largest number of tokens of a text. The default is 64.",
    )
    parser.add_argument(
        "--batch-size", type=int, default=64, help="Texts in a batch. The default is 64."
    )
    parser.add_argument("--mixed-precision", action="store_true", help="Compute in bfloat16.")
    return parser.parse_args(argv)


@cli.guarded
def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    cli.check_out(args)
    from advrec_tf.pipelines.text.encoding import encode_table
    from advrec_tf.text.language_model import LanguageModelTower

    tower = LanguageModelTower.from_preset(
        args.model,
        pooling=args.pooling,
        max_length=args.max_length,
        mixed_precision=args.mixed_precision,
    )
    counts = encode_table(
        tower,
        args.table,
        args.out,
        id_column=args.id_column,
        text_column=args.text_column,
        cache=args.cache,
        batch_size=args.batch_size,
        overwrite=args.overwrite,
    )
    print(json.dumps(counts))


if __name__ == "__main__":
    sys.exit(main())
