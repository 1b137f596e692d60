"""Short behavior sequences: the items of users one after the other, cut to one length.

Cut from interactions in the order of `order.ordered_by_user`: by time, ties by their rule, and by
the file where there are no times. A place holds an item index, or `NONE` where a sequence is over;
a sequence holds an item at least.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.order import ordered_by_user

NONE = -1


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Sequences:
    """Items in order, a sequence each.

    Attributes:
        items: [n, length] int32, item indices, `NONE` after the end of a sequence.
        user_index: [n] int32, whose they are.
        num_items: size of the catalogue.

    Raises:
        ValueError: if the shapes do not fit, an item is out of range, a sequence is empty, or
            an item stands after its end.
    """

    items: np.ndarray
    user_index: np.ndarray
    num_items: int

    def __post_init__(self):
        require_places(self.items, self.user_index, self.num_items)
        there = self.items != NONE
        if not there[:, :1].all() or (there[:, 1:] & ~there[:, :-1]).any():
            raise ValueError(
                f"`items` should start with an item in each sequence and be {NONE} from its end "
                "on. Received a sequence that is empty or has a gap."
            )

    def __len__(self) -> int:
        return len(self.items)

    @property
    def length(self) -> int:
        return self.items.shape[1]

    def select(self, chosen: np.ndarray) -> Sequences:
        """The given sequences, indices or a mask."""
        user_index = self.user_index[chosen]
        return dataclasses.replace(self, items=self.items[chosen], user_index=user_index)

    def item_shares(self) -> np.ndarray:
        """[num_items] float64, the fraction of all places that an item takes."""
        counts = np.bincount(self.items[self.items != NONE], minlength=self.num_items)
        return counts / counts.sum()

    def pairs(self) -> np.ndarray:
        """[pairs] int64, item * num_items + next item, of every two neighbors."""
        first, second = self.items[:, :-1], self.items[:, 1:]
        there = second != NONE
        return first[there].astype(np.int64) * self.num_items + second[there]


def sequences_of(interactions: Interactions, *, length: int, least: int = 2) -> Sequences:
    """Each user's interactions cut, from the last backwards, into pieces of `length` items.

    What is left over at a user's beginning is a shorter piece, if it has `least` items.

    Raises:
        ValueError: if `length` < 2, `least` lies outside 1..length, or no piece is long enough.
    """
    require_length(length, least)
    order, starts = ordered_by_user(interactions)
    items = interactions.item_index[order]
    found, users = [], []
    for user in range(interactions.num_users):
        stop = starts[user + 1]
        while stop - starts[user] >= least:
            start = max(starts[user], stop - length)
            sequence = np.full(length, NONE, np.int32)
            sequence[: stop - start] = items[start:stop]
            found.append(sequence)
            users.append(user)
            stop = start
    if not found:
        raise ValueError(f"`least` should leave a sequence. Received: {least}, which leaves none.")
    return Sequences(
        items=np.stack(found),
        user_index=np.array(users, np.int32),
        num_items=interactions.num_items,
    )


def require_length(length: int, least: int) -> None:
    """ValueError unless pieces of `length` items, and of `least` at a beginning, can be cut."""
    if length < 2 or not 1 <= least <= length:
        raise ValueError(
            "`length` should be >= 2 and `least` lie in 1..length. "
            f"Received: {length!r} and {least!r}."
        )


def last_items(interactions: Interactions, length: int) -> np.ndarray:
    """[num_users, length] int32: each user's last items in order, `NONE` after the end."""
    order, starts = ordered_by_user(interactions)
    items = interactions.item_index[order]
    found = np.full((interactions.num_users, length), NONE, np.int32)
    for user in range(interactions.num_users):
        own = items[max(starts[user], starts[user + 1] - length) : starts[user + 1]]
        found[user, : len(own)] = own
    return found


def require_places(items: np.ndarray, user_index: np.ndarray, num_items: int) -> None:
    """Refuse what are no items in places of users.

    Raises:
        ValueError: if `items` is not [n, length] beside `user_index` [n], or an item is out of
            range.
    """
    if items.ndim != 2 or user_index.shape != items.shape[:1]:
        raise ValueError(
            "`items` should be [n, length] and `user_index` [n]. "
            f"Received: {items.shape} and {user_index.shape}."
        )
    known = items[items != NONE]
    if len(known) and not 0 <= known.min() <= known.max() < num_items:
        raise ValueError(
            f"`items` should lie in 0..{num_items - 1}, or be {NONE}. "
            f"Received: {known.min()}..{known.max()}."
        )
