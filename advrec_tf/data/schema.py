"""The schema of the columns about users, items and interactions, inferred from their tables.

What depends on the kind of a column is in `features`; reading tables is left to `readers`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd

from advrec_tf.data.features import KINDS, SEVERAL, Column, Id

TEXT_WORDS = 3
"""A column of text, most values of which are different and have so many words on average, is
taken for texts, and not for categories."""

SEVERAL_SHARE = 0.1
"""The share of different texts from which a column with several entries in them may be lists."""

FEW_TEXTS = 10
"""With fewer different texts lists need not have entries in common."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schema:
    """Which columns there are, of which kind.

    Attributes:
        user_id, item_id: the ids, in the order of their indices.
        user, item: the columns of the side tables.
        context: the columns of an interaction, such as the hour or the device.
    """

    user_id: Id
    item_id: Id
    user: tuple[Column, ...] = ()
    item: tuple[Column, ...] = ()
    context: tuple[Column, ...] = ()

    def summary(self) -> str:
        """The columns of each part with their kinds, in one line."""
        parts = (("users", self.user), ("items", self.item), ("context", self.context))
        return "; ".join(
            f"{part}: " + (", ".join(f"{c.name} ({c.kind})" for c in columns) or "no columns")
            for part, columns in parts
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Features:
    """Columns, and for each the encoded values of all rows of a table.

    Attributes:
        columns: the columns.
        values: name -> [n] or [n, width], int32 or float32.
    """

    columns: tuple[Column, ...]
    values: Mapping[str, np.ndarray]

    def __bool__(self) -> bool:
        return bool(self.columns)


def features_of(table: pd.DataFrame, columns: tuple[Column, ...] | None = None) -> Features:
    """A side table as features; the columns are inferred where they are not given."""
    columns = columns_of(table) if columns is None else columns
    by_name = {str(name): table[name] for name in table.columns}
    return Features(columns, {c.name: c.encoded(by_name[c.name]) for c in columns})


def columns_of(
    table: pd.DataFrame | None, kinds: Mapping[str, str] | None = None
) -> tuple[Column, ...]:
    """The columns of a table, each of the kind its values look like.

    Args:
        table: [rows, columns], or None for no columns.
        kinds: name -> a name of `KINDS`, for columns that are not what they look like.

    Raises:
        ValueError: if a kind is unknown, or the values of a column are not of the kind given.
    """
    if table is None:
        return ()
    kinds = kinds or {}
    return tuple(
        KINDS[kinds.get(str(name)) or kind_of(table[name])].fitted(str(name), table[name])
        for name in table.columns
    )


def require_kinds(kinds: Mapping[str, str], names: list[str]) -> None:
    """ValueError unless each kind is a name of `KINDS`, of a column that is there."""
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise ValueError(
                f"`kinds` should name kinds among {', '.join(KINDS)}. Received: {name}={kind}."
            )
        if name not in names:
            raise ValueError(
                f"`kinds` should name columns of users, items or the context, which are "
                f"{', '.join(names) or 'none'}. Received: {name!r}."
            )


def kind_of(series: pd.Series) -> str:
    """The kind that values look like.

    Datetimes are times; numbers with more than two values are numbers; lists of numbers are
    vectors, other lists and texts that `are_lists` are sequences; values of several words that are
    mostly different are texts; all else is a category.
    """
    if pd.api.types.is_datetime64_any_dtype(series):
        return "time"
    if pd.api.types.is_bool_dtype(series) or isinstance(series.dtype, pd.CategoricalDtype):
        return "category"
    if pd.api.types.is_numeric_dtype(series):
        return "number" if series.nunique() > 2 else "category"
    known = [value for value in series if isinstance(value, (str, list, tuple, np.ndarray))]
    lists = [value for value in known if not isinstance(value, str)]
    if lists:
        numeric = all(np.asarray(one).dtype.kind in "fiu" and len(one) > 0 for one in lists)
        widths = {len(value) for value in lists}
        return "vector" if numeric and len(widths) == 1 else "sequence"
    texts = [value for value in known if isinstance(value, str)]
    if are_lists(texts):
        return "sequence"
    words = sum(len(text.split()) for text in texts)
    if len(set(texts)) > len(texts) / 2 and words >= TEXT_WORDS * len(texts) > 0:
        return "text"
    return "category"


def are_lists(texts: Iterable[str]) -> bool:
    """Whether `SEVERAL` separates the entries of lists, and is no part of ids such as "x|y".

    Many of the different texts then have several entries, entries recur in other texts, and not
    always at one place, as the parts of "user|session" do. Of a few texts, in which little recurs,
    half have several entries.
    """
    distinct = {text.strip() for text in texts} - {""}
    lists = [[part.strip() for part in text.split(SEVERAL)] for text in distinct]
    several = sum(len(own) > 1 for own in lists)
    if not several or several < SEVERAL_SHARE * len(lists):
        return False
    entries = set().union(*lists)
    places = {(place, part) for own in lists for place, part in enumerate(own)}
    in_place = several == len(lists) and len(places) == len(entries)
    recur = len(entries) <= len(lists) or (len(lists) < FEW_TEXTS and 2 * several >= len(lists))
    return recur and not in_place
