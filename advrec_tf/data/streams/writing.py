"""Rows written as a folder of shards: the folder appears when all of it is written, or not at all.

What is held is one block of rows. Reading shards back is left to `stream`.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import tensorflow as tf
from pyarrow import parquet

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams.grouping import GroupBegins
from advrec_tf.data.streams.values import KINDS, as_kinds
from advrec_tf.ops.files import atomic_folder

FORMATS = ("parquet", "tfrecord")
ROWS_OF_A_SHARD = 2**20
ROWS_OF_A_BLOCK = 2**16


def write_shards(
    tables: Iterable[pa.Table],
    folder: str | os.PathLike,
    *,
    kinds: Mapping[str, str],
    file_format: str = "parquet",
    rows_of_a_shard: int = ROWS_OF_A_SHARD,
    together: str | None = None,
    source_of_together: str | None = None,
    log: Callable[[str], None] | None = None,
) -> list[str]:
    """Write rows, in their order, to part-00000.parquet and so on; the names of the files.

    In a TFRecord file numbers are 32 bits wide, a time is whole microseconds since 1970, and a
    missing value is a feature that the example lacks.

    Args:
        tables: the rows, with the columns of `kinds`; each is cut or joined to blocks.
        folder: a new folder.
        kinds: column name -> kind (`values.KINDS`).
        file_format: one of `FORMATS`.
        rows_of_a_shard: a shard ends with the block that reaches so many, >= 1; with `together`,
            where the next id after so many begins.
        together: a column of ids, integers or text, by which the rows are sorted: the rows of an id
            are not cut between two shards. None cuts anywhere.
        source_of_together: the name of that column where the rows come from, which an error says.
        log: takes a line for each shard but the last.

    Raises:
        ValueError: if a setting is out of its range.
        FileExistsError: if the folder exists.
        DataError: if a whole number would lose digits in TFRecord, or the rows of an id of
            `together` stand in two places.
    """
    if file_format not in FORMATS:
        raise ValueError(
            f"`file_format` should be one of {', '.join(FORMATS)}. Received: {file_format!r}."
        )
    if rows_of_a_shard < 1:
        raise ValueError(f"`rows_of_a_shard` should be >= 1. Received: {rows_of_a_shard!r}.")
    if together is not None and together not in kinds:
        raise ValueError(
            f"`together` should be one of the columns, {', '.join(kinds)}. Received: {together!r}."
        )
    open_shard = _parquet_shard if file_format == "parquet" else _tfrecord_shard
    names: list[str] = []
    written = 0
    with atomic_folder(folder) as unfinished, contextlib.ExitStack() as opened:
        blocks = _blocks(tables, kinds, min(ROWS_OF_A_BLOCK, rows_of_a_shard))
        begins = None
        if together is not None:
            begins = GroupBegins(together, kinds[together], source=source_of_together)
        for block, first in _cut(blocks, rows_of_a_shard, begins):
            if first:
                opened.close()
                if log is not None and names:
                    log(f"{names[-1]}: {written:,} rows so far")
                names.append(f"part-{len(names):05d}.{file_format}")
                write = opened.enter_context(open_shard(unfinished / names[-1], kinds))
            write(block)
            written += len(block)
    return names


def _cut(
    blocks: Iterable[pa.Table], rows_of_a_shard: int, group_begins: GroupBegins | None
) -> Iterator[tuple[pa.Table, bool]]:
    """The rows of blocks, cut where a shard ends, and whether they are the first of their shard."""
    in_shard, first = 0, True
    for block in blocks:
        # A shard may end before the block, or before each id that begins in it.
        places = np.zeros(1, np.int64) if group_begins is None else group_begins(block)
        begin = 0
        while begin < len(block):
            full = begin + max(rows_of_a_shard - in_shard, 0)
            at = int(np.searchsorted(places, full))
            end = int(places[at]) if at < len(places) else len(block)
            if end > begin:
                yield block.slice(begin, end - begin), first
                in_shard, first = in_shard + end - begin, False
            if at < len(places):
                in_shard, first = 0, True
            begin = end


def _blocks(tables: Iterable[pa.Table], kinds: Mapping[str, str], size: int) -> Iterator[pa.Table]:
    """The rows in tables of `size` each, the last one smaller."""
    kept: list[pa.Table] = []
    count = 0
    for table in tables:
        kept.append(as_kinds(table, kinds))
        count += len(table)
        if count < size:
            continue
        joined = pa.concat_tables(kept).combine_chunks()
        whole = count - count % size
        yield from (joined.slice(begin, size) for begin in range(0, whole, size))
        kept, count = [joined.slice(whole)], count - whole
    if count:
        yield pa.concat_tables(kept).combine_chunks()


@contextlib.contextmanager
def _parquet_shard(path: Path, kinds: Mapping[str, str]) -> Iterator[Callable[[pa.Table], None]]:
    schema = pa.schema([pa.field(name, KINDS[kind]) for name, kind in kinds.items()])
    with parquet.ParquetWriter(path, schema) as writer:
        yield lambda block: writer.write_table(block, row_group_size=len(block))


@contextlib.contextmanager
def _tfrecord_shard(path: Path, kinds: Mapping[str, str]) -> Iterator[Callable[[pa.Table], None]]:
    with tf.io.TFRecordWriter(os.fspath(path)) as writer:

        def write(block: pa.Table) -> None:
            columns = [
                [None if value is None else _feature(kind, value) for value in values]
                for name, kind in kinds.items()
                for values in [_plain(block.column(name), name, kind, path)]
            ]
            for row in zip(*columns, strict=True):
                there = {n: f for n, f in zip(kinds, row, strict=True) if f is not None}
                example = tf.train.Example(features=tf.train.Features(feature=there))
                writer.write(example.SerializeToString())

        yield write


def _plain(column: pa.ChunkedArray, name: str, kind: str, path: Path) -> list:
    if kind == "time":
        return column.cast(pa.int64()).to_pylist()
    if kind == "float":
        values = column.drop_null().to_numpy()
        whole = values[np.isfinite(values) & (values == np.round(values))]
        if (whole.astype(np.float32) != whole).any():
            raise DataError(
                f"{path.name}, column {name!r}: expected numbers that fit into 32 bits, which a "
                f"TFRecord file has. Received: {whole[whole.astype(np.float32) != whole][0]}. "
                f"Write Parquet, or read the column by `kinds={{{name!r}: 'int'}}`."
            )
    return column.to_pylist()


def _feature(kind: str, value) -> tf.train.Feature:
    if kind == "string":
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[value.encode()]))
    if kind == "float":
        return tf.train.Feature(float_list=tf.train.FloatList(value=[value]))
    return tf.train.Feature(int64_list=tf.train.Int64List(value=[int(value)]))
