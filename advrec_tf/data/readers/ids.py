"""Columns of text turned into ids, by one stated rule.

**The rule of ids.** Two spellings are one id where they differ in spaces around it, in their
Unicode form (NFC stands), or as a whole float from an integer ("3.0" and "3"): the last where
all ids of the column are integers or whole floats, or where the column holds both spellings.
Every such change is counted. Ids are int64 where all of them are canonical integers ("7", not
"007"), else str. Numbers and times are left to `columns`.
"""

from __future__ import annotations

import collections
import dataclasses
import re
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from advrec_tf.data.readers.columns import MISSING, Place
from advrec_tf.data.readers.files import fault
from advrec_tf.data.vocabulary import in_nfc

_INTEGER = re.compile(r"0|-?[1-9][0-9]*")
_WHOLE_FLOAT = re.compile(r"(0|-?[1-9][0-9]*)\.0*")


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
            composed = in_nfc(text)
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


def distinct_keys(texts: Iterable[str]) -> list:
    """Ids of a side table by the rule above, all int or all str, in the given order.

    Raises:
        UnusableId: as `IdCodes.encode`; also at the second spelling of an id.
    """
    texts, coder = list(texts), IdCodes(missing=())
    found = coder.column(coder.encode(texts))
    _, first = np.unique(found.codes, return_index=True)
    if len(first) < len(texts):
        second = np.setdiff1d(np.arange(len(texts)), first)[0]
        one = texts[int((found.codes == found.codes[second]).argmax())]
        raise UnusableId(f"each id once (it stands as {one!r} too)", texts[second])
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
