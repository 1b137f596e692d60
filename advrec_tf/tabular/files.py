"""Tables in CSV files: read into typed columns block by block, and written back.

A value that does not fit its column is refused with its line. Memory is that of the typed
columns, not of the text. What the columns mean is inferred in `schema`.
"""

from __future__ import annotations

import csv
import dataclasses
import os
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.readers import columns, files, ids, records
from advrec_tf.data.readers.files import DataError
from advrec_tf.ops.files import atomic_file
from advrec_tf.tabular import schema as table_schema
from advrec_tf.tabular.schema import TableSchema

BLOCK_ROWS = 50_000
_BOOLEANS = {"true": True, "false": False}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Table:
    """A frame with its schema."""

    frame: pd.DataFrame
    schema: TableSchema

    def __str__(self) -> str:
        kinds = ", ".join(f"{c.name} ({c.kind})" for c in self.schema.columns)
        lines = [f"{len(self.frame):,} rows, label {self.schema.label!r}: {kinds}"]
        return "\n".join(lines + [f"  {line}" for line in self.schema.noticed])


def read_table(
    path: str | os.PathLike,
    *,
    label: str | None = None,
    kinds: Mapping[str, str] | None = None,
    drop: Sequence[str] = (),
    separator: str | None = None,
    encoding: str = "utf-8",
    max_categories: int = table_schema.MAX_CATEGORIES,
) -> Table:
    """A CSV or TSV file, plain or gzip, with a header line.

    Numbers, ISO dates, and true/false in any case are known by their look; everything else
    is a category, whole numbers written with leading zeros (postcodes) among it. Empty
    fields and the marks of `columns.MISSING` are missing.

    Args:
        path: the file.
        label, kinds, max_categories: as in `table_schema.infer`.
        drop: columns to leave out.
        separator: one character; by default tab or comma, whichever the header holds.
        encoding: of the text.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if it cannot be read, or a column mixes kinds; with the line.
        ValueError: if `drop` or `kinds` names no column.
    """
    kinds = dict(kinds or {})
    read = _read_columns(
        path, kinds, needed=label, drop=drop, separator=separator, encoding=encoding
    )
    frame = pd.DataFrame({column.name: column.series() for column in read})
    schema = table_schema.infer(
        frame,
        label=label,
        kinds={name: kind for name, kind in kinds.items() if name not in drop},
        spellings={c.name: c.spelling for c in read if c.spelling is not None},
        max_categories=max_categories,
        source=str(path),
    )
    return Table(frame=frame, schema=schema)


def read_like(
    schema: TableSchema,
    path: str | os.PathLike,
    *,
    separator: str | None = None,
    encoding: str = "utf-8",
) -> pd.DataFrame:
    """A further file of a table whose schema is known: its columns, by their kinds.

    Columns that the schema does not know are passed over.

    Raises:
        FileNotFoundError: if there is no such file.
        DataError: if a column of the schema is absent, or a value does not fit its kind.
    """
    kinds = {c.name: c.kind for c in schema.learned}
    kinds |= {c.name: "category" for c in schema.columns if c.name not in kinds}
    read = _read_columns(path, kinds, only=schema.names, separator=separator, encoding=encoding)
    frame = pd.DataFrame({column.name: column.series() for column in read})
    return schema.require_same(frame, str(path))


def _read_columns(
    path, kinds, *, separator, encoding, needed=None, drop=(), only=None
) -> list[_ColumnReader]:
    source = str(path)
    with records.open_records(path, separator=separator, encoding=encoding) as reader:
        names, separator = reader.names, reader.separator
        for name in [*drop, *(kinds if only is None else ())]:
            if name not in names:
                raise ValueError(
                    f"`drop` and `kinds` should name columns of {source}: {', '.join(names)}. "
                    f"Received: {name!r}."
                )
        if needed is not None and needed not in names:
            raise DataError(
                f"{source}: expected a label column {needed!r}. Received the columns "
                f"{', '.join(names)} (split at {separator!r})."
            )
        read = {
            position: _ColumnReader(source, name, kinds.get(name))
            for position, name in enumerate(names)
            if name not in drop and (only is None or name in only)
        }
        for block in reader.blocks(BLOCK_ROWS):
            for position, column in read.items():
                column.add(block.column(position), block.lines)
    return list(read.values())


