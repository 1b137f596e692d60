"""Lists and metrics of a block of users from their scores, compiled; every user has a relevant
item. The definitions of the metrics stand in `ranking`, which averages them.

Equal scores count against a relevant item: it is lowered to the next float down, and comes after
whatever has the score that it had.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import Histories
from advrec_tf.ops.top_k import top_k

PER_USER = ("ndcg", "hit_rate", "recall", "capped_recall", "precision", "f1", "map")
"""Metrics at a cut-off, in the order of the columns; `mrr` comes after those of all cut-offs."""


class RowLists:
    """Ranks whole rows of scores, whoever's they are.

    Args:
        num_items: the length of a row.
        ks: cut-offs in rising order.
    """

    def __init__(self, num_items: int, ks: Sequence[int]):
        self.num_items, self.ks = num_items, tuple(ks)
        self.k = min(self.ks[-1], self.num_items)
        self.names = [f"{name}@{k}" for k in self.ks for name in PER_USER] + ["mrr"]

    def of_pairs(self, scores: tf.Tensor, relevant: tf.Tensor, seen: tf.Tensor):
        """[block, num_items] and pairs (row, item), row by row and rising within one -> metrics
        [block, names], top items [block, k], count of NaN."""
        # A sum is NaN where a term is, or where infinities of both signs meet.
        num_nan = tf.cond(
            tf.math.is_nan(tf.reduce_sum(scores)),
            lambda: tf.math.count_nonzero(tf.math.is_nan(scores)),
            lambda: tf.constant(0, tf.int64),
        )
        relevant_scores = tf.gather_nd(scores, relevant)
        below = lowered(relevant_scores)
        changed = tf.concat([seen, relevant], 0)
        masked = tf.fill(tf.shape(seen)[:1], np.float32(-np.inf))
        ranked_scores = tf.tensor_scatter_nd_update(scores, changed, tf.concat([masked, below], 0))
        ranked, items = top_k(ranked_scores, self.k)
        hits = self.hits(items, ranked, relevant)

        def exactly():
            """With a relevant item halfway between its score and the next float down."""
            gap = tf.cast(relevant_scores, tf.float64) - tf.cast(below, tf.float64)
            halfway = tf.cast(below, tf.float64) + tf.where(tf.math.is_finite(gap), gap / 2, 0)
            values = tf.concat([tf.cast(masked, tf.float64), halfway], 0)
            exact = tf.tensor_scatter_nd_update(tf.cast(scores, tf.float64), changed, values)
            best, items = top_k(exact, self.k)
            best = tf.cast(best, tf.float32)
            return best, items, self.hits(items, best, relevant)

        tied = tf.reduce_any(ambiguous(ranked, hits, below, relevant[:, 0]))
        ranked, items, hits = tf.cond(tied, exactly, lambda: (ranked, items, hits))
        best = tf.math.segment_max(below, relevant[:, 0])
        better = tf.reduce_sum(tf.cast(ranked_scores > best[:, None], tf.float32), axis=1)
        metrics = self.metrics(ranked, items, hits, relevant, best, better)
        return *metrics, num_nan

    def hits(self, items: tf.Tensor, scores: tf.Tensor, relevant: tf.Tensor) -> tf.Tensor:
        """Items [block, k] with their scores, and the relevant pairs (row, item), row by row and
        rising within one -> [block, k] float32, 1 where an item is listed and relevant."""
        known = tf.cast(relevant[:, 0], tf.int64) * self.num_items
        known += tf.cast(relevant[:, 1], tf.int64)
        rows = tf.range(tf.shape(items, tf.int64)[0])[:, None]
        asked = tf.reshape(rows * self.num_items + tf.cast(items, tf.int64), [-1])
        place = tf.minimum(tf.searchsorted(known, asked), tf.size(known) - 1)
        found = tf.reshape(tf.gather(known, place) == asked, tf.shape(items))
        return tf.cast(found & (scores > -np.inf), tf.float32)

    def metrics(
        self,
        scores: tf.Tensor,
        items: tf.Tensor,
        hits: tf.Tensor,
        relevant: tf.Tensor,
        best: tf.Tensor,
        better: tf.Tensor,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Lists [block, k] with their hits, relevant pairs, and of each user the best lowered score
        of a relevant item and the number of items above it -> metrics [block, names] and the
        items, -1 where a list ends."""
        count = tf.math.segment_sum(tf.ones(tf.shape(relevant)[:1]), relevant[:, 0])
        columns = []
        for k in self.ks:
            columns += _list_metrics(hits[:, : min(k, self.k)], count, k)
        columns.append(tf.where(best > -np.inf, 1.0 / (1.0 + better), 0.0))
        values = tf.ensure_shape(tf.stack(columns, 1), [None, len(self.names)])
        return values, tf.where(scores > -np.inf, items, -1)


