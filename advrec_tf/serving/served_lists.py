"""Ids and lists in a served graph: what a request names, the best items, and each list cut to its
own length.

Where scores come from, and which signatures there are, is left to `recommender`.
"""

from __future__ import annotations

import warnings

import tensorflow as tf

from advrec_tf.ops.top_k import top_k
from advrec_tf.serving.lists import LOWEST, NO_ITEM
from advrec_tf.serving.module import ServedModule, after

LENGTH = 10
"""Length of a list where nobody asks for another."""

LONGEST = 100
"""The longest list that a request may ask for, however few the items are."""

RESTRICTIONS = ("k", "exclude_item_id", "allow_item_id")
"""The inputs that say how long a list is and what may stand in it."""


class ServedLists(ServedModule):
    """The base of graphs that answer with lists of items.

    Attributes:
        item_ids: [num_items] string, the catalogue.
        items: text -> its place among them, -1 where it is none.
        users: text -> the index of a user, num_users where it is none.
        num_users, num_items: how many there are.
        max_k: the longest list that a request may ask for.
    """

    item_ids: tf.Tensor
    items: tf.lookup.StaticHashTable
    users: tf.lookup.StaticHashTable
    num_users: int
    num_items: int
    max_k: int

    def known_user(self, user_index: tf.Tensor) -> dict[str, tf.Tensor]:
        """The output that says which users the model knows, [batch] bool."""
        return {"known_user": user_index < self.num_users}

    def known_items(self, item_id: tf.Tensor) -> dict[str, tf.Tensor]:
        """The output that says how many of the ids [batch, n] the model knows, [batch] int32."""
        known = self.items.lookup(item_id) >= 0
        return {"known_items": tf.reduce_sum(tf.cast(known, tf.int32), axis=1)}

    def known_limits(
        self, exclude_item_id: tf.Tensor, allow_item_id: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """The outputs that say which ids of each restriction [batch, n] the model knows, bool."""
        return {
            "known_excluded": self.items.lookup(exclude_item_id) >= 0,
            "known_allowed": self.items.lookup(allow_item_id) >= 0,
        }

    def _restricted(self, scores, k, exclude_item_id, allow_item_id) -> dict[str, tf.Tensor]:
        """Lists of scores [batch, num_items], each of its own k, exclusions and allowed items, and
        which of these are known."""
        k = self._checked(k)
        closed = self._among(exclude_item_id) | self._not_allowed(allow_item_id)
        lists = self._cut(*self._best(tf.where(closed, LOWEST, scores), longest(k)), k)
        return {**lists, **self.known_limits(exclude_item_id, allow_item_id)}

    def _checked(self, k: tf.Tensor) -> tf.Tensor:
        """The lengths of lists [batch], refused where one is out of range."""
        in_range = tf.debugging.Assert(
            tf.reduce_all((k >= 1) & (k <= self.max_k)),
            [f"`k` should be in 1..{self.max_k}. Received:", k],
        )
        return after([in_range], {"k": k})["k"]

    def _cut(self, index: tf.Tensor, best: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """Lists [batch, longest], each cut to its own length k [batch]."""
        within = tf.range(tf.shape(index)[1])[None, :] < k[:, None]
        return self._named(tf.where(within, index, -1), tf.where(within, best, LOWEST))

    def _among(self, item_id: tf.Tensor) -> tf.Tensor:
        """[batch, n] string -> [batch, num_items] bool, the items named; unknown ids are not."""
        places = self._named_pairs(item_id)
        ones = tf.ones(tf.shape(places)[:1])
        return tf.scatter_nd(places, ones, [tf.shape(item_id)[0], self.num_items]) > 0

    def _not_allowed(self, allow_item_id: tf.Tensor) -> tf.Tensor:
        """[batch, n] string -> [batch, num_items] bool: nothing where a row names nothing, else
        what it does not name."""
        return names_some(allow_item_id)[:, None] & ~self._among(allow_item_id)

    def _named_pairs(self, item_id: tf.Tensor) -> tf.Tensor:
        """[batch, n] string -> [pairs, 2] int32, (row, item) of the known items that are named."""
        item = self.items.lookup(item_id)
        row = tf.broadcast_to(tf.range(tf.shape(item)[0])[:, None], tf.shape(item))
        return tf.boolean_mask(tf.stack([row, item], axis=2), item >= 0)

    def _best(self, scores: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[batch, num_items] -> item index, -1 for none, and score, both [batch, k]."""
        if isinstance(k, int):
            available = min(k, self.num_items)
        else:
            available = tf.minimum(k, self.num_items)
        best, index = top_k(scores, available)
        index = tf.where(best > LOWEST, index, -1)
        beyond = [[0, 0], [0, k - available]]
        return (
            tf.pad(index, beyond, constant_values=-1),
            tf.pad(best, beyond, constant_values=LOWEST),
        )

    def _named(self, item_index: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = tf.gather(self.item_ids, tf.maximum(item_index, 0))
        return {"item_id": tf.where(item_index >= 0, ids, NO_ITEM), "score": scores}

    def _of_candidates(
        self, scores: tf.Tensor, candidate_item_id: tf.Tensor
    ) -> dict[str, tf.Tensor]:
        """Scores [batch, num_items] -> those of the candidates [batch, n], 0 where one is unknown,
        and which are known."""
        item = self.items.lookup(candidate_item_id)
        found = tf.gather(scores, tf.maximum(item, 0), axis=1, batch_dims=1)
        return {"score": tf.where(item >= 0, found, 0.0), "known_candidate": item >= 0}


def list_lengths(k: int | None, max_k: int, num_items: int) -> tuple[int, int]:
    """The length of a list where a request names none, and the longest that it may ask for.

    A list longer than the catalogue would be padding, so that `max_k` is cut to the number of
    items, or to `LONGEST` where there are fewer; short catalogues keep the lengths that clients
    ask for.

    Args:
        k: 1 <= k <= max_k; None is `LENGTH`, or max_k where that is shorter.

    Raises:
        ValueError: if k or max_k is out of range.
    """
    asked = default_length(max_k) if k is None else k
    if not 1 <= asked <= max_k:
        if k is None:
            raise ValueError(f"`max_k` should be >= 1. Received: {max_k!r}.")
        raise ValueError(f"`k` should be in 1..max_k. Received: k={k!r}, max_k={max_k!r}.")
    most = max(asked, num_items, LONGEST)
    if max_k > most:
        warnings.warn(
            f"The longest list is cut to {most:,}, as there are {num_items:,} items. Received: "
            f"max_k={max_k!r}.",
            stacklevel=3,
        )
    return asked, min(max_k, most)


def default_length(max_k: int) -> int:
    """The length of a list where none is given: `LENGTH`, or the longest where that is shorter."""
    return min(LENGTH, max_k)


def names_some(item_id: tf.Tensor) -> tf.Tensor:
    """[batch, n] string -> [batch] bool, the rows that hold more than padding."""
    return tf.reduce_any(item_id != NO_ITEM, axis=1)


def longest(k: tf.Tensor) -> tf.Tensor:
    """[batch] int32 -> the longest of them, at least 1."""
    return tf.reduce_max(tf.concat([k, [1]], 0))