def write_table(
    frame: pd.DataFrame,
    schema: TableSchema,
    path: str | os.PathLike,
    *,
    overwrite: bool = False,
    inputs: Sequence[str | os.PathLike | None] = (),
) -> None:
    """Write rows as the original file spelled them: dates, decimals, booleans.

    The file appears whole or not at all; `overwrite` and `inputs` as in `ops.files.atomic_file`.
    """
    spelled = {column.name: column.spelled(frame[column.name]) for column in schema.columns}
    with atomic_file(path, overwrite=overwrite, inputs=inputs) as unfinished:
        # The CSV writer leaves a carriage return unquoted, which would end the line.
        returns = any(
            isinstance(value, str) and "\r" in value
            for column in schema.columns
            if not pd.api.types.is_numeric_dtype(spelled[column.name])
            for value in pd.unique(spelled[column.name])
        )
        quoting = csv.QUOTE_ALL if returns else csv.QUOTE_MINIMAL
        pd.DataFrame(spelled).to_csv(unfinished, index=False, quoting=quoting)


class _ColumnReader:
    """Collects one column; what its first values are decides what all have to be."""

    def __init__(self, source: str, name: str, asked: str | None):
        self.source, self.name = source, name
        self.kind = {"number": "number", "date": "date", "boolean": "boolean"}.get(asked)
        if asked in ("category", "identifier"):
            self.kind = "text"
        self.asked = asked
        self.parts: list[np.ndarray] = []
        self.codes = ids.IdCodes()
        self.times = columns.Times(source=source, column=name)
        self.spelling: tuple[str, str] | None = None
        self._skipped = 0  # rows before the first value

    def add(self, texts: list[str], lines: np.ndarray) -> None:
        if self.kind is None:
            self.kind = self._look(texts)
            if self.kind is None:
                self._skipped += len(texts)
                return
        self.parts.append(self._parse(texts, lines))

    def _look(self, texts: list[str]) -> str | None:
        seen = [t.strip() for t in texts]
        seen = [t for t in seen if t not in columns.MISSING]
        if not seen:
            return None
        if all(t.lower() in _BOOLEANS for t in seen):
            return "boolean"
        if any(map(_is_padded, seen)) and all(map(_is_number, seen)):
            return "text"
        numbers = sum(map(_is_number, seen))
        if numbers == len(seen) or numbers > len(seen) / 2:
            return "number"  # the others are refused with their line
        dates = sum(t[4:5] == t[7:8] == "-" and t[:4].isdigit() for t in seen)
        return "date" if dates > len(seen) / 2 else "text"

    def _parse(self, texts: list[str], lines: np.ndarray) -> np.ndarray:
        def place(row: int) -> str:
            return f"line {lines[row]}"

        hint = f". If {self.name} is a category, say `--category {self.name}`"
        if self.kind == "text":
            return ids.encode_ids(
                self.codes, texts, source=self.source, column=self.name, place=place
            )
        if self.kind == "boolean":
            return self._booleans(texts, place, hint)
        try:
            if self.kind == "number":
                if self.asked is None:
                    self._refuse_padded(texts, place)
                return columns.numbers(texts, source=self.source, column=self.name, place=place)
            return self.times.parse(texts, place)
        except DataError as error:
            raise DataError(
                f"{str(error).rstrip('.')}, where most values are {self.kind}s{hint}."
            ) from None

    def _refuse_padded(self, texts, place) -> None:
        """As a number, 007 would be written as 7."""
        for row, text in enumerate(texts):
            if _is_padded(text.strip()):
                wanted = "a number without leading zeros"
                raise files.fault(self.source, place(row), self.name, wanted, text)

    def _booleans(self, texts, place, hint) -> np.ndarray:
        values = np.full(len(texts), np.nan)
        for row, text in enumerate(texts):
            text = text.strip()
            if text in columns.MISSING:
                continue
            if text.lower() not in _BOOLEANS:
                raise files.fault(
                    self.source, place(row), self.name, "true or false, as before it" + hint, text
                )
            values[row] = _BOOLEANS[text.lower()]
            if self.spelling is None:
                false, true = "false", "true"
                spell = str.upper if text.isupper() else str.title if text[0].isupper() else str
                self.spelling = (spell(false), spell(true))
        return values

    def series(self) -> pd.Series:
        if self.kind is None:
            return pd.Series(np.full(self._skipped, np.nan))
        values = np.concatenate(self.parts)
        if self.kind == "text":
            values = np.concatenate([np.full(self._skipped, -1, np.int32), values])
            ids = np.array([*self.codes.ids, None], dtype=object)
            return pd.Series(ids[values], dtype=object)
        values = np.concatenate([np.full(self._skipped, np.nan), values])
        gaps = np.isnan(values)
        if self.kind == "date":
            moments = np.where(gaps, 0, values).astype("int64").astype("datetime64[s]")
            return pd.Series(moments).mask(gaps)
        if self.kind == "boolean":
            return pd.Series(values).astype("boolean") if gaps.any() else pd.Series(values == 1)
        whole = not gaps.any() and (np.abs(values) < 2**53).all() and (values % 1 == 0).all()
        return pd.Series(values.astype("int64") if whole else values)


def _is_padded(text: str) -> bool:
    return len(text) > 1 and text[0] == "0" and text.isdigit()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