class UserLists(RowLists):
    """Ranks whole rows of scores of users.

    Args:
        seen: items that are not ranked.
        relevant: items to be found, none of them seen.
        ks: cut-offs in rising order.
    """

    def __init__(self, seen: Histories, relevant: Histories, ks: Sequence[int]):
        super().__init__(seen.num_items, ks)
        self.seen, self.relevant = seen, relevant

    def of_scores(self, scores: tf.Tensor, users: tf.Tensor):
        """[block, num_items] and [block] int32 -> metrics [block, names], top items [block, k],
        count of NaN."""
        ranked = _compiled(self.num_items, self.ks)
        return ranked(scores, self.relevant.pairs(users), self.seen.pairs(users))


@functools.lru_cache(maxsize=16)
def _compiled(num_items: int, ks: tuple[int, ...]):
    """`RowLists.of_pairs`, traced once for all users and interactions of so many items."""
    scores, pairs = tf.TensorSpec([None, num_items]), tf.TensorSpec([None, 2], tf.int32)
    of_pairs = RowLists(num_items, ks).of_pairs
    return tf.function(of_pairs, [scores, pairs, pairs], autograph=False).get_concrete_function()


def lowered(scores: tf.Tensor) -> tf.Tensor:
    """The next float down of each: an item with exactly the score of a relevant one goes first."""
    below = tf.math.nextafter(scores, tf.fill(tf.shape(scores), -np.inf))
    # TensorFlow's kernels take subnormal floats for zero, so the next one below zero is -tiny.
    tiny = np.finfo(np.float32).tiny
    return tf.where(tf.abs(scores) < tiny, -tiny, below)


def ambiguous(ranked: tf.Tensor, hits: tf.Tensor, below: tf.Tensor, rows: tf.Tensor) -> tf.Tensor:
    """[block] bool: may another item that has the very score to which a relevant one was lowered
    stand before it, inside the list or at its end?

    Args:
        ranked, hits: [block, k], the scores of a list and which of its items are relevant.
        below, rows: of each relevant pair, its lowered score and its row, rising.
    """
    mixed = (ranked[:, 1:] == ranked[:, :-1]) & (hits[:, 1:] != hits[:, :-1])
    mixed = tf.reduce_any(mixed & (ranked[:, 1:] > -np.inf), axis=1)
    reaches = (below >= tf.gather(ranked[:, -1], rows)) & (below > -np.inf)
    reaching = tf.math.segment_sum(tf.cast(reaches, tf.float32), rows)
    return mixed | (reaching != tf.reduce_sum(hits, axis=1))


def _list_metrics(hits: tf.Tensor, count: tf.Tensor, k: int) -> list[tf.Tensor]:
    """hits [users, <=k] of 0/1, count [users] of relevant items -> the metrics of `PER_USER`."""
    length = hits.shape[1]
    ranks = tf.range(1, length + 1, dtype=tf.float32)
    discount = np.log(2.0) / tf.math.log(ranks + 1.0)
    best_count = tf.minimum(count, float(k))
    ideal = tf.gather(tf.cumsum(discount), tf.minimum(tf.cast(best_count, tf.int32), length) - 1)
    found = tf.reduce_sum(hits, 1)
    precision_at_rank = tf.cumsum(hits, axis=1) / ranks
    return [
        tf.reduce_sum(hits * discount, 1) / ideal,
        tf.cast(found > 0, tf.float32),
        found / count,
        found / best_count,
        found / float(k),
        2.0 * found / (float(k) + count),
        tf.reduce_sum(hits * precision_at_rank, 1) / best_count,
    ]
