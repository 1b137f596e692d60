"""Adversarial training over items: histories are read with the exchanges that hurt most.

The worst case is over items themselves, as an attacker of histories has it, and not over a ball
around their vectors, which is `training.adversarial`. Exchanges drawn at random, the control, are
in `training.random_substitutions`.
"""

from __future__ import annotations

import math

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.ops.random import random_indices, stream
from advrec_tf.training.changed_lookups import ChangedLookups
from advrec_tf.training.perturb_outputs import replaced_calls


class GradientSubstitutions(ChangedLookups):
    """Trains `model` on histories in which items are exchanged for those that raise its loss most.

    The search is that of HotFlip (Ebrahimi et al. 2018, arXiv:1712.06751), to first order: with g
    the gradient of the loss by the vector x read at a place, an item with the vector v gains

        g . (v - x)

    there. In each of the first `fraction` of a batch's histories the places with the largest gain
    are read as the items that give it, as many as `rate` says; nothing that gains less than 0 is
    exchanged. The loss of a step is that of the whole batch, read so. What is to be predicted
    stays as it was. Further arguments are those of `ChangedLookups`.

    Args:
        model: anything with `compute_loss(inputs, training)` that looks up `layer` once for each
            loss, such as a `SequenceModel`.
        rate: fraction of the items of a history that are exchanged, at least one, in (0, 1].
        fraction: of the batch's histories that are attacked, in (0, 1].
        candidates: items that a step compares, drawn for all its places, >= 1; a catalogue of at
            most so many is compared as a whole.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        rate: float = 0.1,
        fraction: float = 0.2,
        candidates: int = 1024,
        **kwargs,
    ):
        super().__init__(model, rate=rate, **kwargs)
        if not 0 < fraction <= 1:
            raise ValueError(f"`fraction` should be in (0, 1]. Received: {fraction!r}.")
        if candidates < 1:
            raise ValueError(f"`candidates` should be >= 1. Received: {candidates!r}.")
        self.fraction, self.candidates = fraction, candidates

    def change_for(self, inputs, seed):
        """See `ChangedLookups.change_for`.

        Raises:
            ValueError: if the model does not look the items up exactly once for a loss.
        """
        worst = self.worst_items(inputs, seed)
        return lambda lookup, index, seed: lookup(worst)

    def worst_items(self, inputs, seed: tf.Tensor) -> tf.Tensor:
        """[batch, places] int32, what is read of a batch; constant to any gradient."""
        found = []

        def watched(_, lookup, index):
            values = tf.identity(lookup(index))
            tape.watch(values)
            found.append((index, values))
            return values

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            with replaced_calls(self._layers_read, watched):
                loss = self.wrapped_loss(inputs, True, attacked=True)
        if len(found) != 1:
            raise ValueError(
                f"`layer` should be looked up once for a loss. Received {len(found)} look-ups of "
                f"{self._layers_read[0].name!r}."
            )
        index, values = found[0]
        return self.exchanged(index, values, tape.gradient(loss, values), seed)

    def exchanged(
        self, index: tf.Tensor, values: tf.Tensor, gradient: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """The indices with the exchanges of largest gain.

        Args:
            index: [batch, places] int32.
            values: [batch, places, dim], the vectors of `index`.
            gradient: of the loss by `values`.
            seed: [2] int32.
        """
        gradient = tf.cast(tf.convert_to_tensor(gradient), tf.float32)
        coming = tf.range(self.num_items)
        if self.candidates < self.num_items:
            drawn = stream(seed, "items that may come in")
            coming = random_indices([self.candidates], drawn, self.num_items)
        vectors = tf.cast(tf.gather(self._layers_read[0].embeddings, coming), tf.float32)
        of_item = tf.einsum("bpd,cd->bpc", gradient, vectors)
        best = tf.argmax(of_item, axis=-1, output_type=tf.int32)
        own = tf.reduce_sum(gradient * tf.cast(values, tf.float32), axis=-1)
        gain = tf.reduce_max(of_item, axis=-1) - own
        known = (index >= 0) & (index < self.num_items)
        attacked = tf.cast(tf.shape(index)[0], tf.float32) * self.fraction
        attacked = tf.range(tf.shape(index)[0]) < tf.cast(tf.math.ceil(attacked - 1e-6), tf.int32)
        gain = tf.where(known & attacked[:, None], gain, -math.inf)
        count = tf.reduce_sum(tf.cast(known, tf.float32), axis=1, keepdims=True)
        most = tf.cast(tf.math.ceil(self.rate * count - 1e-6), tf.int32)
        order = tf.argsort(gain, axis=1, direction="DESCENDING", stable=True)
        rank = tf.argsort(order, axis=1, stable=True)
        chosen = (rank < most) & (gain > 0.0)
        return tf.stop_gradient(tf.where(chosen, tf.gather(coming, best), index))
