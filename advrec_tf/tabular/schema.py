"""The schema of a table: `infer` looks at a DataFrame and says of which type each column is.

What is known of the values of a column is counted in `facts`. What depends on the type is in
`columns`, reading and writing files in `files`, turning values into numbers that a network takes in
`transform`.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.readers.files import DataError
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
from advrec_tf.tabular.facts import ColumnFacts

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
    kinds = dict(kinds or {})
    names = [str(name) for name in frame.columns]
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise DataError(f"{source}: expected distinct column names. Received twice: {twice}.")
    require_kinds(kinds, names)
    facts = {
        name: ColumnFacts.of(frame[column], asked=kinds.get(name))
        for name, column in zip(names, frame.columns, strict=True)
    }
    return schema_of(
        facts,
        rows=len(frame),
        label=label,
        kinds=kinds,
        spellings=spellings,
        max_categories=max_categories,
        source=source,
    )


def require_kinds(kinds: Mapping[str, str], names: Sequence[str]) -> None:
    """Raise a ValueError where `kinds` names an unknown column or kind."""
    for name, kind in kinds.items():
        if name not in names or kind not in ASKABLE:
            raise ValueError(
                f"`kinds` should give columns of {', '.join(names)} one of {ASKABLE}. "
                f"Received: {name!r}: {kind!r}."
            )


def schema_of(
    facts: Mapping[str, ColumnFacts],
    *,
    rows: int,
    label: str | None = None,
    kinds: Mapping[str, str] | None = None,
    spellings: Mapping[str, Spelling] | None = None,
    max_categories: int = MAX_CATEGORIES,
    source: str = "DataFrame",
) -> TableSchema:
    """The schema of a table of `rows` rows whose columns were counted; as `infer`.

    Raises:
        DataError: as `infer`.
    """
    kinds, spellings, names = dict(kinds or {}), dict(spellings or {}), list(facts)
    if rows < FEWEST_ROWS:
        raise DataError(
            f"{source}: expected at least {FEWEST_ROWS} rows to learn from. Received {rows}."
        )
    label = names[-1] if label is None else label
    if label not in names:
        raise DataError(
            f"{source}: expected a label column {label!r}. Received: {', '.join(names)}."
        )
    columns, noticed = [], []
    for name in names:
        asked = kinds.get(name)
        column = _infer_column(facts[name], name, asked, source, max_categories, name == label)
        if name in spellings:
            column = column.spelled_as(spellings[name])
            noticed += spellings[name].said
        columns.append(column)
        noticed += column.notices()
        if asked is None and name != label:
            noticed += _copied(facts[name], column)
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


def _infer_column(
    facts: ColumnFacts, name: str, asked: str | None, source: str, max_categories: int, label: bool
) -> Column:
    missing, first = facts.missing > 0, facts.first
    if not facts.present:
        return Constant(name=name, dtype=facts.dtype, missing=True)
    if asked == "identifier":
        return _identifier(facts, name)
    if facts.distinct == 1 and not missing:
        value = first.item() if isinstance(first, np.generic) else first
        if isinstance(value, pd.Timestamp):
            value = value.isoformat()
        return Constant(name=name, dtype=facts.dtype, value=value)
    if asked == "boolean" or (facts.is_boolean and asked is None):
        if not facts.is_boolean:
            raise DataError(
                f"{source}, column {name!r}: expected true or false. Received: {first!r}."
            )
        return Boolean(name=name, dtype="boolean" if missing else "bool", missing=missing)
    if asked == "date" or (asked is None and facts.is_date):
        if not facts.is_date:
            raise DataError(f"{source}, column {name!r}: expected dates. Received: {first!r}.")
        return Date(
            name=name,
            dtype="datetime64[s]" if facts.whole_seconds else "datetime64[us]",
            missing=missing,
            day=facts.whole_days,
        )
    if asked in (None, "number") and (facts.is_number or facts.is_boolean):
        return _number(facts, name, asked, source, label)
    if asked == "number":
        raise DataError(f"{source}, column {name!r}: expected numbers. Received: {first!r}.")
    _require_one_type(facts, name, source)
    if asked is None and facts.all_differ and not missing and not label:
        return _identifier(facts, name)
    if facts.distinct > max_categories:
        about = "" if facts.exact else "about "
        raise DataError(
            f"{source}, column {name!r}: expected at most {max_categories:,} categories. "
            f"Received {about}{facts.distinct:,} in {facts.present:,} rows. Leave the column out "
            f"(`--drop {name}`), have it numbered afresh (`--identifier {name}`), or raise "
            "`--max-categories`."
        )
    return Category(name=name, dtype=facts.dtype, missing=missing)


def _identifier(facts: ColumnFacts, name: str, *, whole: bool = False) -> Column:
    whole, following, width = whole or facts.is_integer, None, facts.width or 0
    if whole:
        following = int(facts.high) + 1
    elif width:
        following = facts.largest + 1
    return Identifier(
        name=name,
        dtype="int64" if whole else "object",
        missing=facts.missing > 0,
        following=following,
        width=width,
    )


def _copied(facts: ColumnFacts, column: Column) -> list[str]:
    """A word on a category that hardly repeats: generated rows can only copy its values."""
    if not isinstance(column, Category) or 2 * facts.distinct <= facts.present:
        return []
    return [
        f"{column.name}: category, though {facts.distinct:,} of {facts.present:,} values differ; "
        f"generated rows repeat them as they are. If they are free text, leave the column out "
        f"(`--drop {column.name}`)"
    ]


def _number(facts: ColumnFacts, name: str, asked: str | None, source: str, label: bool) -> Column:
    missing = facts.missing > 0
    if facts.not_finite is not None:
        raise DataError(
            f"{source}, row {facts.not_finite}, column {name!r}: expected finite numbers."
        )
    if facts.decimals == 0 and asked is None and not missing and not label and facts.all_differ:
        run = facts.high - facts.low == facts.present - 1
        if run or _IDENTIFIER_NAME.search(name):
            return _identifier(facts, name, whole=True)
    whole = facts.decimals == 0 and (missing or facts.is_integer)
    dtype = "float64" if not whole else "Int64" if missing else "int64"
    return Number(name=name, dtype=dtype, missing=missing, decimals=facts.decimals)


def _require_one_type(facts: ColumnFacts, name: str, source: str) -> None:
    """A column of objects: all of them texts, say."""
    if len(facts.types) > 1:
        (first, (at, _)), (second, (where, value)) = list(facts.types.items())[:2]
        raise DataError(
            f"{source}, row {where}, column {name!r}: expected {first}, as in row {at}. "
            f"Received {second}: {value!r}. A column holds one type."
        )
