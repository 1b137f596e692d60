"""Column types of a table, a class each with everything that depends on the type.

A column knows what its values are as numbers or categories, how generated values get their dtype
back, how a file spells them, and what a condition on it may be. Which type a column has is inferred
in `schema`; a new type is a class here and its line in `COLUMN_TYPES`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

DAY = 86_400.0
MAX_CHOICES = 20
"""Numbers and dates with at most so many distinct values are generated as choices."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Column:
    """What every column has; `COLUMN_TYPES` lists the types.

    Attributes:
        name: as in the table.
        dtype: the pandas dtype that generated values are given.
        missing: whether a value may be missing.
        kind: the name of the type, as in `kinds` of `schema.infer`.
        learned: whether a generator learns the column.
        categorical: whether values have no order, so that they can only be equal or not.
        continuous: whether values are numbers that may take many values.
    """

    kind: ClassVar[str]
    learned: ClassVar[bool] = True
    categorical: ClassVar[bool] = False
    continuous: ClassVar[bool] = False

    name: str
    dtype: str = "object"
    missing: bool = False

    def as_dict(self) -> dict:
        """JSON-able; `column_from_dict` gives the column back."""
        return {"kind": self.kind, **dataclasses.asdict(self)}

    def notices(self) -> list[str]:
        """What a reader of the table should be told of this column."""
        return []

    def raw(self, series: pd.Series) -> np.ndarray:
        """Values as a codec takes them, [n]: float64 with NaN, or objects with None."""
        return series.to_numpy(np.float64, na_value=np.nan)

    def choices(self, raw: np.ndarray) -> tuple | None:
        """The values to choose from, without missing ones; None where there are too many."""
        distinct = np.unique(raw[~np.isnan(raw)])
        return tuple(distinct.tolist()) if len(distinct) <= MAX_CHOICES else None

    def typed(self, values: np.ndarray) -> pd.Series:
        """Raw values [n] in the dtype of the column."""
        return pd.Series(values).astype(self.dtype)

    def spelled(self, series: pd.Series) -> pd.Series:
        """Values as a file spells them."""
        return series

    def choice_text(self, value) -> str:
        """A raw value as a person reads it, such as on the axis of a plot."""
        return str(value)

    def comparable(self, series: pd.Series) -> pd.Series:
        """Values such that equal ones have equal hashes, whatever dtype they came in."""
        return pd.Series(series.to_numpy(np.float64, na_value=np.nan) + 0.0)

    def conditions(self, values: pd.Series) -> pd.Series:
        """Values of conditions in the form that the codec encodes."""
        return values.astype("float64")

    def condition(self, text: str, series: pd.Series):
        """The value that `text` names in a condition.

        Raises:
            ValueError: if the column, whose values are `series`, never has it.
        """
        known = self._values_by_text(series)
        if text not in known:
            shown = ", ".join(sorted(known)[:10]) + ", ..." * (len(known) > 10)
            raise ValueError(
                f"`--condition` on {self.name} should be one of its values: {shown}. "
                f"Received: {text!r}."
            )
        return known[text]

    def _values_by_text(self, series: pd.Series) -> dict:
        return {str(value): value for value in series.dropna().unique()}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number(Column):
    """Numbers.

    Attributes:
        decimals: digits after the point, 0 for whole numbers, None for as many as there are.
    """

    kind: ClassVar[str] = "number"
    continuous: ClassVar[bool] = True

    decimals: int | None = None

    @property
    def unit(self) -> float:
        """The smallest step between values; 0 where there is none."""
        return 0.0 if self.decimals is None else float(10.0**-self.decimals)

    def typed(self, values: np.ndarray) -> pd.Series:
        if self.decimals == 0:
            values = np.round(values)
        return pd.Series(values).astype(self.dtype)

    def spelled(self, series: pd.Series) -> pd.Series:
        if not self.decimals:
            return series
        return series.map(lambda v: "" if v != v else f"{v:.{self.decimals}f}")

    def choice_text(self, value) -> str:
        return f"{value:g}"

    def condition(self, text: str, series: pd.Series) -> float:
        try:
            return float(text)
        except ValueError:
            raise ValueError(
                f"`--condition` on {self.name} should be a number. Received: {text!r}."
            ) from None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Category(Column):
    """Texts, or numbers that are names."""

    kind: ClassVar[str] = "category"
    categorical: ClassVar[bool] = True

    def raw(self, series: pd.Series) -> np.ndarray:
        return series.to_numpy(object, na_value=None)

    def choices(self, raw: np.ndarray) -> tuple:
        """The most frequent first."""
        return tuple(pd.Series(raw).dropna().value_counts().index)

    def typed(self, values: np.ndarray) -> pd.Series:
        return pd.Series(values, dtype=object).astype(self.dtype)

    def comparable(self, series: pd.Series) -> pd.Series:
        return series.astype(object).where(series.notna(), None).astype("category")

    def conditions(self, values: pd.Series) -> pd.Series:
        return values


