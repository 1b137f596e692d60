"""Columns of text turned into ids, numbers and times, with the place of every bad value.

Knows nothing of files or frames: the caller passes the texts and the place of each. Which
interactions stay is left to `assembly`.

**The rule of ids.** Two spellings are one id where they differ in spaces around it, in their
Unicode form (NFC stands), or as a whole float from an integer ("3.0" and "3"): the last where
all ids of the column are integers or whole floats, or where the column holds both spellings.
Every such change is counted. Ids are int64 where all of them are canonical integers ("7", not
"007"), else str.
"""

from __future__ import annotations

import collections
import dataclasses
import datetime
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Sequence

import numpy as np

from advrec_tf.data.readers.files import fault

MISSING = frozenset(("", "NaN", "nan", "NULL", "null", "None", "NA", "N/A", "<NA>"))
"""The marks that mean a missing value by default; the empty field always does."""

LARGEST_INDEX = 50_000_000
"""The largest id of a file whose ids are indices: a vocabulary holds all integers up to it."""

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_WHOLE_FLOAT = re.compile(r"(0|-?[1-9][0-9]*)\.0*")

Place = Callable[[int], str]  # position in the column -> "line 3" or "row 2"


@dataclasses.dataclass(frozen=True, eq=False)
class Ids:
    """A column of ids.

    Attributes:
        codes: [rows] int32 into `values`, -1 where the id is missing.
        values: the distinct ids, all int or all str.
        changed: oddity -> (how many spellings were changed, the first row with one or None).
        marks: mark -> how often it stood for a missing id.
        mapped: [codes of `IdCodes`] int32, the code that each has here, or None for the same.
    """

    codes: np.ndarray
    values: list
    changed: dict[str, tuple[int, int | None]] = dataclasses.field(default_factory=dict)
    marks: dict[str, int] = dataclasses.field(default_factory=dict)
    mapped: np.ndarray | None = None


class UnusableId(ValueError):
    """A text that cannot be an id; `args` holds what was expected and the text."""


class IdCodes(dict):
    """Text -> code in order of first appearance, -1 for a missing id; grows as it is asked.

    Attributes:
        ids: the distinct ids and their codes.
        trimmed, composed: how many texts had spaces around them, or another Unicode form.
        marks: mark -> how often it stood for a missing id in what was encoded.
    """

    def __init__(self, missing: Collection[str] = MISSING):
        super().__init__()
        self.ids: dict[str, int] = {}
        self.missing = frozenset(missing) | {""}
        self.trimmed = self.composed = 0
        self.marks: collections.Counter = collections.Counter()
        self._mark_codes: dict[str, int] = {}

    def __missing__(self, raw: str) -> int:
        text = raw.strip()
        self.trimmed += bool(text) and text != raw
        if text in self.missing:
            code = -1 - self._mark_codes.setdefault(text, len(self._mark_codes))
        else:
            try:
                code = self.ids.setdefault(self._normal(text), len(self.ids))
            except ValueError as error:
                raise UnusableId(str(error), raw) from None
        self[raw] = code
        return code

    def encode(self, texts: Sequence[str], rows: np.ndarray | None = None) -> np.ndarray:
        """Texts [n] -> codes [n] int32; with `rows` [m] into `texts`, the codes of these, [m].

        Raises:
            UnusableId: if a text holds a NUL character or half of a surrogate pair.
        """
        if rows is not None and self._take_plain(texts):
            return rows
        codes = np.fromiter(map(self.__getitem__, texts), np.int32, len(texts))
        if rows is not None:
            codes = codes[rows]
        if len(codes) and codes.min() < 0:
            counts = np.bincount(-1 - codes[codes < 0])
            names = {code: mark for mark, code in self._mark_codes.items()}
            self.marks.update({names[i]: int(n) for i, n in enumerate(counts) if n})
            codes[codes < 0] = -1
        return codes

    def column(self, codes: np.ndarray) -> Ids:
        """The whole column: codes [rows] of `encode`, put together -> ids by the rule above."""
        values, mapped, spelled = _without_whole_floats(list(self.ids))
        changed = {
            "id with blanks around it, trimmed": (self.trimmed, None),
            "id in another Unicode form, read in the form NFC": (self.composed, None),
        }
        if spelled.any():
            was_float = np.append(spelled, False)[codes]
            first = int(was_float.argmax()) if was_float.any() else None
            changed["id written as a whole float, read as the integer"] = int(spelled.sum()), first
            codes = np.append(mapped, np.int32(-1))[codes]
        return Ids(
            codes,
            values,
            changed={oddity: found for oddity, found in changed.items() if found[0]},
            marks=dict(self.marks),
            mapped=mapped if spelled.any() else None,
        )

    def _take_plain(self, texts: Sequence[str]) -> bool:
        """Take distinct texts as they are, where none of them can be changed by the rule."""
        together = "".join(texts)
        if self.ids or " " in together or not (together.isascii() and together.isprintable()):
            return False
        ids = dict(zip(texts, range(len(texts)), strict=True))
        if len(ids) < len(texts) or not ids.keys().isdisjoint(self.missing):
            return False
        self.ids = ids
        return True

    def _normal(self, text: str) -> str:
        if not text.isascii():
            composed = unicodedata.normalize("NFC", text)
            self.composed += composed != text
            text = composed
        if not text.isprintable():
            if "\0" in text:
                raise ValueError("an id without NUL characters")
            if any("\ud800" <= character <= "\udfff" for character in text):
                raise ValueError("an id that is text, without half of a surrogate pair")
        return text


