"""Lists and metrics of users who are scored by vectors, over catalogues of any size.

The product of a block of users with a block of items stays in the cache of the processor while the
items that users have seen are taken out, its best items are found and the items above the best
relevant one are counted: nothing of [users, num_items] is ever there. The figures are those of
`user_lists`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from advrec_tf.evaluation.user_lists import UserLists, ambiguous, lowered
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.ops.reductions import row_sum
from advrec_tf.ops.top_k import top_k

LEAST_CELLS = 2**26
"""Users times items from which compiling these steps takes less time than it saves."""

_ITEMS = 2**17  # in a block
_CELLS = 2**25  # of a product, 128 MiB
_ALIGNED = 1024
_USERS = 512
_LANES = 4  # values that a compiled count takes from as many places of a row at once
_LARGEST = 1e37


class VectorLists:
    """Ranks users by their vectors.

    Args:
        lists: what ranks whole rows of scores.
    """

    def __init__(self, lists: UserLists):
        self.lists = lists
        blocks = -(-lists.num_items // _ITEMS)
        # Blocks of whole chunks of any size.
        self._size = -(-lists.num_items // blocks // _ALIGNED) * _ALIGNED
        # Of any length, so that no block of users is compiled for its own.
        vectors, index = tf.TensorSpec([None, None]), tf.TensorSpec([None], tf.int32)
        values, pairs = tf.TensorSpec([None]), tf.TensorSpec([None, 2], tf.int32)
        self._of_size: dict[tuple[int, int], Callable] = {}
        self._found = [pairs, pairs, values, values, values]
        part = (vectors, tf.TensorSpec([None, None], tf.int32), values, index)
        parts = [part] * -(-lists.num_items // self._size)
        self._prepare = tf.function(
            self._relevant_scores, [vectors, index, vectors], autograph=False
        )
        self._finish = tf.function(self._merged, [parts, *self._found], autograph=False)

    def _rank_block(self, dim: int, size: int):
        """`_best_of_block` for vectors of `dim` and blocks of `size` items."""
        shapes = [
            tf.TensorSpec([None, dim]),
            tf.TensorSpec([size, dim]),
            tf.TensorSpec([], tf.int32),
        ]
        return tf.function(self._best_of_block, [*shapes, *self._found], autograph=False)

    def takes(self, scorer, users: np.ndarray) -> bool:
        """Whether this is a scorer by vectors, whose scores are numbers for certain, and the work
        is worth the compilation."""
        if not isinstance(scorer, VectorRecommender):
            return False
        if len(users) * self.lists.num_items < LEAST_CELLS:
            return False
        largest = [
            max(float(vectors.max()), -float(vectors.min()))
            for vectors in (scorer.user_vectors, scorer.item_vectors)
        ]
        return math.prod(largest) * scorer.item_vectors.shape[1] < _LARGEST

    def rank(
        self, scorer: VectorRecommender, users: np.ndarray
    ) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Metrics [block, names] and top items [block, k] of one block of users after another."""
        items = tf.constant(scorer.item_vectors)
        blocks = [
            (start, items[start : start + self._size])
            for start in range(0, self.lists.num_items, self._size)
        ]
        dim = scorer.item_vectors.shape[1]
        for _, own in blocks:
            key = (dim, len(own))
            if key not in self._of_size:
                self._of_size[key] = self._rank_block(*key)
        block = self._users_at_once(users)
        for start in range(0, len(users), block):
            chosen = users[start : start + block]
            # The last block is filled up, so that nothing is compiled for its length.
            padded = tf.constant(np.resize(chosen, block))
            queries = tf.constant(scorer.user_vectors[padded.numpy()])
            values, top_items, again = self._ranked(queries, padded, items, blocks)
            values, top_items = values[: len(chosen)], top_items[: len(chosen)]
            for rows in np.array_split(np.flatnonzero(again[: len(chosen)]), 1 + again.sum() // 16):
                if len(rows):
                    scores = tf.matmul(tf.gather(queries, rows), items, transpose_b=True)
                    exact = self.lists.of_scores(scores, tf.constant(chosen[rows]))
                    values[rows], top_items[rows] = exact[0], exact[1]
            yield values, top_items

    def _users_at_once(self, users: np.ndarray) -> int:
        """So many that neither a product nor the scores of all their relevant items, which are
        computed for each of them, are large."""
        wanted = np.diff(self.lists.relevant.row_splits.numpy())[users].mean()
        most = min(_USERS, _CELLS // self._size, int(math.sqrt(_CELLS / wanted)))
        return max(1, min(most, len(users)))

    def _ranked(self, queries, users, items, blocks):
        """NumPy: metrics, top items, and which rows have to be ranked again by whole rows."""
        found = self._prepare(queries, users, items)
        parts = [
            self._of_size[own.shape[1], len(own)](queries, own, tf.constant(start), *found)
            for start, own in blocks
        ]
        return [value.numpy() for value in self._finish(parts, *found)]

    def _relevant_scores(self, queries, users, items):
        """Seen and relevant pairs; scores and lowered scores of the latter; of each row the best.

        The processor gives a product of two vectors the same float whatever stands beside it, so
        the scores are those of the blocks. `_best_of_block` holds them against each other."""
        seen, relevant = self.lists.seen.pairs(users), self.lists.relevant.pairs(users)
        product = tf.matmul(queries, tf.gather(items, relevant[:, 1]), transpose_b=True)
        own = tf.stack([relevant[:, 0], tf.range(tf.shape(relevant)[0])], axis=1)
        scores = tf.gather_nd(product, own)
        below = lowered(scores)
        return seen, relevant, scores, below, tf.math.segment_max(below, relevant[:, 0])

    def _best_of_block(self, queries, items, start, seen, relevant, scores, below, best):
        """The best items of a block of items [items, dim] that begins at `start`, with their
        scores; [users] items above `best`, and relevant items whose score is not as expected."""
        product = tf.matmul(queries, items, transpose_b=True)
        size = items.shape[0]
        offset = tf.stack([0, start])

        def within(pairs):
            return (pairs[:, 1] >= start) & (pairs[:, 1] < start + size)

        wanted = within(relevant)
        places = tf.boolean_mask(relevant, wanted) - offset
        found = tf.gather_nd(product, places)
        other = found != tf.boolean_mask(scores, wanted)
        wrong = tf.math.unsorted_segment_sum(
            tf.cast(other, tf.int32), places[:, 0], tf.shape(queries)[0]
        )
        masked = tf.boolean_mask(seen, within(seen)) - offset
        values = tf.concat(
            [tf.fill(tf.shape(masked)[:1], np.float32(-np.inf)), tf.boolean_mask(below, wanted)], 0
        )
        places = tf.concat([masked, places], 0)
        with tf.control_dependencies([found]):  # the product is changed where it lies
            product = tf.raw_ops.InplaceUpdate(
                x=tf.reshape(product, [-1, 1]),
                i=places[:, 0] * size + places[:, 1],
                v=values[:, None],
            )
        product = tf.reshape(product, [-1, size])
        top, top_items = top_k(product, min(self.lists.k, size))
        return top, top_items + start, _above(product, best), wrong

    def _merged(self, parts, seen, relevant, scores, below, best):
        top, top_items, better, wrong = zip(*parts)
        ranked, items = top[0], top_items[0]
        if len(parts) > 1:
            # Equal scores stay in the order of the items, since the blocks are in it.
            ranked, place = tf.math.top_k(tf.concat(top, 1), self.lists.k)
            items = tf.gather(tf.concat(top_items, 1), place, batch_dims=1)
        ranked = tf.ensure_shape(ranked, [None, self.lists.k])
        items = tf.ensure_shape(items, [None, self.lists.k])
        hits = self.lists.hits(items, ranked, relevant)
        again = ambiguous(ranked, hits, below, relevant[:, 0]) | (tf.add_n(wrong) > 0)
        values, items = self.lists.metrics(ranked, items, hits, relevant, best, tf.add_n(better))
        return values, items, again


@tf.function(jit_compile=True)
def _above(values: tf.Tensor, bound: tf.Tensor) -> tf.Tensor:
    """[rows, n] and [rows] -> [rows] float32, how many values of a row are above its bound."""
    n = values.shape[1] // _LANES * _LANES
    lanes = tf.reshape(values[:, :n], [-1, _LANES, n // _LANES])
    counts = tf.reduce_sum(tf.cast(lanes > bound[:, None, None], tf.float32), axis=1)
    rest = tf.cast(values[:, n:] > bound[:, None], tf.float32)
    return row_sum(counts) + tf.reduce_sum(rest, axis=1)
