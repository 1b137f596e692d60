"""Item-to-item transition counts: the counting table that every sequence model has to beat."""

from __future__ import annotations

import math

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import weighted_rows
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.order import ordered_by_user
from advrec_tf.data.windows import last_windows
from advrec_tf.models.base import ClosedForm
from advrec_tf.models.sequential.history_scores import require_items

DENSE_CELLS = 2**26
"""Items x items up to which a table that is full enough is kept as a dense matrix."""

_FULL_ENOUGH = 1 / 50  # the fraction of cells from which a dense product is the quicker one
_NEGLIGIBLE = 1e-7  # below the precision of float32 beside the weight 1 of the last item


def counted_pairs(
    interactions: Interactions, *, window: int, distance: float = 1.0, symmetric: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """Which items follow which: [pairs] int64, i * num_items + j in ascending order, and [pairs]
    float64, the sum over the places where j comes d <= window steps after i of d^-distance.

    Args:
        symmetric: count a pair in both directions.
    """
    order, _ = ordered_by_user(interactions)
    user = interactions.user_index[order]
    item = interactions.item_index[order].astype(np.int64)
    keys, weights = [], []
    for step in range(1, window + 1):
        same = user[step:] == user[:-step]
        one, other = item[:-step][same], item[step:][same]
        ends = [(one, other), (other, one)] if symmetric else [(one, other)]
        for i, j in ends:
            keys.append(i * interactions.num_items + j)
            weights.append(np.full(len(i), float(step) ** -distance))
    keys, place = np.unique(np.concatenate(keys), return_inverse=True)
    return keys, np.bincount(place, np.concatenate(weights), minlength=len(keys))


class Transitions(ClosedForm):
    """Counts of what follows what within a few steps, weighed by distance and popularity.

        table(i, j) = (n_i n_j)^-popularity  sum over j, d <= window steps after i, of d^-distance
        score(j) = sum over the history's items i, a places before its last, of decay^a table(i, j)

    n_i are the training interactions of i. The order is that of `order.ordered_by_user`. Nothing is
    trained; memory is that of the pairs that occur. An item that never follows any of a history
    scores 0.

    Args:
        window: steps between two items of a user that are counted, >= 1.
        distance: exponent of the steps, >= 0; 0 counts all alike.
        popularity: exponent of the two items' popularity, >= 0; 0 does not discount it.
        symmetric: count a pair in both directions, for data whose order within a day is unknown.
        decay: weight of an item of the history over that of the one after it, in (0, 1].

    Attributes:
        own_windows: the last items of each user in training, which `score` reads; after `fit`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        window: int = 3,
        distance: float = 1.0,
        popularity: float = 0.5,
        symmetric: bool = False,
        decay: float = 0.7,
    ):
        if window < 1 or not distance >= 0 or not popularity >= 0 or not 0 < decay <= 1:
            raise ValueError(
                "`window` should be >= 1, `distance` and `popularity` >= 0, and `decay` in (0, 1]. "
                f"Received: {window!r}, {distance!r}, {popularity!r} and {decay!r}."
            )
        self.window, self.distance, self.popularity = window, distance, popularity
        self.symmetric, self.decay = symmetric, decay

    def fit(self, interactions: Interactions) -> Transitions:
        """Count.

        Raises:
            ValueError: if a time is NaN.
        """
        self.interactions = interactions
        n = self.num_items = interactions.num_items
        keys, counts = counted_pairs(
            interactions, window=self.window, distance=self.distance, symmetric=self.symmetric
        )
        first, second = np.divmod(keys, n)
        damping = np.maximum(interactions.item_counts(), 1.0) ** -self.popularity
        values = (counts * damping[first] * damping[second]).astype(np.float32)
        self._dense = None
        if n * n <= DENSE_CELLS and len(keys) > _FULL_ENOUGH * n * n:
            table = np.zeros((n, n), np.float32)
            table[first, second] = values
            self._dense = tf.constant(table)
        self._splits = tf.constant(np.searchsorted(first, np.arange(n + 1)), tf.int64)
        self._columns = tf.constant(second, tf.int32)
        self._values = tf.constant(values)
        longest = int(interactions.user_counts().max(initial=1))
        self.horizon = min(longest, self._horizon())
        self.own_windows = last_windows(interactions, self.horizon)
        self._recent = tf.constant(self.own_windows.items)
        return self

    def _horizon(self) -> int:
        """Items of a history after which the weights are negligible."""
        if self.decay == 1.0:
            return 2**31
        return max(1, math.ceil(math.log(_NEGLIGIBLE) / math.log(self.decay)))

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self.score_history(tf.gather(self._recent, user_index))

    def score_history(self, histories: tf.Tensor) -> tf.Tensor:
        """[batch, n] int32 item indices, `NONE` at the left of shorter ones, -> [batch, num_items]
        float32.

        Raises:
            ValueError: if an index is none of an item.
        """
        require_items(histories, self.num_items, "histories")
        histories = tf.cast(histories, tf.int32)[:, -self._horizon() :]
        age = tf.range(tf.shape(histories)[1] - 1, -1, -1)
        weights = tf.pow(tf.constant(self.decay, tf.float32), tf.cast(age, tf.float32))
        weights = tf.broadcast_to(weights[None, :], tf.shape(histories))
        if self._dense is not None:
            return tf.matmul(weighted_rows(histories, weights, self.num_items), self._dense)
        there = tf.where((histories >= 0) & (histories < self.num_items))
        item = tf.gather_nd(histories, there)
        start = tf.gather(self._splits, item)
        length = tf.gather(self._splits, item + 1) - start
        entry = tf.range(tf.reduce_sum(length)) + tf.repeat(
            start - tf.cumsum(length, exclusive=True), length
        )
        row = tf.repeat(there[:, 0], length)
        cell = row * self.num_items + tf.cast(tf.gather(self._columns, entry), tf.int64)
        added = tf.gather(self._values, entry) * tf.repeat(tf.gather_nd(weights, there), length)
        batch = tf.shape(histories, tf.int64)[0]
        flat = tf.math.unsorted_segment_sum(added, cell, batch * self.num_items)
        return tf.reshape(flat, [batch, self.num_items])