def encode_ids(
    ids: IdCodes, texts: Sequence[str], *, source: str, column: str, place: Place
) -> np.ndarray:
    """`ids.encode(texts)`; DataError with its place at a text that cannot be an id."""
    try:
        return ids.encode(texts)
    except UnusableId as error:
        expected, text = error.args
        raise fault(source, place(list(texts).index(text)), column, expected, text) from None


def normal_keys(texts: Iterable[str]) -> list:
    """Ids of a side table by the rule above, all int or all str, in the given order.

    Raises:
        UnusableId: as `IdCodes.encode`.
    """
    coder = IdCodes(missing=())
    codes = coder.encode(list(texts))
    found = coder.column(codes)
    values = found.values
    if values and integer_like(values).all():
        values = [int(value) for value in values]
    return [values[code] for code in found.codes]


def _without_whole_floats(values: list[str]) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Distinct ids -> (the ids by the rule, [values] int32 new codes, [values] bool changed)."""
    floats = changed = np.zeros(len(values), bool)
    if "." in "".join(values):
        floats = np.fromiter((bool(_WHOLE_FLOAT.fullmatch(value)) for value in values), bool)
    if not floats.any():
        return values, np.arange(len(values), dtype=np.int32), changed
    everywhere = (floats | integer_like(values)).all()
    changed = np.zeros(len(values), bool)
    known, ids = set(values), {}
    mapped = np.empty(len(values), np.int32)
    for code, value in enumerate(values):
        whole = value.split(".")[0]
        changed[code] = floats[code] and (everywhere or whole in known)
        mapped[code] = ids.setdefault(whole if changed[code] else value, len(ids))
    return list(ids), mapped, changed


def integer_like(values: Iterable[int | str]) -> np.ndarray:
    """Mask of the ids that are integers written in the one usual way, within 64 bits.

    "7" and "-7" are; "007", "+7" and "7.0" are not, and as text they stay what they are.
    """
    values = list(values)
    if values and all(type(value) is int for value in values):
        return np.fromiter((-(1 << 63) <= value < 1 << 63 for value in values), bool, len(values))
    texts = [value if isinstance(value, str) else str(value) for value in values]
    found = np.fromiter(map(bool, map(_INTEGER.fullmatch, texts)), bool, len(texts))
    for row in np.flatnonzero(found & (np.fromiter(map(len, texts), int, len(texts)) > 18)):
        text = texts[row]
        found[row] = len(text) < 25 and -(1 << 63) <= int(text) < 1 << 63
    return found


def indices(texts: Sequence[str], lines: Sequence[int], *, source: str, column: str) -> np.ndarray:
    """Texts [n] that are integers from 0 to `LARGEST_INDEX` -> [n] int64.

    Raises:
        DataError: at the first text that is none, with its line.
    """
    together = "".join(texts)
    if together.isascii() and together.isdigit() and all(map(len, texts)):
        values = np.fromiter(map(int, texts), np.float64, len(texts))
        if values.max() <= LARGEST_INDEX:
            return values.astype(np.int64)
    for line, text in zip(lines, texts, strict=True):
        if not (text.isascii() and text.isdigit() and int(text[:20]) <= LARGEST_INDEX):
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
    """Texts [n] -> [n] float64, NaN where the number is missing.

    Raises:
        DataError: at the first text that is no number (see `number`), or is infinite.
    """
    values = _plain_numbers(texts)
    if values is None:
        values = np.empty(len(texts))
        for row, text in enumerate(texts):
            try:
                plain = text.strip()
                values[row] = np.nan if not plain or plain in missing else number(plain)
            except ValueError:
                raise fault(source, place(row), column, "a number", text) from None
    refuse_infinite(values, source=source, column=column, place=place)
    return values


def _plain_numbers(texts: Sequence[str]) -> np.ndarray | None:
    """[n] float64 where each text is a number or "nan", else None."""
    try:
        values = np.fromiter(map(float, texts), np.float64, len(texts))
    except ValueError:
        return None
    together = "".join(texts)
    return values if together.isascii() and "_" not in together else None


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
        values = _plain_numbers(texts)
        if values is None:
            values, first = self._parse_each(texts, place)
        else:
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
        for row, text in enumerate(texts):
            text = text.strip()
            if not text or text in self.missing:
                continue
            if text[4:5] == text[7:8] == "-":  # a date, seen without the cost of a failed float
                values[row], kind = self._seconds(text, row, place), "a date"
            else:
                try:
                    values[row], kind = number(text), "a number"
                except ValueError:
                    values[row], kind = self._seconds(text, row, place), "a date"
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
