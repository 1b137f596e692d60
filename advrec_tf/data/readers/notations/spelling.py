"""What a column holds and how a file writes it; the values are read by it.

Deciding it from the texts of a column is left to `scan`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from advrec_tf.data.readers import columns
from advrec_tf.data.readers.columns import MISSING, Place
from advrec_tf.data.readers.files import DataError, fault
from advrec_tf.data.readers.notations.dates import DateNotation
from advrec_tf.data.readers.notations.numbers import NumberNotation

NUMBER_MARKS = frozenset(
    "- -- --- \u2014 \u2013 \u2212 ? ?? . .. ... n/a na n.a. n.a #n/a #na nan null (null) none nil "
    "nat \\n missing #div/0! #value! #ref! #num! 0000-00-00".split()
)
"""Marks of a missing value, in any case, in a column whose other values are numbers, dates or
booleans; among texts they stand for themselves."""

_MOST_KNOWN = 65_536  # distinct texts of a block whose value is kept
READINGS = ("decimal-comma", "day-first", "month-first")
"""What a caller may say of a column whose values can be read in two ways."""

BOOLEANS = {"true": True, "false": False}
WHAT = {"number": "numbers", "date": "dates", "boolean": "true or false"}


def option(setting: str, column: str = "") -> str:
    """How a command is told what a column holds: `--number price`."""
    return f"`--{setting} {column}`" if column else f"`--{setting}`"


def argument(setting: str, column: str = "") -> str:
    """How a function is told what a column holds: `kinds={'price': 'number'}`."""
    if not column:
        return "`missing`"
    name = "readings" if setting in READINGS else "kinds"
    return f"`{name}={{{column!r}: {setting!r}}}`"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Spelling:
    """What a column holds and how a file writes it.

    Attributes:
        kind: "number", "date", "boolean", "text", or None where every value is missing.
        notation: of numbers or dates.
        booleans: the texts of false and true.
        mark: the mark that most of the missing values have, "" for the empty field.
        marks: what means a missing value in this column, beside the empty field.
        said: sentences on what was decided and could be otherwise.
        cure: `option` or `argument`: how the reader is told otherwise.
    """

    kind: str | None
    notation: NumberNotation | DateNotation | None = None
    booleans: tuple[str, str] | None = None
    mark: str = ""
    marks: frozenset[str] = MISSING
    said: tuple[str, ...] = ()
    cure: Callable[..., str] = option

    def numbers(
        self, texts: Sequence[str], *, source: str, column: str, place: Place
    ) -> np.ndarray:
        """Texts [n] -> numbers, seconds since 1970, or 0 and 1: [n] float64, NaN where missing.

        Raises:
            DataError: at the first text that is none.
        """
        if self.kind == "number" and self.notation.plain:
            values = columns.plain_numbers(texts)
            if values is not None and np.isfinite(values).all():
                return columns.without_marks(values, self.marks)
        values = np.full(len(texts), np.nan)
        known: dict[str, float] = {}
        for row, text in enumerate(texts):
            value = known.get(text)
            if value is None:
                plain = text.strip()
                try:
                    missing = not plain or plain in self.marks or self._is_mark(plain)
                    value = np.nan if missing else self._read(plain)
                except ValueError:
                    error = fault(source, place(row), column, self._expected(), text)
                    raise DataError(f"{str(error).rstrip('.')}, {self._cures(column)}") from None
                if len(known) < _MOST_KNOWN:
                    known[text] = value
            values[row] = value
        columns.refuse_infinite(values, source=source, column=column, place=place)
        return columns.without_marks(values, self.marks) if self.kind == "number" else values

    def _expected(self) -> str:
        if self.kind == "boolean":
            return "true or false"
        if self.kind == "number" and self.notation.plain:
            return "a number"
        return f"a {self.kind} such as {self.notation.example}"

    def _cures(self, column: str) -> str:
        return (
            f"in a column that is read as {WHAT[self.kind]}. If {column} is a category, say "
            f"{self.cure('category', column)}; if this marks a missing value, name it by "
            f"{self.cure('missing')}."
        )

    def _is_mark(self, text: str) -> bool:
        return self.marks >= NUMBER_MARKS and text.casefold() in NUMBER_MARKS

    def _read(self, text: str) -> float:
        if self.kind != "boolean":
            return self.notation.read(text)
        if text.lower() not in BOOLEANS:
            raise ValueError(text)
        return float(BOOLEANS[text.lower()])
