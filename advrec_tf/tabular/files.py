"""Tables in CSV files: read into typed columns block by block, and written back as they came.

A file is read twice: once to find what each column holds and how it is written (`notations`), then
into typed columns, of which a value that does not fit is refused with its line. Memory is that of
the typed columns, not of the text. What the columns mean is inferred in `schema`.
"""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Collection, Iterator, Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.readers import files, ids, records
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.notations.scan import ColumnScan
from advrec_tf.data.readers.notations.spelling import READINGS, Spelling
from advrec_tf.ops.files import atomic_file
from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.moments import moments
from advrec_tf.tabular.schema import TableSchema

BLOCK_ROWS = 50_000


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """A frame with its schema, and the separator of its file."""

    frame: pd.DataFrame
    schema: TableSchema
    separator: str = ","

    def __str__(self) -> str:
        kinds = ", ".join(c.described() for c in self.schema.columns)
        lines = [f"{len(self.frame):,} rows, label {self.schema.label!r}: {kinds}"]
        return "\n".join(lines + [f"  {line}" for line in self.schema.noticed])

    def values(self, name: str) -> pd.Series:
        """Those of a column."""
        return self.frame[name]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableFormat:
    """How the text of a table file is to be read.

    Attributes:
        separator: one character, or several; by default tab, comma, semicolon or bar, whichever
            the header holds.
        encoding: of the text.
        escape: the character before a quote inside a quoted field; by default quotes are doubled.
        max_text: characters that one field may have.
        missing: what means a missing value beside the empty field; by default the marks of
            `columns.MISSING`, and those of `spelling.NUMBER_MARKS` in columns of numbers, dates
            and booleans.
        keep_missing: whether in columns of texts the empty field alone is missing.
    """

    separator: str | None = None
    encoding: str = "utf-8"
    escape: str | None = None
    max_text: int = files.MAX_TEXT
    missing: Collection[str] | None = None
    keep_missing: bool = False

    def __post_init__(self):
        if isinstance(self.missing, str):
            raise ValueError(f"`missing` should hold marks. Received the text {self.missing!r}.")

    def records(self, path: str | os.PathLike):
        """`records.open_records` of a file in this format."""
        return records.open_records(
            path,
            separator=self.separator,
            encoding=self.encoding,
            escape=self.escape,
            max_text=self.max_text,
        )

    def scan(self, name: str, **how) -> ColumnScan:
        """A scan of a column with these marks."""
        return ColumnScan(name, missing=self.missing, keep_missing=self.keep_missing, **how)


def read_table(
    path: str | os.PathLike,
    *,
    label: str | None = None,
    kinds: Mapping[str, str] | None = None,
    readings: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    max_categories: int = table_schema.MAX_CATEGORIES,
    **format,
) -> Table:
    """A CSV or TSV file, plain or gzip, with a header line.

    Numbers and dates in their usual notations (see `data.readers.notations`) and
    true/false in any case are known by their look; everything else is a category, whole numbers
    written with leading zeros (postcodes) among it.

    Args:
        path: the file.
        label, kinds, max_categories: as in `table_schema.infer`.
        readings: name -> one of `spelling.READINGS`, for a column that can be read in two ways.
        drop: columns to leave out.
        **format: the fields of `TableFormat`: separator, encoding, escape, missing marks.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it cannot be read, or a column mixes kinds; with the line.
        ValueError: if `drop`, `kinds` or `readings` names no column.
    """
    kinds, readings, form = dict(kinds or {}), dict(readings or {}), TableFormat(**format)
    source = str(path)
    for name, reading in readings.items():
        if reading not in READINGS:
            raise ValueError(
                f"`readings` should be of {READINGS}. Received: {name!r}: {reading!r}."
            )
    with form.records(path) as reader:
        names, separator = reader.names, reader.separator
    for name in [*drop, *kinds, *readings]:
        if name not in names:
            raise ValueError(
                f"`drop` and `kinds` should name columns of {source}: {', '.join(names)}. "
                f"Received: {name!r}."
            )
    if label is not None and label not in names:
        raise DataError(
            f"{source}: expected a label column {label!r}. Received the columns "
            f"{', '.join(names)} (split at {separator!r})."
        )
    names = [name for name in names if name not in drop]
    asked = {name: _TEXTS.get(kind, kind) for name, kind in kinds.items()}
    scans = {
        name: form.scan(name, asked=asked.get(name), reading=readings.get(name)) for name in names
    }
    spellings = _spellings(path, form, scans)
    frame = _read_frame(path, form, spellings)
    schema = table_schema.infer(
        frame,
        label=label,
        kinds={name: kind for name, kind in kinds.items() if name not in drop},
        spellings=spellings,
        max_categories=max_categories,
        source=source,
    )
    return Table(frame=frame, schema=schema, separator=separator)


