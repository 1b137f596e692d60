"""Randomized smoothing of next-item scores over deletions."""

from __future__ import annotations

from typing import Literal

import numpy as np
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.models.sequential.history_scores import require_items_of

AGGREGATES = ("mean", "median")


class DeletionSmoothing:
    """The mean or median of a model's scores over histories with random items left out.

    An exchanged item is missing in a fraction `rate` of them, so that it moves the mean less
    than the scores (Cohen et al. 2019, arXiv:1902.02918, for deletions), and the median only where
    it stands in half of them. Which places are left out, counted from the last, is drawn once: an
    answer does not depend on what else is asked. It is over scores, no vote, and no radius is
    certified.

    Args:
        model: anything with `score_history(histories)`.
        samples: histories that are asked about, >= 1; each costs one question of the model.
        rate: chance of an item to be left out, in [0, 1).
        aggregate: "mean", or "median", of each item's scores.
        seed: of the draws.

    Raises:
        ValueError: if an argument is out of range.
    """

    _PLACES = 512  # the draws repeat beyond

    def __init__(
        self,
        model,
        *,
        samples: int = 8,
        rate: float = 0.2,
        aggregate: Literal["mean", "median"] = "mean",
        seed: int = 0,
    ):
        if samples < 1 or not 0 <= rate < 1:
            raise ValueError(
                "`samples` should be >= 1 and `rate` lie in [0, 1). "
                f"Received: {samples!r} and {rate!r}."
            )
        if aggregate not in AGGREGATES:
            raise ValueError(
                f"`aggregate` should be one of {', '.join(AGGREGATES)}. Received: {aggregate!r}."
            )
        self.model, self.samples, self.rate, self.aggregate = model, samples, rate, aggregate
        kept = np.random.default_rng(seed).random((samples, self._PLACES)) >= rate
        self._kept = tf.constant(kept)

    def score_history(self, histories: tf.Tensor) -> tf.Tensor:
        """[batch, n] int32, `NONE` at the left -> [batch, num_items] float32. A history of which
        nothing would be left is read whole.

        Raises:
            ValueError: if an index is none of an item of the model.
        """
        require_items_of(self.model, histories, "histories")
        histories = tf.cast(histories, tf.int32)
        from_end = tf.range(tf.shape(histories)[1] - 1, -1, -1) % self._PLACES
        patterns = tf.gather(self._kept, from_end, axis=1)
        scores = [
            self.model.score_history(without(histories, patterns[sample]))
            for sample in range(self.samples)
        ]
        if self.aggregate == "mean":
            return tf.add_n(scores) / self.samples
        ordered = tf.sort(tf.stack(scores, axis=-1), axis=-1)
        middle = ordered[..., (self.samples - 1) // 2 : self.samples // 2 + 1]
        return tf.reduce_mean(middle, axis=-1)


def without(histories: tf.Tensor, kept: tf.Tensor) -> tf.Tensor:
    """[batch, n] int32 and [n] bool -> the kept items moved together at the right."""
    there = histories != NONE
    left = there & kept[None, :]
    left = tf.where(tf.reduce_any(left, 1, keepdims=True), left, there)
    order = tf.argsort(tf.cast(left, tf.int32), axis=1, stable=True)
    return tf.gather(tf.where(left, histories, NONE), order, batch_dims=1)
