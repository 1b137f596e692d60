"""The lists of all users as a batch job: a Parquet file in place of a server."""

from __future__ import annotations

import os

import numpy as np

from advrec_tf.models.base import Recommender
from advrec_tf.ops.files import atomic_file

_BLOCK_CELLS = 2**24


def recommend_all(
    model: Recommender,
    path: str | os.PathLike,
    k: int = 10,
    *,
    block: int | None = None,
) -> int:
    """Write the k best unseen items of every user of `model.interactions` to a Parquet file.

    The table has a row per recommendation: `user_id` and `item_id` as the data has them (whole
    numbers or text), `rank` int32 (1 is best), `score` float32. A list is shorter where fewer
    items are left. The file appears whole or not at all; users are scored block by block, so
    memory does not grow with their number.

    Args:
        model: any recommender, after `fit`.
        path: file to write; an existing one is replaced.
        k: length of a list, >= 1.
        block: users scored at a time; by default so many that their scores take 64 MiB.

    Returns:
        The number of recommendations written.

    Raises:
        ValueError: if `k` or `block` is < 1.
        ImportError: if pyarrow is not installed.
    """
    import pyarrow as pa
    import pyarrow.parquet as parquet

    data = model.interactions
    block = max(1, _BLOCK_CELLS // max(data.num_items, 1)) if block is None else block
    if k < 1 or block < 1:
        raise ValueError(f"`k` and `block` should be >= 1. Received: {k!r} and {block!r}.")

    def typed(ids):
        return pa.int64() if ids.dtype.kind in "iu" else pa.string()

    schema = pa.schema(
        [
            ("user_id", typed(data.users.ids)),
            ("rank", pa.int32()),
            ("item_id", typed(data.items.ids)),
            ("score", pa.float32()),
        ]
    )
    frozen = model.frozen()
    written = 0
    with (
        atomic_file(path, overwrite=True) as partial,
        parquet.ParquetWriter(partial, schema) as writer,
    ):
        for start in range(0, data.num_users, block):
            lists = frozen.recommend(data.users.ids[start : start + block], k)
            columns = {
                name: np.asarray(lists[name])
                if pa.types.is_primitive(kind)
                else [str(value) for value in lists[name]]
                for name, kind in zip(schema.names, schema.types)
            }
            writer.write_table(pa.table(columns, schema=schema))
            written += len(lists)
    return written
