"""A user's known items as tensors: flat pairs, dense rows, padded lists, a bit table.

`UserItems` holds them in NumPy; this module gives models, the evaluator and the served
graph the same lists inside a compiled function. It knows nothing of scores or losses.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions, UserItems
from advrec_tf.ops.servers import for_workers


class Histories(tf.Module):
    """Items of each user, looked up by user index inside a TensorFlow function.

    An index of `num_users` or more (an unknown user) has an empty history.
    """

    def __init__(self, user_items: UserItems):
        super().__init__(name="histories")
        self.num_items = user_items.num_items
        self.longest = max(int(user_items.counts.max(initial=0)), 1)
        splits = np.append(user_items.row_splits, user_items.row_splits[-1])
        # Padded by one longest history, so that `padded` may read past the last user.
        items = np.append(user_items.items, np.zeros(self.longest, np.int32))
        self.items = tf.constant(items, tf.int32)
        self.row_splits = tf.constant(splits, tf.int64)
        self._last_row = user_items.num_users

    def _span(self, user_index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        row = tf.minimum(user_index, self._last_row)
        return tf.gather(self.row_splits, row), tf.gather(self.row_splits, row + 1)

    def entries(self, user_index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[batch] int32 -> row in the batch and place in `items` of each entry, [entries] each."""
        start, end = self._span(user_index)
        lengths = end - start
        row = tf.repeat(tf.range(tf.size(user_index)), lengths)
        offset = start - tf.cumsum(lengths, exclusive=True)
        return row, tf.range(tf.reduce_sum(lengths)) + tf.gather(offset, row)

    def pairs(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [entries, 2] int32: (row in the batch, item)."""
        row, place = self.entries(user_index)
        return tf.stack([row, tf.gather(self.items, place)], axis=1)

    def dense(self, user_index: tf.Tensor, values: tf.Tensor | None = None) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32, zeros and the `values` of the entries.

        Args:
            values: [nnz] float32, one for each of the user items; ones by default.
        """
        row, place = self.entries(user_index)
        pairs = tf.stack([row, tf.gather(self.items, place)], axis=1)
        found = tf.ones(tf.shape(row)) if values is None else tf.gather(values, place)
        return tf.scatter_nd(pairs, found, [tf.size(user_index), self.num_items])

    def padded(self, user_index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[batch] int32 -> items [batch, longest] int32 and mask, same shape, bool.

        Static in all but the batch, so XLA compiles it. Masked places hold any item.
        """
        start, end = self._span(user_index)
        places = tf.range(self.longest, dtype=tf.int64)
        items = tf.gather(self.items, start[:, None] + places[None, :])
        return items, places[None, :] < (end - start)[:, None]


class Profiles:
    """The profiles of users, [batch, num_items] of 0/1: those that a batch brings, or those of
    interactions, which are held from the first time on that they are asked for."""

    def __init__(self, interactions: Interactions):
        self.interactions = interactions

    @functools.cached_property
    def held(self) -> Histories:
        """The items of all users."""
        with tf.init_scope():  # perhaps asked for while a step is compiled
            return Histories(self.interactions.by_user())

    def dense(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32."""
        return self.held.dense(user_index)

    def of(self, batch: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The profiles of a batch, of its `items` [batch, n] int32 where it has them, such as those
        of `data.stream_profiles`, else of its `user_index`.

        Raises:
            tf.errors.InvalidArgumentError: as `known_only`.
        """
        if "items" in batch:
            return distinct_rows(batch["items"], self.interactions.num_items)
        return self.dense(known_only(batch["user_index"], self.interactions.num_users))


def known_only(user_index: tf.Tensor, num_users: int) -> tf.Tensor:
    """The users of a batch to train on, [batch] int32, as they are, where all are known: the
    profile of an index that nobody has would be empty. XLA leaves the check out.

    Raises:
        tf.errors.InvalidArgumentError: if an index does not lie in 0..num_users - 1.
    """
    known = tf.debugging.Assert(
        tf.reduce_all((user_index >= 0) & (user_index < num_users)),
        [f"`user_index` should hold indices in 0..{num_users - 1}. Received:", user_index],
    )
    # What reads the users waits for the check, which otherwise might come too late.
    with tf.control_dependencies([] if known is None else [known]):
        return tf.identity(user_index)


def weighted_rows(histories: tf.Tensor, weights: tf.Tensor, num_items: int) -> tf.Tensor:
    """[batch, n] int32 item indices and [batch, n] float32 -> [batch, num_items] float32, the sum
    of the weights of each item; what is no item, such as padding, is left out."""
    there = tf.where((histories >= 0) & (histories < num_items))
    place = tf.stack([there[:, 0], tf.cast(tf.gather_nd(histories, there), tf.int64)], axis=1)
    shape = [tf.shape(histories, tf.int64)[0], num_items]
    return tf.scatter_nd(place, tf.gather_nd(weights, there), shape)


def distinct_rows(histories: tf.Tensor, num_items: int) -> tf.Tensor:
    """[batch, n] int32 item indices -> [batch, num_items] float32, 1 where the item is there."""
    return tf.minimum(
        weighted_rows(histories, tf.ones(tf.shape(histories)), num_items), tf.constant(1.0)
    )


class PairTable(tf.Module):
    """Is this (user, item) pair known? One bit a pair, answered for whole blocks at once.

    Memory is num_users * num_items / 8 bytes whatever the data (gowalla: 153 MB), so the
    caller chooses it only where `PairTable.size_in_bytes` is acceptable.

    Args:
        pairs: whose `pair_blocks` are known.
    """

    def __init__(self, pairs: UserItems | Interactions):
        super().__init__(name="pair_table")
        self.num_items = pairs.num_items
        table = np.zeros(self.size_in_bytes(pairs.num_users, self.num_items), np.uint8)
        for users, items in pairs.pair_blocks():
            keys = users.astype(np.int64) * self.num_items + items
            np.bitwise_or.at(table, keys >> 3, (1 << (keys & 7)).astype(np.uint8))
        self.table = tf.constant(table)

    @staticmethod
    def size_in_bytes(num_users: int, num_items: int) -> int:
        return (num_users * num_items + 7) // 8

    def known(self, user_index: tf.Tensor, item_index: tf.Tensor) -> tf.Tensor:
        """[users] and [items] int32 -> [users, items] bool, every pair of the two."""
        return self.known_pairs(user_index, item_index[None, :])

    def known_pairs(self, user_index: tf.Tensor, item_index: tf.Tensor) -> tf.Tensor:
        """[users] and [users or 1, items] int32 -> [users, items] bool, each user's own items."""
        keys = tf.cast(user_index, tf.int64)[:, None] * self.num_items + tf.cast(
            item_index, tf.int64
        )
        byte = tf.cast(tf.gather(for_workers(self.table), keys // 8), tf.int32)
        bit = tf.cast(keys % 8, tf.int32)
        return tf.bitwise.bitwise_and(tf.bitwise.right_shift(byte, bit), 1) == 1
