"""`advrec encode`: vectors of texts from a language model."""

from __future__ import annotations

import json
from pathlib import Path

from advrec_tf.commands import run as runs
from advrec_tf.commands.arguments import Count


def encode(
    *,
    model: str,
    data: Path,
    out: Path,
    id_column: str = "item_id",
    text_column: str = "text",
    cache: str = "runs/text_vectors",
    pooling: str = "mean",
    max_length: Count = 64,
    batch_size: Count = 64,
    mixed_precision: bool = False,
    overwrite: bool = False,
) -> None:
    """Write the vectors of the texts of a table, from a pretrained language model.

    `advrec encode --model MODEL --data items.csv --text-column title --out runs/titles`

    The file vectors.npz in --out holds `ids` and `vectors`. Vectors are kept in --cache, and
    computed only once for the same model, settings and texts.

    Args:
        model: The folder of a language model, or a preset of keras-hub.
        data: A CSV or TSV file with a header.
        out: The folder for the file of vectors.
        id_column: The column of the ids.
        text_column: The column of the texts.
        cache: The folder where vectors are kept.
        pooling: How token vectors are pooled: mean, first or last.
        max_length: The largest number of tokens of a text.
        batch_size: Texts in a batch.
        mixed_precision: Compute in bfloat16.
        overwrite: Replace the file of vectors where it exists.
    """
    from advrec_tf.ops.files import check_output

    path = out / "vectors.npz"
    runs.check_writable("--out", out)
    check_output(path, overwrite=overwrite, inputs=[data], name="--out")
    from advrec_tf.pipelines.text.encoding import encode_table
    from advrec_tf.text.language_model import LanguageModelTower

    tower = LanguageModelTower.from_preset(
        model, pooling=pooling, max_length=max_length, mixed_precision=mixed_precision
    )
    counts = encode_table(
        tower,
        data,
        path,
        id_column=id_column,
        text_column=text_column,
        cache=cache,
        batch_size=batch_size,
        overwrite=overwrite,
    )
    print(json.dumps(counts))
