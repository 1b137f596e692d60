"""What is known of a column from all of its values, counted one chunk of rows after the other.

A table in memory is one chunk, and everything is exact. A table that is read block by block is
counted in bounded memory: distinct values are counted exactly up to `most`; where there are more,
those with the smallest hashes are counted on, a uniform sample of the distinct values (Bar-Yossef
et al. 2002, k minimum values), by which the others are estimated. What follows for the type of a
column is in `schema`, what follows for its codec in `codecs`.
"""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from advrec_tf.data.readers.notations.dates import DAY
from advrec_tf.tabular.moments import date_seconds

MOST_DISTINCT = 2**16
"""Distinct values of a column that are held where a table is read block by block."""

_DIGITS = re.compile("[0-9]+")
_LONGEST = 18


class ColumnFacts:
    """Counts one column.

    Args:
        name: of the column.
        asked: the kind that a caller declared; the values of a "category" are names, whatever they
            look like.
        most: distinct values that are counted exactly, >= 1; None for all.

    Attributes:
        rows, missing: so many were added, and so many of them hold no value.
        dtype: of the last chunk with a value, as pandas names it.
        first: the first value; None before there is one.
        is_boolean, is_number, is_date: what the values are; text, where they are none of these.
        is_integer: whether all are integers by their dtype.
        low, high: the ends of numbers and dates (seconds since 1970); NaN without a value.
        not_finite: row of the first number that is not finite; None without one.
        decimals: digits after the point that all numbers have at most; None for more than four.
        whole_seconds, whole_days: whether all dates are.
        types: of text, what the values are -> the first (row, value).
        width: characters of each text, where all are digits and equally long; else 0 or None.
        largest: the largest of these as a number.
    """

    def __init__(self, name: str, *, asked: str | None = None, most: int | None = None):
        self.name, self.asked, self.most = name, asked, most
        self.rows = self.missing = 0
        self.dtype = "object"
        self.first: object = None
        self.is_boolean = self.is_number = self.is_date = False
        self.is_integer = True
        self.low = self.high = np.nan
        self.not_finite: int | None = None
        self.decimals: int | None = 0
        self.whole_seconds = self.whole_days = True
        self.types: dict[str, tuple[int, object]] = {}
        self.width: int | None = 0
        self.largest = 0
        self._values: np.ndarray | None = None
        self._counts = np.zeros(0, np.int64)
        self._hashes: _SmallestHashes | None = None

    @classmethod
    def of(cls, series: pd.Series, *, asked: str | None = None) -> ColumnFacts:
        """The facts of a column in memory, all of them exact."""
        facts = cls(series.name, asked=asked)
        facts.add(series)
        return facts

    @property
    def present(self) -> int:
        """Rows with a value."""
        return self.rows - self.missing

    @property
    def exact(self) -> bool:
        """Whether the distinct values are known exactly."""
        return self._hashes is None

    @property
    def distinct(self) -> int:
        """How many distinct values there are; an estimate where they are not `exact`."""
        if self._hashes is not None:
            return self._hashes.distinct
        return 0 if self._values is None else len(self._values)

    @property
    def all_differ(self) -> bool:
        """Whether no value comes twice, as far as it is counted."""
        if self._hashes is not None:
            return not self._hashes.repeated
        return self.distinct == self.present

    @property
    def values(self) -> np.ndarray | None:
        """The distinct values: numbers and seconds ascending, texts as they came first; None where
        there are too many to be held."""
        if self._hashes is not None:
            return None
        return np.zeros(0) if self._values is None else self._values

    def by_frequency(self) -> tuple:
        """The distinct values, the most frequent first, and the earlier one of equals.

        Raises:
            ValueError: if there are more than are held.
        """
        if self.values is None:
            raise ValueError(
                f"Column {self.name!r} should have at most {self.most:,} distinct values to be "
                f"counted exactly. Received about {self.distinct:,}."
            )
        return tuple(self.values[np.argsort(-self._counts, kind="stable")].tolist())

    def add(self, series: pd.Series) -> None:
        """Count some rows more."""
        present = series.dropna()
        if len(present):
            self._add_present(series, present)
        self.rows += len(series)
        self.missing += len(series) - len(present)
        if self.first is None:
            self.dtype = str(series.dtype)

    def _add_present(self, series: pd.Series, present: pd.Series) -> None:
        types = pd.api.types
        if self.first is None:
            self.first = present.iloc[0]
            self.is_boolean = types.is_bool_dtype(present)
            self.is_date = types.is_datetime64_any_dtype(present)
            self.is_number = types.is_numeric_dtype(present) and not self.is_boolean
        self.dtype = str(series.dtype)
        self.is_integer &= types.is_integer_dtype(present)
        if self.asked == "category" or not (self.is_boolean or self.is_date or self.is_number):
            self._note_types(series)
            self._note_width(present)
            self._count(*_counted_texts(present))
            return
        numbers = date_seconds(present) if self.is_date else present.to_numpy(np.float64)
        finite = np.isfinite(numbers)
        if not finite.all() and self.not_finite is None:
            self.not_finite = self.rows + int(np.flatnonzero(series.notna())[np.argmin(finite)])
        self.low = float(np.fmin(self.low, numbers.min()))
        self.high = float(np.fmax(self.high, numbers.max()))
        if self.is_date:
            self.whole_seconds &= bool((numbers % 1 == 0).all())
            self.whole_days &= bool((numbers % DAY == 0).all())
        elif self.decimals is not None:
            self.decimals = _decimals(numbers, self.decimals)
        self._count(*np.unique(numbers + 0.0, return_counts=True))

    def _note_types(self, series: pd.Series) -> None:
        if series.dtype != object or pd.api.types.infer_dtype(series, skipna=True) == "string":
            place = int(np.argmax(series.notna()))
            self.types.setdefault("a text", (self.rows + place, series.iloc[place]))
            return
        for row, value in enumerate(series):
            if not (value is None or value != value or value is pd.NaT):
                self.types.setdefault(_type_of(value), (self.rows + row, value))

    def _note_width(self, present: pd.Series) -> None:
        """Whether the texts are numbers of one width, and which is the largest."""
        if self.width is None or _DIGITS.fullmatch(str(present.iloc[0])) is None:
            self.width = None
            return
        texts = present.astype(str)
        widths = {*texts.str.len().unique().tolist(), self.width or len(texts.iloc[0])}
        if len(widths) > 1 or max(widths) > _LONGEST or not texts.str.fullmatch("[0-9]+").all():
            self.width = None
            return
        self.width = widths.pop()
        self.largest = max(int(texts.max()), self.largest)

    def _count(self, values: np.ndarray, counts: np.ndarray) -> None:
        """Add distinct values of a chunk and how often each is there."""
        if self._hashes is None:
            if self._values is None:
                self._values, self._counts = values, counts
            else:
                self._merge(values, counts)
            if self.most is None or len(self._values) <= self.most:
                return
            self._hashes = _SmallestHashes(self.most)
            values, counts, self._values = self._values, self._counts, None
        self._hashes.add(values, counts)

    def _merge(self, values: np.ndarray, counts: np.ndarray) -> None:
        held = pd.Index(self._values, dtype=self._values.dtype)
        place = held.get_indexer(pd.Index(values, dtype=values.dtype))
        known = place >= 0
        self._counts[place[known]] += counts[known]
        self._values = np.concatenate([self._values, values[~known]])
        self._counts = np.concatenate([self._counts, counts[~known]])
        if self._values.dtype != object:
            order = np.argsort(self._values)
            self._values, self._counts = self._values[order], self._counts[order]


