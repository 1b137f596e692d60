"""Training on mixtures of items and their neighbors, a defence against exchanged items.

An item that is read in training becomes a random mixture of its own vector and those of items like
it, so that a model learns to give a neighborhood what it gives the item. Which items are neighbors
is left to `models.item_similarity`, worst cases inside a ball to `training.adversarial`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.replicas import drawn_for_rows, random_floats_of_rows
from advrec_tf.ops.random import random_floats, random_normals, stream
from advrec_tf.perturbations import row_norm, steepest
from advrec_tf.training.changed_lookups import ChangedLookups


class NeighborMixtures(ChangedLookups):
    """Trains `model` with Dirichlet mixtures in the place of items' vectors.

    Dirichlet neighborhood sampling (Yue et al. 2022, arXiv:2207.11237): for an item with the
    vector x_0 and neighbors x_1 to x_n,

        read = sum over j of w_j x_j,    w ~ Dirichlet(own, 1, ..., 1)

    so that on average the item itself has the weight own / (own + n). The gradient passes to the
    neighbors' vectors. Further arguments are those of `ChangedLookups`; `num_items` is that of
    `neighbors`.

    Args:
        neighbors: [num_items, n] int, an item's neighbors, see
            `models.item_similarity.co_occurring_items` and `nearest_items`; the item itself
            where it has fewer.
        own: concentration of the item itself, a whole number >= 1; more moves it less.
        rate: fraction of the lookups that are mixed, in (0, 1].
        noise: instead of mixing, move a vector by as much in a random direction: the control.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        model: keras.Model,
        neighbors: np.ndarray,
        *,
        own: int = 3,
        rate: float = 1.0,
        noise: bool = False,
        **kwargs,
    ):
        neighbors = np.asarray(neighbors)
        known = neighbors.ndim == 2 and neighbors.size and neighbors.dtype.kind in "iu"
        if not known or not 0 <= neighbors.min() <= neighbors.max() < len(neighbors):
            raise ValueError(
                "`neighbors` should be [num_items, n] indices of items, n >= 1. "
                f"Received: {neighbors.shape} {neighbors.dtype}."
            )
        if own < 1 or own != int(own):
            raise ValueError(f"`own` should be a whole number >= 1. Received: {own!r}.")
        super().__init__(model, num_items=len(neighbors), rate=rate, **kwargs)
        self._neighbors = tf.constant(neighbors, tf.int32)
        self.own, self.noise = int(own), noise

    def changed(self, lookup, index, seed):
        return self.mixed(lookup, index, seed)

    def mixed(self, lookup, index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """[...] int -> [..., dim], mixtures of what `lookup` returns."""
        items = tf.shape(self._neighbors)[0]
        known = (index >= 0) & (index < items)
        around = tf.gather(self._neighbors, tf.where(known, index, 0))
        around = tf.where(known[..., None], around, index[..., None])
        vectors = lookup(tf.concat([index[..., None], around], -1))  # [..., 1 + n, dim]
        own = vectors[..., 0, :]
        weights = drawn_for_rows(
            dirichlet, tf.shape(around), self.own, stream(seed, "mixture of neighbors")
        )
        delta = tf.reduce_sum(weights[..., None] * vectors, -2) - own
        if self.noise:
            drawn = drawn_for_rows(
                random_normals, tf.shape(own), stream(seed, "direction of the control")
            )
            delta = tf.stop_gradient(row_norm(delta, "l2")) * steepest(drawn, "l2")
        chosen = random_floats_of_rows(tf.shape(index), stream(seed, "mixed places"))
        return own + tf.where((chosen < self.rate)[..., None], delta, 0.0)


def dirichlet(shape: tf.Tensor, own: int, seed: tf.Tensor) -> tf.Tensor:
    """[..., n] -> [..., 1 + n] float32 from Dirichlet(own, 1, ..., 1), each row of sum one."""
    uniform = random_floats(tf.concat([shape[:-1], shape[-1:] + own], 0), seed, low=1e-7)
    draws = -tf.math.log(uniform)  # the sum of `own` of them has the gamma distribution (own, 1)
    first = tf.reduce_sum(draws[..., :own], -1, keepdims=True)
    draws = tf.concat([first, draws[..., own:]], -1)
    return draws / tf.reduce_sum(draws, -1, keepdims=True)