@dataclasses.dataclass(frozen=True, kw_only=True)
class Boolean(Column):
    """True and false.

    Attributes:
        spelling: the texts of false and true in a file.
    """

    kind: ClassVar[str] = "boolean"

    spelling: tuple[str, str] = ("False", "True")

    def choices(self, raw: np.ndarray) -> tuple[float, float]:
        return (0.0, 1.0)

    def typed(self, values: np.ndarray) -> pd.Series:
        if not self.missing:
            return pd.Series(values == 1.0)
        return pd.Series(values).astype("boolean")

    def spelled(self, series: pd.Series) -> pd.Series:
        return series.map({False: self.spelling[0], True: self.spelling[1]})

    def choice_text(self, value) -> str:
        return self.spelling[int(value)]

    def condition(self, text: str, series: pd.Series) -> bool:
        return super().condition(text.lower(), series)

    def _values_by_text(self, series: pd.Series) -> dict:
        return {self.spelling[0].lower(): False, self.spelling[1].lower(): True}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Date(Column):
    """Days, or moments; raw values are seconds since 1970 (UTC).

    Attributes:
        day: whether all are days without a time.
    """

    kind: ClassVar[str] = "date"
    continuous: ClassVar[bool] = True
    decimals: ClassVar[None] = None

    day: bool = False

    @property
    def unit(self) -> float:
        """Seconds of the smallest step between values."""
        return DAY if self.day else 1.0

    def raw(self, series: pd.Series) -> np.ndarray:
        return date_seconds(series)

    def typed(self, values: np.ndarray) -> pd.Series:
        gaps = np.isnan(values)
        whole = np.where(gaps, 0, np.round(np.nan_to_num(values))).astype("int64")
        return pd.Series(whole.astype("datetime64[s]")).mask(gaps)

    def spelled(self, series: pd.Series) -> pd.Series:
        return series.dt.strftime("%Y-%m-%d" if self.day else "%Y-%m-%dT%H:%M:%S")

    def choice_text(self, value) -> str:
        text = str(np.datetime64(int(value), "s"))
        return text[:10] if self.day else text

    def comparable(self, series: pd.Series) -> pd.Series:
        return series.astype("datetime64[s]").astype("int64")

    def conditions(self, values: pd.Series) -> pd.Series:
        return pd.to_datetime(values)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identifier(Column):
    """A new value in every row: not learned, numbered afresh.

    Attributes:
        following: of whole numbers: the first one not yet used.
    """

    kind: ClassVar[str] = "identifier"
    learned: ClassVar[bool] = False
    categorical: ClassVar[bool] = True

    following: int | None = None

    def notices(self) -> list[str]:
        return [
            f"{self.name} has a new value in every row: it is an identifier and is numbered afresh"
        ]

    def generated(self, first: int, count: int) -> pd.Series:
        """Values of `count` rows, of which `first` came before."""
        number = np.arange(first, first + count)
        if self.following is not None:
            return pd.Series(self.following + number, dtype="int64")
        return pd.Series([f"generated-{i:07d}" for i in number], dtype=object)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant(Column):
    """One value, or none at all: not learned, repeated.

    Attributes:
        value: the value; None where every value is missing.
    """

    kind: ClassVar[str] = "constant"
    learned: ClassVar[bool] = False
    categorical: ClassVar[bool] = True

    value: object = None

    def notices(self) -> list[str]:
        what = "every value is missing" if self.value is None else f"it is always {self.value!r}"
        return [f"{self.name} has nothing to learn, since {what}: it is repeated as it is"]

    def generated(self, first: int, count: int) -> pd.Series:
        """Values of `count` rows."""
        return pd.Series(np.full(count, self.value, dtype=object)).astype(self.dtype)


COLUMN_TYPES: dict[str, type[Column]] = {
    column.kind: column for column in (Number, Category, Boolean, Date, Identifier, Constant)
}
"""Kind -> class."""

ASKABLE = tuple(kind for kind in COLUMN_TYPES if kind != Constant.kind)
"""Kinds that a caller may declare."""


def column_from_dict(record: Mapping) -> Column:
    """The inverse of `Column.as_dict`."""
    fields = {name: tuple(v) if isinstance(v, list) else v for name, v in record.items()}
    return COLUMN_TYPES[fields.pop("kind")](**fields)


def date_seconds(series: pd.Series) -> np.ndarray:
    """Datetimes [n] -> seconds since 1970 (UTC) [n] float64, NaN where missing."""
    moments = pd.to_datetime(series, utc=True)
    return (moments - pd.Timestamp(0, tz="UTC")).dt.total_seconds().to_numpy(np.float64)
