"""Parquet shards: a block is a row group, of which the wanted columns are read alone."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.records import find_columns
from advrec_tf.data.streams.shards import Shard, unchanged
from advrec_tf.data.streams.values import as_kinds, kinds_of

OPEN_FILES = 16
"""Shards that stay open, so that the footer of each is not read for every block."""


class ParquetFormat:
    """Reads Parquet; see `shards.Format`."""

    typed = True

    def __init__(self) -> None:
        self._opened = functools.lru_cache(OPEN_FILES)(_open)

    def kinds(self, path: str, columns: Sequence[str] | None) -> dict[str, str]:
        schema = _open(path).schema_arrow
        wanted = list(schema.names if columns is None else columns)
        find_columns(path, schema.names, wanted)
        return kinds_of(schema, wanted, path)

    def index(self, path: str, kinds: Mapping[str, str]) -> tuple[np.ndarray, np.ndarray]:
        metadata = _open(path).metadata
        groups = range(metadata.num_row_groups)
        rows = np.array([metadata.row_group(group).num_rows for group in groups], np.int64)
        return rows, np.arange(len(rows) + 1, dtype=np.int64)

    def read(self, shard: Shard, block: int, kinds: Mapping[str, str]) -> pa.Table:
        with unchanged(shard):
            group = int(shard.places[block])
            table = self._opened(shard.path).read_row_group(
                group, columns=list(kinds), use_threads=False
            )
            return as_kinds(table, kinds)


def _open(path: str) -> parquet.ParquetFile:
    try:
        return parquet.ParquetFile(path)
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: expected a whole Parquet file. Received: {reason}") from error
