"""Perplexity of a history under a model that was trained on trusted data."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.defence.sequential.base import HistoryDetector, steps_of
from advrec_tf.models.sequential.history_scores import require_items, require_items_of

_CELLS = 2**24


class Perplexity(HistoryDetector):
    """Surprise: -log p(item | the items before it), nats; with `worst=1` the log of perplexity.

    Only `score_history` is asked of the model, once for each prefix; p is the softmax of its
    scores, so that models trained by cross-entropy give the probabilities they learned.

    Args:
        model: a model of what comes next, trained on data without the attack.
        length, worst, false_alarms: see `HistoryDetector`.
    """

    def __init__(self, model, **settings):
        super().__init__(**settings)
        self.model = model

    def surprises(self, histories, times):
        """See `HistoryDetector.surprises`; NaN at the first item.

        Raises:
            ValueError: if an index is none of an item of the model.
        """
        require_items_of(self.model, histories, "histories")
        found = np.full(histories.shape, np.nan)
        row, place = np.nonzero(steps_of(histories))
        width = histories.shape[1]
        places = np.arange(width)
        block = None
        start = 0
        while start < len(row):
            stop = min(start + (block or 256), len(row))
            rows, at = row[start:stop], place[start:stop]
            source = places[None, :] - (width - at)[:, None]  # the prefix, moved to the right
            prefix = np.where(source >= 0, histories[rows[:, None], np.maximum(source, 0)], NONE)
            scores = tf.cast(self.model.score_history(tf.constant(prefix, tf.int32)), tf.float32)
            if block is None:  # what a model without `interactions` knows is told by its scores
                require_items(histories, scores.shape[1], "histories")
            item = tf.constant(histories[rows, at], tf.int32)
            found[rows, at] = -tf.gather(tf.nn.log_softmax(scores), item, batch_dims=1).numpy()
            block = max(1, _CELLS // scores.shape[1])
            start = stop
        return found