def read_like(schema: TableSchema, path: str | os.PathLike, **format) -> pd.DataFrame:
    """A further file of a table whose schema is known: its columns, by their kinds.

    Columns that the schema does not know are passed over. The file may have a notation, a separator
    and an encoding of its own: what is named applies where the file is so, else it is found as in
    `read_table`.

    Args:
        schema: of the first file.
        path: the further file.
        **format: the fields of `TableFormat`.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if a column of the schema is absent, or a value does not fit its kind.
    """
    form = _format_of(path, TableFormat(**format), schema)
    with form.records(path) as reader:
        names = [name for name in reader.names if name in schema.names]
    spellings = _spellings(path, form, {n: _scan_like(schema[n], form) for n in names})
    frame = _read_frame(path, form, spellings)
    return schema.require_same(frame, str(path))


_TEXTS = {"category": "text", "identifier": "text"}


def _scan_like(column, form: TableFormat) -> ColumnScan:
    """A scan that finds the kind of a known column, and its marks of missing values."""
    kind = column.kind if column.learned else "text"
    scan = form.scan(column.name, asked=_TEXTS.get(kind, kind))
    return scan.like(column.mark, getattr(column, "notation", None))


def _format_of(path, form: TableFormat, schema: TableSchema) -> TableFormat:
    """The separator and the encoding that were named, where the file has them."""
    if form.encoding.lower() not in ("utf-8", "utf8") and files.is_utf8(path):
        form = dataclasses.replace(form, encoding="utf-8")
    if form.separator is not None:
        with form.records(path) as reader:
            if len(reader.names) == 1 and len(schema.names) > 1:
                form = dataclasses.replace(form, separator=None)
    return form


def _spellings(path, form: TableFormat, scans: Mapping[str, ColumnScan]) -> dict[str, Spelling]:
    """What each column holds, from the whole file."""
    for columns, _ in _blocks(path, form, list(scans)):
        for scan, texts in zip(scans.values(), columns, strict=True):
            scan.add(texts)
    return {name: scan.decide() for name, scan in scans.items()}


def _read_frame(path, form: TableFormat, spellings: Mapping[str, Spelling]) -> pd.DataFrame:
    read = [_ColumnReader(str(path), name, how) for name, how in spellings.items()]
    for columns, lines in _blocks(path, form, list(spellings)):
        for column, texts in zip(read, columns, strict=True):
            column.add(texts, lines)
    return pd.DataFrame({column.name: column.series() for column in read})


def _blocks(path, form: TableFormat, names: Sequence[str]) -> Iterator[tuple[list, np.ndarray]]:
    """(texts of each named column, lines) of the records of a file, some at a time."""
    with form.records(path) as reader:
        positions = reader.find(names)
        for block in reader.blocks(BLOCK_ROWS):
            yield [block.column(position) for position in positions], block.lines


def write_table(
    frame: pd.DataFrame,
    schema: TableSchema,
    path: str | os.PathLike,
    *,
    separator: str = ",",
    overwrite: bool = False,
    inputs: Sequence[str | os.PathLike | None] = (),
) -> None:
    """Write rows as the original file spelled them, in UTF-8.

    The file appears whole or not at all; `overwrite` and `inputs` as in `ops.files.atomic_file`.
    """
    spelled = {column.name: column.texts(frame[column.name]) for column in schema.columns}
    with atomic_file(path, overwrite=overwrite, inputs=inputs) as unfinished:
        # The CSV writer leaves a carriage return unquoted, which would end the line.
        returns = any(
            isinstance(value, str) and "\r" in value
            for column in schema.columns
            if not pd.api.types.is_numeric_dtype(spelled[column.name])
            for value in pd.unique(spelled[column.name])
        )
        quoting = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
        pd.DataFrame(spelled).to_csv(unfinished, index=False, quoting=quoting, sep=separator)


class _ColumnReader:
    """Collects one column, whose spelling is known."""

    def __init__(self, source: str, name: str, spelling: Spelling):
        self.source, self.name, self.spelling = source, name, spelling
        self.codes = ids.IdCodes(spelling.marks)
        self.parts: list[np.ndarray] = []

    def add(self, texts: list[str], lines: np.ndarray) -> None:
        def place(row: int) -> str:
            return f"line {lines[row]}"

        at = {"source": self.source, "column": self.name, "place": place}
        if self.spelling.kind is None:
            self.parts.append(np.full(len(texts), np.nan))
        elif self.spelling.kind == "text":
            self.parts.append(ids.encode_ids(self.codes, texts, **at))
        else:
            self.parts.append(self.spelling.numbers(texts, **at))

    def series(self) -> pd.Series:
        kind = self.spelling.kind
        values = np.concatenate(self.parts) if self.parts else np.zeros(0, np.int64)
        if kind is None:
            return pd.Series(values)
        if kind == "text":
            return pd.Series(np.array([*self.codes.ids, None], dtype=object)[values], dtype=object)
        gaps = np.isnan(values)
        if kind == "date":
            whole = (values[~gaps] % 1 == 0).all()
            return moments(values, "datetime64[s]" if whole else "datetime64[us]")
        if kind == "boolean":
            return pd.Series(values).astype("boolean") if gaps.any() else pd.Series(values == 1)
        whole = not gaps.any() and (np.abs(values) < 2**53).all() and (values % 1 == 0).all()
        return pd.Series(values.astype("int64") if whole else values)
