"""Surprise of transitions: two items next to each other that hardly ever were."""

from __future__ import annotations

import numpy as np

from advrec_tf.data.order import ordered_by_user
from advrec_tf.defence.sequential.base import HistoryDetector, steps_of


class TransitionSurprise(HistoryDetector):
    """Surprise: -log p(j | i), nats, by counts smoothed with popularity.

        p(j | i) = (n_ij + smoothing * p_j) / (n_i + smoothing),    p_j = (n_j + 1) / (n + items)

    n_ij counts i directly before j in the trusted histories, n_i what follows i at all.

    Args:
        smoothing: pseudo-counts, > 0.
        length, worst, false_alarms: see `HistoryDetector`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(self, *, smoothing: float = 5.0, **settings):
        super().__init__(**settings)
        if not smoothing > 0:
            raise ValueError(f"`smoothing` should be > 0. Received: {smoothing!r}.")
        self.smoothing = smoothing

    def learn(self, interactions):
        """Count."""
        order, _ = ordered_by_user(interactions)
        user = interactions.user_index[order]
        item = interactions.item_index[order].astype(np.int64)
        self._num_items = interactions.num_items
        near = user[1:] == user[:-1]
        keys = item[:-1][near] * self._num_items + item[1:][near]
        self._keys, self._counts = np.unique(keys, return_counts=True)
        self._followed = np.bincount(item[:-1][near], minlength=self._num_items)
        counts = interactions.item_counts() + 1.0
        self._popularity = counts / counts.sum()

    def surprises(self, histories, times):
        """See `HistoryDetector.surprises`; NaN at the first item.

        Raises:
            ValueError: if nothing was learned yet, or an item is none of those learned from.
        """
        self.require_fitted("_num_items")
        if histories.size and histories.max() >= self._num_items:
            raise ValueError(
                f"`histories` should hold item indices in 0..{self._num_items - 1}, those of the "
                f"data that the detector was fitted on. Received: {int(histories.max())}."
            )
        found = np.full(histories.shape, np.nan)
        there = steps_of(histories)
        row, place = np.nonzero(there)
        first = histories[row, place - 1].astype(np.int64)
        second = histories[row, place]
        key = first * self._num_items + second
        at = np.minimum(np.searchsorted(self._keys, key), max(len(self._keys) - 1, 0))
        pairs = np.zeros(len(key))
        if len(self._keys):
            pairs = np.where(self._keys[at] == key, self._counts[at], 0)
        prior = self.smoothing * self._popularity[second]
        found[row, place] = -np.log((pairs + prior) / (self._followed[first] + self.smoothing))
        return found
