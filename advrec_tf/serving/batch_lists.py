"""The lists of all users as a batch job: a Parquet or CSV file in place of a server."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import Recommender, users_per_block
from advrec_tf.ops.files import atomic_file

_SEPARATORS = {".csv": ",", ".tsv": "\t"}


def recommend_all(
    model: Recommender,
    path: str | os.PathLike,
    k: int = 10,
    *,
    block: int | None = None,
) -> int:
    """Write the k best unseen items of every user of `model.interactions` to a file.

    The table has a row per recommendation: `user_id` and `item_id` as the data has them (whole
    numbers or text), `rank` int32 (1 is best), `score` float32. A list is shorter where fewer
    items are left. The file appears whole or not at all; users are scored block by block, so
    memory does not grow with their number.

    Args:
        model: any recommender, after `fit`.
        path: file to write, Parquet where it ends in .parquet, text in UTF-8 with a line of names
            where it ends in .csv or .tsv; an existing one is replaced.
        k: length of a list, >= 1.
        block: users scored at a time; by default so many that their scores take 64 MiB.

    Returns:
        The number of recommendations written.

    Raises:
        ValueError: if `k` or `block` is < 1, or `path` has another suffix.
        ImportError: if the file is to be Parquet and pyarrow is not installed.
    """
    require_lists_suffix(path)
    data = model.interactions
    block = users_per_block(data.num_items) if block is None else block
    if k < 1 or block < 1:
        raise ValueError(f"`k` and `block` should be >= 1. Received: {k!r} and {block!r}.")
    frozen = model.frozen()
    written = 0
    suffix = Path(path).suffix.lower()
    with (
        atomic_file(path, overwrite=True) as partial,
        _parquet(partial, data) if suffix == ".parquet" else _text(partial, suffix) as write,
    ):
        for start in range(0, data.num_users, block):
            lists = frozen.recommend(data.users.ids[start : start + block], k)
            write(lists)
            written += len(lists)
    return written


def require_lists_suffix(path: str | os.PathLike, name: str = "path") -> None:
    """ValueError unless `path` ends as a file that `recommend_all` writes; `name` is that of the
    argument."""
    known = (".parquet", *_SEPARATORS)
    if Path(path).suffix.lower() not in known:
        raise ValueError(
            f"`{name}` should end in {', '.join(known[:-1])} or {known[-1]}, which says what kind "
            f"of file is written. Received: {os.fspath(path)}."
        )


@contextlib.contextmanager
def _parquet(path: Path, data: Interactions) -> Iterator[Callable[[pd.DataFrame], None]]:
    """A function that adds lists to a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as parquet

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
    with parquet.ParquetWriter(path, schema) as writer:

        def write(lists: pd.DataFrame) -> None:
            columns = {
                name: np.asarray(lists[name])
                if pa.types.is_primitive(kind)
                else [str(value) for value in lists[name]]
                for name, kind in zip(schema.names, schema.types)
            }
            writer.write_table(pa.table(columns, schema=schema))

        yield write


@contextlib.contextmanager
def _text(path: Path, suffix: str) -> Iterator[Callable[[pd.DataFrame], None]]:
    """A function that adds lists to a text file."""
    names = ["user_id", "rank", "item_id", "score"]
    with open(path, "w", encoding="utf-8", newline="") as file:

        def add(lists: pd.DataFrame, header: bool) -> None:
            lists.to_csv(
                file, header=header, index=False, sep=_SEPARATORS[suffix], lineterminator="\n"
            )

        add(pd.DataFrame(columns=names), header=True)

        def write(lists: pd.DataFrame) -> None:
            add(lists[names].astype({"score": np.float32}), header=False)

        yield write
