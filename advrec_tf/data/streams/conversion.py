"""Files of any size written again as shards: one block of rows is held at a time."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Iterable, Mapping

import pyarrow as pa

from advrec_tf.data.streams.csv import CsvFormat
from advrec_tf.data.streams.stream import stream
from advrec_tf.data.streams.writing import ROWS_OF_A_SHARD, write_shards


@dataclasses.dataclass(frozen=True, kw_only=True)
class Converted:
    """What was written.

    Attributes:
        rows: how many.
        shards: names of the files.
        kinds: name of a column -> its kind.
    """

    rows: int
    shards: list[str]
    kinds: Mapping[str, str]


def convert(
    source: str | os.PathLike,
    folder: str | os.PathLike,
    *,
    columns: Mapping[str, str] | None = None,
    separator: str | None = None,
    file_format: str = "parquet",
    rows_of_a_shard: int = ROWS_OF_A_SHARD,
    together: str | None = None,
    log: Callable[[str], None] | None = None,
) -> Converted:
    """Write the rows of shards, in their order, to a new folder of shards, or to none at all.

    Args:
        source: as `stream` takes it; a single CSV file may be gzip.
        folder: which is made.
        columns: columns to write -> the names that they get; by default all, as they are called.
        separator: of CSV files; by default the one in the header.
        file_format, rows_of_a_shard, log: as in `writing.write_shards`.
        together: a column of ids, by its name in the source, by which the rows are sorted: all rows
            of an id come into one shard, which `stream_windows`, `stream_sequences` and
            `stream_profiles` ask for. The ids are held. None cuts shards anywhere.

    Raises:
        FileNotFoundError, DataError, ValueError: as `stream`; DataError, too, if the rows of an id
            of `together` stand in two places, and ValueError if it is not written.
        FileExistsError: if the folder exists.
    """
    wanted = None if columns is None else list(columns)
    tables: Iterable[pa.Table]
    if os.fspath(source).endswith((".csv.gz", ".tsv.gz")):
        file_format_read = CsvFormat(separator)
        kinds: Mapping[str, str] = file_format_read.kinds(os.fspath(source), wanted)
        tables = file_format_read.tables(os.fspath(source), kinds)
    else:
        opened = stream(source, columns=wanted, separator=separator)
        kinds, tables = opened.kinds, opened.blocks()
    names = {name: name if columns is None else columns[name] for name in kinds}
    if together is not None and together not in names:
        raise ValueError(
            f"`together` should be a column that is written, one of {', '.join(names)}. "
            f"Received: {together!r}."
        )
    rows = 0

    def renamed() -> Iterable[pa.Table]:
        nonlocal rows
        for table in tables:
            rows += len(table)
            yield table.rename_columns([names[name] for name in table.column_names])

    written = {names[name]: kind for name, kind in kinds.items()}
    shards = write_shards(
        renamed(),
        folder,
        kinds=written,
        file_format=file_format,
        rows_of_a_shard=rows_of_a_shard,
        together=None if together is None else names[together],
        source_of_together=together,
        log=log,
    )
    return Converted(rows=rows, shards=shards, kinds=written)