class _SmallestHashes:
    """The `most` smallest hashes of more distinct values, and how often each of these came."""

    def __init__(self, most: int):
        self.most = most
        self._hashes = np.zeros(0, np.uint64)
        self._counts = np.zeros(0, np.int64)

    def add(self, values: np.ndarray, counts: np.ndarray) -> None:
        hashes = pd.util.hash_array(values)
        if len(self._hashes):
            low = hashes <= self._hashes[-1]
            hashes, counts = hashes[low], counts[low]
        joined = np.concatenate([self._hashes, hashes])
        distinct, place = np.unique(joined, return_inverse=True)
        summed = np.bincount(place, np.concatenate([self._counts, counts])).astype(np.int64)
        self._hashes, self._counts = distinct[: self.most], summed[: self.most]

    @property
    def distinct(self) -> int:
        return round((self.most - 1) * 2.0**64 / float(self._hashes[-1]))

    @property
    def repeated(self) -> bool:
        return bool((self._counts > 1).any())


def _counted_texts(present: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Distinct values in the order in which they first come, and their counts."""
    found = pd.Series(present.to_numpy(object), dtype=object).value_counts(sort=False)
    return found.index.to_numpy(object), found.to_numpy(np.int64, copy=True)


def _decimals(values: np.ndarray, least: int) -> int | None:
    for decimals in range(least, 5):
        if np.allclose(values, np.round(values, decimals), rtol=0, atol=1e-9):
            return decimals
    return None


def _type_of(value: object) -> str:
    if isinstance(value, (bool, np.bool_)):
        return "a boolean"
    if isinstance(value, (int, float, np.number)):
        return "a number"
    return "a text" if isinstance(value, str) else f"a {type(value).__name__}"
