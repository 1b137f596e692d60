"""What the first rows of a table file look like: its columns, before anybody says what they are.

Interactions are read by `tables` and `frames`; here each column is seen by itself, typed by the
same rules as columns of features.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from advrec_tf.data.readers import files, records
from advrec_tf.data.readers.cells import ColumnTypes
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.schema import kind_of

SAMPLE = 10_000
"""Rows that are looked at."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class SeenColumn:
    """One column of a file in its first rows.

    Attributes:
        name: in the header.
        kind: what its values look like, of `data.features.KINDS`; or "mixed" where most are
            numbers or dates and some are not.
        distinct: the number of different values, without missing ones.
        missing: the number of rows without a value.
        example: the first value, at most 30 characters.
    """

    name: str
    kind: str
    distinct: int
    missing: int
    example: str


def columns_seen(path: str | os.PathLike, **how) -> list[SeenColumn]:
    """The columns of a CSV, TSV or Parquet file, from its first `SAMPLE` rows.

    Args:
        path: the file.
        **how: the form of a text file: `separator`, `encoding`, `column_names`, `max_text` and
            `escape`, as `tables.read_table` takes them.

    Raises:
        FileNotFoundError, DataError, ValueError: as the reader says.
    """
    path = Path(path)
    if path.suffix.lower() in (".parquet", ".pq"):
        return list(map(_seen, *zip(*_of_parquet(path), strict=True)))
    with records.open_records(path, **how) as reader:
        block = next(reader.blocks(SAMPLE), None)
        names = reader.names
    if block is None:
        raise DataError(f"{path}: expected rows after the header. Received a header only.")
    found = []
    for position, name in enumerate(names):
        cells = block.column(position)
        try:
            typed, _ = ColumnTypes().typed(
                name, cells, source=str(path), place=lambda row: f"line {block.lines[row]}"
            )
        except DataError:  # numbers or dates with something else among them
            typed = pd.Series([cell.strip() or None for cell in cells], dtype=object)
            found.append(dataclasses.replace(_seen(name, typed), kind="mixed"))
        else:
            found.append(dataclasses.replace(_seen(name, typed), example=_first(cells)))
    return found


def _of_parquet(path: Path) -> Iterator[tuple[str, pd.Series]]:
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(files.existing_file(path)) as file:
            batch = next(file.iter_batches(SAMPLE), None)
            frame = pd.DataFrame() if batch is None else batch.to_pandas()
    except (pa.ArrowException, OSError) as error:
        reason = str(error).splitlines()[0]
        raise DataError(f"{path}: expected a whole Parquet file. Received: {reason}") from error
    if not len(frame):
        raise DataError(f"{path}: expected rows. Received a file without any.")
    for name in frame.columns:
        yield str(name), frame[name]


def _seen(name: str, values: pd.Series) -> SeenColumn:
    given = values.dropna()
    return SeenColumn(
        name=str(name),
        kind=kind_of(values),
        distinct=given.astype(str).nunique(),
        missing=len(values) - len(given),
        example=_first(given.astype(str)),
    )


def _first(cells) -> str:
    return next((" ".join(cell.split())[:30] for cell in cells if cell.strip()), "")
