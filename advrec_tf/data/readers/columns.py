"""Columns of text turned into numbers, indices and times, with the place of every bad value.

Knows nothing of files or frames: the caller passes the texts and the place of each. Ids are
left to `ids`; which interactions stay is left to `assembly`.
"""

from __future__ import annotations

import datetime
import functools
from collections.abc import Callable, Collection, Sequence

import numpy as np

from advrec_tf.data.readers.files import fault

MISSING = frozenset(("", "NaN", "nan", "NULL", "null", "None", "NA", "N/A", "<NA>"))
"""The marks that mean a missing value by default; the empty field always does."""

LARGEST_INDEX = 50_000_000
"""The largest id of a file whose ids are indices: a vocabulary holds all integers up to it."""

_DIGITS = 20  # Python refuses to read integers of thousands of digits

Place = Callable[[int], str]  # position in the column -> "line 3" or "row 2"


def indices(texts: Sequence[str], lines: Sequence[int], *, source: str, column: str) -> np.ndarray:
    """Texts [n] that are integers from 0 to `LARGEST_INDEX` -> [n] int64.

    Raises:
        DataError: at the first text that is none, with its line.
    """
    together = "".join(texts)
    lengths = set(map(len, texts))
    if together.isascii() and together.isdigit() and 0 not in lengths and max(lengths) <= _DIGITS:
        values = np.fromiter(map(int, texts), np.float64, len(texts))
        if values.max() <= LARGEST_INDEX:
            return values.astype(np.int64)
    for line, text in zip(lines, texts, strict=True):
        if not (text.isascii() and text.isdigit() and int(text[:_DIGITS]) <= LARGEST_INDEX):
            expected = f"an integer from 0 to {LARGEST_INDEX:,}, since the ids are indices"
            raise fault(source, f"line {line}", column, expected, text)
    return np.zeros(0, np.int64)


def number(text: str) -> float:
    """The number that `text` is: ASCII digits with sign, point and exponent.

    Raises:
        ValueError: if it is none; "1_000" and digits of other scripts are none.
    """
    if "_" in text or not text.isascii():
        raise ValueError(text)
    return float(text)


def numbers(
    texts: Sequence[str],
    *,
    source: str,
    column: str,
    place: Place,
    missing: Collection[str] = MISSING,
) -> np.ndarray:
    """Texts [n] -> [n] float64, NaN where the number is missing (see `without_marks`).

    Raises:
        DataError: at the first text that is no number (see `number`), or is infinite.
    """
    values = plain_numbers(texts)
    if values is None:
        values = np.empty(len(texts))
        for row, text in enumerate(texts):
            try:
                plain = text.strip()
                values[row] = np.nan if not plain or plain in missing else number(plain)
            except ValueError:
                raise fault(source, place(row), column, "a number", text) from None
    values = without_marks(values, missing)
    refuse_infinite(values, source=source, column=column, place=place)
    return values


def plain_numbers(texts: Sequence[str]) -> np.ndarray | None:
    """[n] float64 where each text is a number or "nan", else None."""
    try:
        values = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        return None
    together = "".join(texts)
    return values if together.isascii() and "_" not in together else None


def without_marks(values: np.ndarray, missing: Collection[str]) -> np.ndarray:
    """Numbers [n] float64 -> the same with NaN where one is a mark of a missing value, such as
    -999, however it is written."""
    marks = marks_that_are_numbers(frozenset(missing))
    return np.where(np.isin(values, marks), np.nan, values) if marks else values


@functools.lru_cache(maxsize=64)
def marks_that_are_numbers(missing: frozenset[str]) -> tuple[float, ...]:
    """The numbers among marks of a missing value."""
    found = []
    for mark in missing:
        try:
            found.append(number(mark))
        except ValueError:
            continue
    return tuple(value for value in found if value == value)


def refuse_infinite(values: np.ndarray, *, source: str, column: str, place: Place) -> None:
    """DataError at the first infinite value."""
    infinite = np.isinf(values)
    if infinite.any():
        row = int(infinite.argmax())
        raise fault(source, place(row), column, "a finite number", float(values[row]))


class Times:
    """Reads one column of times, block after block: numbers as they are, ISO dates as
    seconds since 1970 (UTC where the date names no zone). One column holds one kind."""

    def __init__(self, *, source: str, column: str, missing: Collection[str] = MISSING):
        self.source, self.column, self.missing = source, column, missing
        self.first: dict[str, str] = {}  # kind of value -> place of its first

    def parse(self, texts: Sequence[str], place: Place) -> np.ndarray:
        """Texts [n] -> [n] float64, NaN where the time is missing.

        Raises:
            DataError: at a text that is neither, at an infinite number, or where numbers and
                dates meet in one column.
        """
        values = plain_numbers(texts)
        if values is None:
            values, first = self._parse_each(texts, place)
        else:
            values = without_marks(values, self.missing)
            present = ~np.isnan(values)
            first = {"a number": int(present.argmax())} if present.any() else {}
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
        marks = marks_that_are_numbers(frozenset(self.missing))
        for row, text in enumerate(texts):
            text = text.strip()
            if not text or text in self.missing:
                continue
            if text[4:5] == text[7:8] == "-":  # a date, seen without the cost of a failed float
                values[row], kind = self._seconds(text, row, place), "a date"
            else:
                try:
                    value, kind = number(text), "a number"
                    values[row] = np.nan if value in marks else value
                except ValueError:
                    values[row], kind = self._seconds(text, row, place), "a date"
            if not np.isnan(values[row]):
                first.setdefault(kind, row)
        return values, first

    def _seconds(self, text: str, row: int, place: Place) -> float:
        plain = text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text  # for Python 3.10
        try:
            time = datetime.datetime.fromisoformat(plain)
            if time.tzinfo is None:
                time = time.replace(tzinfo=datetime.timezone.utc)
            return time.timestamp()
        except (ValueError, OverflowError):
            expected = "a number, or an ISO date such as 2024-05-01 or 2024-05-01T13:00:00"
            raise fault(self.source, place(row), self.column, expected, text) from None
