"""The base of every model trained by gradient: `tfrs.Model` that logs true epoch means."""

from __future__ import annotations

import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import keras
from advrec_tf.models.base import Recommender


class RecommenderModel(Recommender, _tfrs.Model):
    """A `Recommender` trained by `compile` and `fit` on batches of `data.batches`.

    Subclasses implement `compute_loss(inputs, training)`, a weighted mean over the batch
    that is the same for the same inputs (in-graph noise is drawn from `inputs["seed"]`).
    The logged `loss` is the mean over the epoch; `tfrs.Model` logs the last batch's.
    """

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self._epoch_loss = keras.metrics.Mean(name="loss")

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        logs = super().train_step(inputs)
        self._epoch_loss.update_state(logs["total_loss"])
        return {metric.name: metric.result() for metric in self.metrics}
