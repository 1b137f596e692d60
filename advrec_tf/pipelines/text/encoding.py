"""A table of texts to a file of vectors: what `advrec encode` does."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np

from advrec_tf.data.readers.side_tables import read_texts
from advrec_tf.ops.files import atomic_file
from advrec_tf.text.cache import encode_texts, fingerprint
from advrec_tf.text.language_model import LanguageModelTower


def encode_table(
    tower: LanguageModelTower,
    path: str | os.PathLike,
    out: str | os.PathLike,
    *,
    id_column: str,
    text_column: str,
    cache: str | os.PathLike | None = None,
    batch_size: int = 64,
    overwrite: bool = False,
) -> dict:
    """Write the vectors of the texts in `path` to the .npz file `out`.

    It holds `ids` [n] str, `vectors` [n, dim] float32 and `notes`, JSON with the fingerprint
    of the tower; an existing file is refused unless `overwrite`.

    Returns:
        Counts, as JSON values: texts, without text, cut, dim.

    Raises:
        ValueError: if `out` does not end in .npz; besides those of `read_texts`.
    """
    out = Path(out)
    if out.suffix != ".npz":
        raise ValueError(f"`out` should end in .npz. Received: {os.fspath(out)!r}.")
    found = read_texts(path, id_column=id_column, text_column=text_column)
    ids, texts = [str(key) for key in found], list(found.values())
    vectors = encode_texts(tower, texts, cache=cache, batch_size=batch_size)
    notes = json.dumps({"tower": fingerprint(tower)})
    with atomic_file(out, overwrite=overwrite) as unfinished:
        np.savez(unfinished, ids=np.array(ids, str), vectors=vectors, notes=notes)
    return {
        "texts": len(texts),
        "without_text": sum(not text.strip() for text in texts),
        "cut": tower.tokenizer.num_truncated(texts) if texts else 0,
        "dim": tower.dim,
    }
