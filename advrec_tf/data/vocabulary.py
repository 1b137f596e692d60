"""`Vocabulary`: which external ids there are, and which index each has; how an id is spelled."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

import numpy as np
import pandas as pd


def in_nfc(text: str) -> str:
    """The text in the Unicode form NFC."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def id_text(value) -> str:
    """An id as the readers have it: text without blanks around it, in the Unicode form NFC, and a
    whole float as its integer."""
    if isinstance(value, bytes):
        value = value.decode()
    elif isinstance(value, (float, np.floating)) and float(value).is_integer():
        value = int(value)  # pandas makes whole floats of integers with gaps
    return in_nfc(str(value).strip())


class Vocabulary:
    """A fixed, ordered set of external ids: index i belongs to `ids[i]`."""

    def __init__(self, ids: Sequence | np.ndarray):
        index = pd.Index(ids)
        if index.has_duplicates:
            first = index[index.duplicated()][0]
            raise ValueError(f"`ids` should be unique. Received {first!r} more than once.")
        self._index = index
        self.ids = index.to_numpy()
        kind = pd.api.types.infer_dtype(self.ids, skipna=False)
        self._of_one_kind = kind in ("integer", "string", "empty")

    def __len__(self) -> int:
        return len(self._index)

    def index_of(self, ids: Sequence | np.ndarray) -> np.ndarray:
        """External ids [n] -> indices [n] int32; -1 where the id is unknown.

        "17" and 17.0 are the id 17 where the ids are integers, and 17 is the id "17" where they
        are text. Where they are of several kinds, an id is found as it is alone.

        Raises:
            ValueError: if an id is neither an integer, a whole float nor text, such as None.
        """
        asked = ids if isinstance(ids, np.ndarray) else np.array(list(ids), object)
        if not len(asked):
            return np.zeros(0, np.int32)
        if not self._of_one_kind:
            return self._index.get_indexer(pd.Index(asked, dtype=object)).astype(np.int32)
        whole = self.ids.dtype.kind in "iu"
        if asked.dtype.kind == "O" or (asked.dtype.kind in "iu") != whole:
            kind = pd.api.types.infer_dtype(asked, skipna=False)
            if kind != ("integer" if whole else "string"):
                own = _as_integer if whole else _as_text
                found = [own(value) for value in asked.tolist()]
                known = np.array([value is not None for value in found], bool)
                index = np.full(len(found), -1, np.int32)
                index[known] = self.index_of(np.array([v for v in found if v is not None], object))
                return index
        return self._index.get_indexer(pd.Index(asked)).astype(np.int32)

    def index_of_asked(self, ids: Sequence) -> np.ndarray:
        """As `index_of`, of ids as a user or another program spells them: what is no id as it
        stands is looked up as `id_text` has it, which is what clients of a served model send, and
        a text that spells an integer in another way, such as "17.0", is none, there as here."""
        ids = [id_text(value) if isinstance(value, bytes) else value for value in ids]
        found = self.index_of(ids)
        rows = [row for row in np.flatnonzero(found < 0) if isinstance(ids[row], str)]
        found[rows] = self.index_of([id_text(ids[row]) for row in rows])
        if self.ids.dtype.kind in "iu":
            for row in np.flatnonzero(found >= 0):
                if isinstance(ids[row], str) and id_text(ids[row]) != str(self.ids[found[row]]):
                    found[row] = -1
        return found


_INTEGER = re.compile(r"(0|-?[1-9][0-9]{0,18})(\.0*)?")


def _as_integer(value) -> int | None:
    """An asked-for id as an integer; None for text that is none, which no integer id equals."""
    if isinstance(value, str):
        found = _INTEGER.fullmatch(value.strip())
        return int(found[1]) if found else None
    return int(_whole(value))


def _as_text(value) -> str:
    return value if isinstance(value, str) else str(int(_whole(value)))


def _whole(value) -> int | float:
    number = isinstance(value, (int, float, np.integer, np.floating))
    if number and not isinstance(value, bool) and float(value).is_integer():
        return value
    raise ValueError(f"`ids` should be integers or text. Received: {value!r}.")
