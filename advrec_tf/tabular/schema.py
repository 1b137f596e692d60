"""The schema of a table: `infer` looks at a DataFrame and says of which type each column is.

What depends on the type is in `columns`, reading and writing files in `files`, turning values into
numbers that a network takes in `transform`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping

import numpy as np
import pandas as pd

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.readers.notations.dates import DAY
from advrec_tf.data.readers.notations.spelling import Spelling
from advrec_tf.tabular.column import Column
from advrec_tf.tabular.columns import (
    ASKABLE,
    Boolean,
    Category,
    Constant,
    Date,
    Identifier,
    Number,
    column_from_dict,
)
from advrec_tf.tabular.moments import date_seconds

FEWEST_ROWS = 50
MAX_CATEGORIES = 1000

_IDENTIFIER_NAME = re.compile(r"(^|_|\b)(id|uuid|guid|index|key)$|[a-z]Id$", re.IGNORECASE)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TableSchema:
    """The columns of a table, in order, and which of them is the label.

    Attributes:
        columns: in the order of the table.
        label: name of a learned column.
        noticed: sentences for the reader: how values are read that could be read otherwise, and
            columns that are not learned.
    """

    columns: tuple[Column, ...]
    label: str
    noticed: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        return [column.name for column in self.columns]

    @property
    def learned(self) -> list[Column]:
        """The columns that a generator learns: all but identifiers and constants."""
        return [column for column in self.columns if column.learned]

    def __getitem__(self, name: str) -> Column:
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(name)

    def as_dict(self) -> dict:
        """JSON-able; `from_dict` gives the schema back."""
        return {
            "columns": [column.as_dict() for column in self.columns],
            "label": self.label,
            "noticed": list(self.noticed),
        }

    @classmethod
    def from_dict(cls, record: Mapping) -> TableSchema:
        columns = tuple(column_from_dict(column) for column in record["columns"])
        return cls(columns=columns, label=record["label"], noticed=tuple(record["noticed"]))

    def require_same(self, frame: pd.DataFrame, name: str) -> pd.DataFrame:
        """The columns of `frame` in the schema's order.

        Raises:
            DataError: if one is absent; the message names it.
        """
        absent = [column for column in self.names if column not in frame]
        if absent:
            raise DataError(
                f"`{name}` should have the columns {', '.join(self.names)}. "
                f"Missing: {', '.join(absent)}."
            )
        return frame[self.names]


def infer(
    frame: pd.DataFrame,
    *,
    label: str | None = None,
    kinds: Mapping[str, str] | None = None,
    spellings: Mapping[str, Spelling] | None = None,
    max_categories: int = MAX_CATEGORIES,
    source: str = "DataFrame",
) -> TableSchema:
    """The schema of a table.

    Args:
        frame: [rows, columns]; bool, number, datetime and text columns, with missing values.
        label: name of the column to be predicted from the others; by default the last.
        kinds: name -> one of `columns.ASKABLE`, for columns that are not what they look like: a
            number that is a "category", or a text that is an "identifier".
        spellings: name -> how the file writes the column, as `files` found it.
        max_categories: the most distinct values a category may have.
        source: what messages call the table.

    Raises:
        DataError: if there are fewer than `FEWEST_ROWS` rows, a column holds values of more
            than one kind or too many categories, the label is absent or not learned, or fewer
            than two columns can be learned.
        ValueError: if `kinds` names an unknown column or kind.
    """
    kinds, spellings = dict(kinds or {}), dict(spellings or {})
    names = [str(name) for name in frame.columns]
    if len(frame) < FEWEST_ROWS:
        raise DataError(
            f"{source}: expected at least {FEWEST_ROWS} rows to learn from. Received {len(frame)}."
        )
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{source}: expected distinct column names. Received twice: {twice}.")
    for name, kind in kinds.items():
        if name not in names or kind not in ASKABLE:
            raise ValueError(
                f"`kinds` should give columns of {', '.join(names)} one of {ASKABLE}. "
                f"Received: {name!r}: {kind!r}."
            )
    label = names[-1] if label is None else label
    if label not in names:
        raise DataError(
            f"{source}: expected a label column {label!r}. Received: {', '.join(names)}."
        )
    columns, noticed = [], []
    for name in names:
        asked = kinds.get(name)
        column = _infer_column(frame[name], name, asked, source, max_categories, name == label)
        if name in spellings:
            column = column.spelled_as(spellings[name])
            noticed += spellings[name].said
        columns.append(column)
        noticed += column.notices()
        if asked is None and name != label:
            noticed += _copied(frame[name], column)
    schema = TableSchema(columns=tuple(columns), label=label, noticed=tuple(noticed))
    if not schema[label].learned:
        raise DataError(
            f"{source}: expected a label that varies and repeats. Received column {label!r}: "
            f"{schema[label].notices()[0]}."
        )
    if len(schema.learned) < 2:
        raise DataError(
            f"{source}: expected at least two columns to learn. Received "
            f"{'; '.join([', '.join(c.name for c in schema.learned), *noticed])}."
        )
    return schema


def _infer_column(series, name, asked, source, max_categories, is_label) -> Column:
    present = series.dropna()
    missing = len(present) < len(series)
    if not len(present):
        return Constant(name=name, dtype=str(series.dtype), missing=True)
    if asked == "identifier":
        return _identifier(present, name, missing)
    is_bool = pd.api.types.is_bool_dtype(present)
    distinct = pd.unique(present)
    if len(distinct) == 1 and not missing:
        value = distinct[0].item() if isinstance(distinct[0], np.generic) else distinct[0]
        if isinstance(value, pd.Timestamp):
            value = value.isoformat()
        return Constant(name=name, dtype=str(series.dtype), value=value)
    if asked == "boolean" or (is_bool and asked is None):
        if not is_bool:
            raise DataError(
                f"{source}, column {name!r}: expected true or false. "
                f"Received: {', '.join(map(repr, distinct[:5]))}."
            )
        return Boolean(name=name, dtype="boolean" if missing else "bool", missing=missing)
    if asked == "date" or (asked is None and pd.api.types.is_datetime64_any_dtype(present)):
        if not pd.api.types.is_datetime64_any_dtype(present):
            raise DataError(
                f"{source}, column {name!r}: expected dates. Received: {distinct[0]!r}."
            )
        seconds = date_seconds(present)
        return Date(
            name=name,
            dtype="datetime64[s]" if (seconds % 1 == 0).all() else "datetime64[us]",
            missing=missing,
            day=bool((seconds % DAY == 0).all()),
        )
    if asked in (None, "number") and pd.api.types.is_numeric_dtype(present):
        return _number(present, name, missing, asked, source, is_label)
    if asked == "number":
        raise DataError(f"{source}, column {name!r}: expected numbers. Received: {distinct[0]!r}.")
    _require_one_type(series, name, source)
    if asked is None and len(distinct) == len(present) and not missing and not is_label:
        return _identifier(present, name, missing)
    if len(distinct) > max_categories:
        raise DataError(
            f"{source}, column {name!r}: expected at most {max_categories:,} categories. "
            f"Received {len(distinct):,} in {len(present):,} rows. Leave the column out "
            f"(`--drop {name}`), have it numbered afresh (`--identifier {name}`), or raise "
            "`--max-categories`."
        )
    return Category(name=name, dtype=str(series.dtype), missing=missing)


def _identifier(present: pd.Series, name: str, missing: bool) -> Column:
    whole = pd.api.types.is_integer_dtype(present)
    following, width = int(present.max()) + 1 if whole else None, 0
    if not whole:
        texts = present.astype(str)
        lengths = texts.str.len()
        if lengths.min() == lengths.max() <= 18 and texts.str.fullmatch("[0-9]+").all():
            following, width = int(texts.max()) + 1, int(lengths.max())
    return Identifier(
        name=name,
        dtype="int64" if whole else "object",
        missing=missing,
        following=following,
        width=width,
    )


def _copied(series: pd.Series, column: Column) -> list[str]:
    """A word on a category that hardly repeats: generated rows can only copy its values."""
    if not isinstance(column, Category):
        return []
    rows, distinct = int(series.count()), int(series.nunique())
    if 2 * distinct <= rows:
        return []
    return [
        f"{column.name}: category, though {distinct:,} of {rows:,} values differ; generated rows "
        f"repeat them as they are. If they are free text, leave the column out (`--drop "
        f"{column.name}`)"
    ]


def _number(present, name, missing, asked, source, is_label) -> Column:
    values = present.to_numpy(np.float64)
    if not np.isfinite(values).all():
        row = present.index[int(np.argmin(np.isfinite(values)))]
        raise DataError(f"{source}, row {row}, column {name!r}: expected finite numbers.")
    decimals = _decimals(values)
    if decimals == 0 and asked is None and not missing and not is_label:
        distinct = np.unique(values)
        run = distinct[-1] - distinct[0] == len(distinct) - 1
        if len(distinct) == len(values) and (run or _IDENTIFIER_NAME.search(name)):
            return _identifier(present.astype("int64"), name, missing)
    whole = decimals == 0 and (missing or pd.api.types.is_integer_dtype(present))
    dtype = "float64" if not whole else "Int64" if missing else "int64"
    return Number(name=name, dtype=dtype, missing=missing, decimals=decimals)


def _decimals(values: np.ndarray) -> int | None:
    for decimals in range(5):
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=1e-9):
            return decimals
    return None


def _require_one_type(series: pd.Series, name: str, source: str) -> None:
    """A column of objects: all of them texts, say."""
    if pd.api.types.infer_dtype(series, skipna=True) == "string":
        return
    kinds: dict[str, int] = {}
    for row, value in enumerate(series):
        if not (value is None or value != value or value is pd.NaT):
            kinds.setdefault(_type_of(value), row)
    if len(kinds) > 1:
        (first, at), (second, where) = list(kinds.items())[:2]
        raise DataError(
            f"{source}, row {where}, column {name!r}: expected {first}, as in row {at}. "
            f"Received {second}: {series.iloc[where]!r}. A column holds one type."
        )


def _type_of(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "a boolean"
    if isinstance(value, (int, float, np.number)):
        return "a number"
    return "a text" if isinstance(value, str) else f"a {type(value).__name__}"
