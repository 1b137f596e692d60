"""Columns of text turned into ids, numbers and times, with the place of every bad value.

Knows nothing of files or frames: the caller passes the texts and the place of each. Which
rows stay is left to `tables`.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from advrec_tf.data.readers.files import fault

MISSING = frozenset(("", "NaN", "nan", "NULL", "null", "None", "NA", "N/A", "<NA>"))
_INTEGER = re.compile(r"0|-?[1-9][0-9]*")

Place = Callable[[int], str]  # position in the column -> "line 3" or "row 2"


@dataclasses.dataclass(frozen=True, eq=False)
class Ids:
    """A column of ids: `codes` [rows] int32 into `values`, -1 where the id is missing."""

    codes: np.ndarray
    values: list  # distinct ids, all int or all str


class IdCodes(dict):
    """Text -> code in order of first appearance, -1 for a missing id; grows as it is asked.

    Blanks around an id are no part of it: `trimmed` counts the texts that had some.
    """

    def __init__(self):
        super().__init__()
        self.ids: dict[str, int] = {}
        self.trimmed = 0

    def __missing__(self, raw: str) -> int:
        text = raw.strip()
        code = -1 if text in MISSING else self.ids.setdefault(text, len(self.ids))
        self.trimmed += bool(text) and text != raw
        self[raw] = code
        return code

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Texts [n] -> codes [n] int32."""
        return np.fromiter(map(self.__getitem__, texts), np.int32, len(texts))


def integer_like(values: Iterable[int | str]) -> np.ndarray:
    """Mask of the ids that are integers written in the one usual way, within 64 bits.

    "7" and "-7" are; "007", "+7" and "7.0" are not, and as text they stay what they are.
    """

    def is_integer(value):
        if isinstance(value, str):
            if not _INTEGER.fullmatch(value):
                return False
            value = int(value) if len(value) < 25 else 1 << 64
        return -(1 << 63) <= value < 1 << 63

    return np.fromiter(map(is_integer, values), bool)


def numbers(texts: Sequence[str], *, source: str, column: str, place: Place) -> np.ndarray:
    """Texts [n] -> [n] float64, NaN where the number is missing.

    Raises:
        DataError: at the first text that is no number, or is infinite.
    """
    try:
        values = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        values = np.empty(len(texts))
        for row, text in enumerate(texts):
            try:
                values[row] = np.nan if text.strip() in MISSING else float(text)
            except ValueError:
                raise fault(source, place(row), column, "a number", text) from None
    refuse_infinite(values, source=source, column=column, place=place)
    return values


def refuse_infinite(values: np.ndarray, *, source: str, column: str, place: Place) -> None:
    """DataError at the first infinite value."""
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        raise fault(source, place(row), column, "a finite number", float(values[row]))


class Times:
    """Reads one column of times, block after block: numbers as they are, ISO dates as
    seconds since 1970 (UTC where the date names no zone). One column holds one kind."""

    def __init__(self, *, source: str, column: str):
        self.source, self.column = source, column
        self.first: dict[str, str] = {}  # kind of value -> place of its first

    def parse(self, texts: Sequence[str], place: Place) -> np.ndarray:
        """Texts [n] -> [n] float64, NaN where the time is missing.

        Raises:
            DataError: at a text that is neither, at an infinite number, or where numbers and
                dates meet in one column.
        """
        try:
            values = np.fromiter(map(float, texts), np.float64, len(texts))
            present = ~np.isnan(values)
            first = {"a number": int(present.argmax())} if present.any() else {}
        except ValueError:
            values, first = self._parse_each(texts, place)
        for kind, row in sorted(first.items(), key=lambda item: item[1]):
            self.first.setdefault(kind, place(row))
            if len(self.first) > 1:
                kind_before, place_before = next(iter(self.first.items()))
                expected = f"{kind_before}, as in {place_before}"
                raise fault(self.source, place(row), self.column, expected, texts[row])
        refuse_infinite(values, source=self.source, column=self.column, place=place)
        return values

    def _parse_each(self, texts: Sequence[str], place: Place) -> tuple[np.ndarray, dict]:
        values = np.full(len(texts), np.nan)
        first: dict[str, int] = {}
        for row, text in enumerate(texts):
            text = text.strip()
            if text in MISSING:
                continue
            if text[4:5] == text[7:8] == "-":  # a date, seen without the cost of a failed float
                values[row], kind = self._seconds(text, row, place), "a date"
            else:
                try:
                    values[row], kind = float(text), "a number"
                except ValueError:
                    values[row], kind = self._seconds(text, row, place), "a date"
            first.setdefault(kind, row)
        return values, first

    def _seconds(self, text: str, row: int, place: Place) -> float:
        plain = text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text  # for Python 3.10
        try:
            time = datetime.datetime.fromisoformat(plain)
        except ValueError:
            expected = "a number, or an ISO date such as 2024-05-01 or 2024-05-01T13:00:00"
            raise fault(self.source, place(row), self.column, expected, text) from None
        if time.tzinfo is None:
            time = time.replace(tzinfo=datetime.timezone.utc)
        return time.timestamp()
