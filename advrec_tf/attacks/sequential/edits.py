"""Edits of histories: an item exchanged, put in or taken out, in many histories at once.

Histories are [n, places] int32, the latest item at the right, `NONE` at the left. Which edits do
harm is left to `pollution`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.sequences import NONE

KINDS = ("substitute", "insert", "delete")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Edits:
    """One edit each of some histories.

    Attributes:
        row: [edits] int64, which history.
        place: [edits] int64, where; an inserted item stands there afterwards, and the items up to
            it move one place to the left.
        item: [edits] int32, what comes in; `NONE` where items are taken out.
        kind: one of `KINDS`.
    """

    row: np.ndarray
    place: np.ndarray
    item: np.ndarray
    kind: str

    def __len__(self) -> int:
        return len(self.row)

    def select(self, chosen: np.ndarray) -> Edits:
        """The edits at `chosen`, positions or a mask."""
        return Edits(
            row=self.row[chosen],
            place=self.place[chosen],
            item=self.item[chosen],
            kind=self.kind,
        )

    def applied(self, histories: np.ndarray) -> np.ndarray:
        """[edits, places] int32: each edit's history after it alone."""
        return self._moved(histories, NONE, self.item)

    def touched(self, touched: np.ndarray) -> np.ndarray:
        """[edits, places] bool: which places of `applied` an edit has changed, given those before
        it [n, places]. Of what is taken out nothing remains."""
        return self._moved(touched, False, self.kind != "delete")

    def _moved(self, values: np.ndarray, empty, new) -> np.ndarray:
        places = np.arange(values.shape[1])[None, :]
        at = self.place[:, None]
        source = places + np.zeros_like(at)
        if self.kind == "insert":
            source = np.where(places <= at, places + 1, places)
            source = np.minimum(source, values.shape[1] - 1)
        elif self.kind == "delete":
            source = np.where(places <= at, places - 1, places)
        moved = values[self.row[:, None], np.maximum(source, 0)]
        moved = np.where(source < 0, empty, moved)
        if self.kind == "delete":
            return moved
        return np.where(places == at, np.broadcast_to(new, len(self))[:, None], moved)


def open_places(histories: np.ndarray, touched: np.ndarray, kind: str) -> np.ndarray:
    """[n, places] bool, where an edit may stand: at items not touched before; taken out is none
    that is a history's only one, put in only where the first place is free."""
    found = (histories != NONE) & ~touched
    if kind == "delete":
        return found & ((histories != NONE).sum(1, keepdims=True) > 1)
    if kind == "insert":
        return (histories != NONE) & (histories[:, :1] == NONE)
    return found


def with_room(histories: np.ndarray, count: int) -> np.ndarray:
    """[n, places] -> [n, places + count], empty at the left."""
    return np.pad(histories, [[0, 0], [count, 0]], constant_values=NONE)
