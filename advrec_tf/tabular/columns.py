"""Column types of a table, a class each with everything that depends on the type.

What a column is asked for is said by its base in `column`. Which type a column has is inferred in
`schema`; a new type is a class here and its line in `COLUMN_TYPES`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import pandas as pd

from advrec_tf.data.readers.notations.dates import DAY, DateNotation
from advrec_tf.data.readers.notations.numbers import NumberNotation
from advrec_tf.data.readers.notations.spelling import Spelling
from advrec_tf.tabular.column import Column
from advrec_tf.tabular.facts import ColumnFacts
from advrec_tf.tabular.moments import date_seconds, moments


@dataclasses.dataclass(frozen=True, kw_only=True)
class Number(Column):
    """Numbers.

    Attributes:
        decimals: digits after the point, 0 for whole numbers, None for as many as there are.
        notation: how a file writes them, or None for as Python does.
    """

    kind: ClassVar[str] = "number"
    continuous: ClassVar[bool] = True

    decimals: int | None = None
    notation: NumberNotation | None = None

    @property
    def unit(self) -> float:
        """The smallest step between values; 0 where there is none."""
        return 0.0 if self.decimals is None else float(10.0**-self.decimals)

    def typed(self, values: np.ndarray) -> pd.Series:
        if self.decimals == 0:
            values = np.round(values)
        return pd.Series(values).astype(self.dtype)

    def spelled_as(self, spelling: Spelling) -> Column:
        return dataclasses.replace(self, mark=spelling.mark, notation=spelling.notation)

    def described(self) -> str:
        if self.notation is None or self.notation.plain:
            return super().described()
        return f"{self.name} (number such as {self.notation.example})"

    def spelled(self, series: pd.Series) -> pd.Series:
        if self.notation is not None:
            return pd.Series(self.notation.write(self.raw(series)), series.index, dtype=object)
        if not self.decimals:
            return series
        return series.map(lambda v: "" if v != v else f"{v:.{self.decimals}f}")

    def choice_text(self, value) -> str:
        return f"{value:g}"

    def condition(self, text: str, series: pd.Series) -> float:
        try:
            return self.notation.read(text) if self.notation is not None else float(text)
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

    def choices(self, facts: ColumnFacts) -> tuple:
        """The most frequent first."""
        return facts.by_frequency()

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

    def spelled_as(self, spelling: Spelling) -> Column:
        pair = spelling.booleans or self.spelling
        return dataclasses.replace(self, mark=spelling.mark, spelling=pair)

    def choices(self, facts: ColumnFacts) -> tuple[float, float]:
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
        notation: how a file writes them.
    """

    kind: ClassVar[str] = "date"
    continuous: ClassVar[bool] = True
    decimals: ClassVar[None] = None

    day: bool = False
    notation: DateNotation | None = None

    @property
    def unit(self) -> float:
        """Seconds of the smallest step between values."""
        return DAY if self.day else 1.0 if self.notation is None else self.notation.unit

    def spelled_as(self, spelling: Spelling) -> Column:
        return dataclasses.replace(self, mark=spelling.mark, notation=spelling.notation)

    def described(self) -> str:
        if self.notation is None:
            return super().described()
        return f"{self.name} (date such as {self.notation.example})"

    def raw(self, series: pd.Series) -> np.ndarray:
        return date_seconds(series)

    def typed(self, values: np.ndarray) -> pd.Series:
        return moments(values, self.dtype)

    def spelled(self, series: pd.Series) -> pd.Series:
        notation = self.notation or DateNotation(gap="" if self.day else "T")
        return pd.Series(notation.write(self.raw(series)), series.index, dtype=object)

    def choice_text(self, value) -> str:
        text = str(np.datetime64(int(value), "s"))
        return text[:10] if self.day else text

    def comparable(self, series: pd.Series) -> pd.Series:
        return pd.Series(np.round(self.raw(series) / self.unit))

    def conditions(self, values: pd.Series) -> pd.Series:
        return moments(date_seconds(values), self.dtype)

    def condition(self, text: str, series: pd.Series) -> pd.Timestamp:
        notation = self.notation or DateNotation()
        try:
            seconds = notation.read(text)
        except ValueError:
            raise ValueError(
                f"`--condition` on {self.name} should be a date such as {notation.example}. "
                f"Received: {text!r}."
            ) from None
        return moments(np.array([seconds]), self.dtype)[0]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Identifier(Column):
    """A new value in every row: not learned, numbered afresh.

    Attributes:
        following: of whole numbers: the first one not yet used.
        width: of whole numbers that are texts: the digits, filled up with zeros.
    """

    kind: ClassVar[str] = "identifier"
    learned: ClassVar[bool] = False
    categorical: ClassVar[bool] = True

    following: int | None = None
    width: int = 0

    def notices(self) -> list[str]:
        return [
            f"{self.name} has a new value in every row: it is an identifier and is numbered afresh"
        ]

    def generated(self, first: int, count: int) -> pd.Series:
        """Values of `count` rows, of which `first` came before."""
        number = np.arange(first, first + count)
        if self.following is not None and self.width:
            texts = [f"{self.following + i:0{self.width}d}" for i in number]
            return pd.Series(texts, dtype=object)
        if self.following is not None:
            return pd.Series(self.following + number, dtype="int64")
        return pd.Series([f"generated-{i:07d}" for i in number], dtype=object)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Constant(Column):
    """One value, or none at all: not learned, repeated.

    Attributes:
        value: the value; None where every value is missing.
        text: the value as the file writes it, or None.
    """

    kind: ClassVar[str] = "constant"
    learned: ClassVar[bool] = False
    categorical: ClassVar[bool] = True

    value: object = None
    text: str | None = None

    def spelled_as(self, spelling: Spelling) -> Column:
        text = None
        if self.value is not None and spelling.notation is not None:
            seconds = spelling.kind == "date"
            value = date_seconds(pd.Series([self.value]))[0] if seconds else float(self.value)
            text = str(spelling.notation.write(np.array([value]))[0])
        elif isinstance(self.value, bool) and spelling.booleans is not None:
            text = spelling.booleans[self.value]
        return dataclasses.replace(self, mark=spelling.mark, text=text)

    def spelled(self, series: pd.Series) -> pd.Series:
        return series if self.text is None else pd.Series(self.text, series.index, dtype=object)

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
    kind = fields.pop("kind")
    if fields.get("notation") is not None:
        of = NumberNotation if kind == Number.kind else DateNotation
        given = fields["notation"]
        given = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items()}
        fields["notation"] = of(**given)
    return COLUMN_TYPES[kind](**fields)
