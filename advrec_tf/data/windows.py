"""Windows on users' histories: their items in order, cut once, the latest at the right.

What sequence models read. A window has one length for all; where a history is shorter its first
places hold `NONE`. The order inside a history is that of `data.sequences`.
"""

from __future__ import annotations

import dataclasses
from typing import Literal

import numpy as np
import tensorflow as tf

from advrec_tf.data.batches import Batches, shuffled_index
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.order import ordered_by_user
from advrec_tf.data.sequences import NONE, require_places


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Windows:
    """Items in order of time, the latest at the right.

    Attributes:
        items: [n, length] int32, item indices, `NONE` before the first.
        user_index: [n] int32, whose they are.
        num_items: size of the catalogue.
        times: [n, length] float64, the time of each item in the unit of the interactions; None
            where there are none.

    Raises:
        ValueError: if the shapes do not fit, an item is out of range, or a place is empty after an
            item.
    """

    items: np.ndarray
    user_index: np.ndarray
    num_items: int
    times: np.ndarray | None = None

    def __post_init__(self):
        require_places(self.items, self.user_index, self.num_items)
        if self.times is not None and self.times.shape != self.items.shape:
            raise ValueError(
                f"`times` should have the shape of `items`, {self.items.shape}. "
                f"Received: {self.times.shape}."
            )
        there = self.items != NONE
        if (there[:, :-1] & ~there[:, 1:]).any():
            raise ValueError(
                f"`items` should be {NONE} before the first item of a window alone. "
                "Received a window with an empty place after an item."
            )

    def __len__(self) -> int:
        return len(self.items)

    @property
    def length(self) -> int:
        return self.items.shape[1]

    def lengths(self) -> np.ndarray:
        """[n] int64, items of each window."""
        return (self.items != NONE).sum(axis=1)

    def gaps(self) -> np.ndarray:
        """[n, length] float32, the time since the item before; 0 at the first item and before it.

        Raises:
            ValueError: if there are no times.
        """
        if self.times is None:
            raise ValueError("`times` should be there, to tell gaps. Received a window without.")
        gaps = np.diff(self.times, axis=1, prepend=self.times[:, :1])
        there = self.items != NONE
        return np.where(there & np.roll(there, 1, axis=1), gaps, 0.0).astype(np.float32)


def last_windows(interactions: Interactions, length: int) -> Windows:
    """A window for each user, in the order of their indices: the last `length` items.

    Raises:
        ValueError: if `length` < 1.
    """
    _require_length(length, 1)
    order, starts = ordered_by_user(interactions)
    stops = starts[1:]
    return _cut(
        interactions,
        order,
        users=np.arange(interactions.num_users, dtype=np.int32),
        starts=np.maximum(starts[:-1], stops - length),
        stops=stops,
        length=length,
    )


def training_windows(
    interactions: Interactions, length: int, *, kind: Literal["whole", "prefixes"] = "whole"
) -> Windows:
    """Windows of `length` + 1 items with at least two: what is read, and what comes after.

    Args:
        interactions: the training interactions.
        length: items that a model reads, >= 1.
        kind: with "whole" each history is cut, from the last backwards, into windows that share
            one item, so that every item but a user's first is predicted in one window. With
            "prefixes" each item but a user's first is the last of a window of its own.

    Raises:
        ValueError: if `length` < 1, `kind` is neither, or no user has two items.
    """
    _require_length(length, 1)
    if kind not in ("whole", "prefixes"):
        raise ValueError(f"`kind` should be 'whole' or 'prefixes'. Received: {kind!r}.")
    order, starts = ordered_by_user(interactions)
    counts = np.diff(starts)
    every = length if kind == "whole" else 1
    windows = np.maximum(-(-(counts - 1) // every), 0)  # of each user
    if not windows.sum():
        raise ValueError(
            "`interactions` should have a user with two interactions: what comes after what is "
            f"learned from them. Received {len(interactions)} interactions, none of them a second."
        )
    users = np.repeat(np.arange(interactions.num_users, dtype=np.int32), windows)
    number = np.arange(len(users)) - np.repeat(np.cumsum(windows) - windows, windows)
    stops = starts[1:][users] - every * number
    return _cut(
        interactions,
        order,
        users=users,
        starts=np.maximum(starts[:-1][users], stops - length - 1),
        stops=stops,
        length=length + 1,
    )


def of_windows(windows: Windows, *, batch_size: int, seed: int, trimmed: bool = True) -> Batches:
    """Batches of windows: `history` [batch, places] int32, `user_index` and `weight` [batch],
    `seed` [2] int32, and `gap` [batch, places] float32 where there are times, see
    `Windows.gaps`.

    With `trimmed` a batch holds windows of about one length, and only as many places, from the
    right, as the longest of them has items; else all have the length of the windows.

    Raises:
        ValueError: if there is no window or `batch_size` < 1.
    """
    if not len(windows) or batch_size < 1:
        raise ValueError(
            "Batches should have a window to draw from and `batch_size` be >= 1. "
            f"Received: {len(windows)} windows and {batch_size!r}."
        )
    batch_size = min(batch_size, len(windows))
    items = tf.constant(windows.items, tf.int32)
    users = tf.constant(windows.user_index, tf.int32)
    lengths = windows.lengths().astype(np.int32)
    counts = tf.constant(lengths)
    gaps = None if windows.times is None else tf.constant(windows.gaps())

    def dataset(first_epoch: int) -> tf.data.Dataset:
        def gather(batch):
            index = batch["index"]
            first = 0
            if trimmed:
                first = windows.length - tf.reduce_max(tf.gather(counts, index))
            found = {
                "history": tf.gather(items, index)[:, first:],
                "user_index": tf.gather(users, index),
                "weight": tf.ones(batch_size),
                "seed": batch["seed"],
            }
            if gaps is not None:
                found["gap"] = tf.gather(gaps, index)[:, first:]
            return found

        chosen = shuffled_index(
            len(windows), batch_size, seed, first_epoch, sizes=lengths if trimmed else None
        )
        return chosen.map(gather).prefetch(4)

    return Batches(-(-len(windows) // batch_size), dataset)


def _cut(
    interactions: Interactions,
    order: np.ndarray,
    *,
    users: np.ndarray,
    starts: np.ndarray,
    stops: np.ndarray,
    length: int,
) -> Windows:
    """The interactions at `order[start:stop]` of each window, at its right."""
    places = stops[:, None] - length + np.arange(length)[None, :]
    there = places >= starts[:, None]
    chosen = order[np.where(there, places, 0)] if len(order) else np.zeros(there.shape, int)
    times = None
    if interactions.timestamp is not None and len(order):
        times = np.where(there, interactions.timestamp[chosen], 0.0)
    items = interactions.item_index[chosen] if len(order) else chosen
    return Windows(
        items=np.where(there, items, NONE).astype(np.int32),
        user_index=users,
        num_items=interactions.num_items,
        times=times,
    )


def _require_length(length: int, least: int) -> None:
    if length < least:
        raise ValueError(f"`length` should be >= {least}. Received: {length!r}.")
