"""Vectors of items in a next-item model: as they are read, and as states are compared with them.

Two layers over one table, so that an adversary can move either side.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.sequences import NONE


class ItemRows(keras.layers.Embedding):
    """Vectors of items: index -> vector, and zeros for `NONE`.

    The last vector is that of an item that is hidden ("masked" training).

    Attributes:
        num_items: the vectors without that.
        cascade: see `SequenceModel.use_cascade_weights`; 0 where all places have one radius.
    """

    def __init__(self, num_items: int, dim: int, *, seed: int = 0, **kwargs):
        initializer = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
        super().__init__(num_items + 1, dim, embeddings_initializer=initializer, **kwargs)
        self.num_items = num_items
        self.cascade = 0.0

    def start_from(self, vectors: np.ndarray) -> None:
        """Set the vectors of all items but the hidden one.

        Raises:
            ValueError: if they are not [items, dim] finite numbers.
        """
        vectors = np.asarray(vectors, np.float32)
        wanted = (self.input_dim - 1, self.output_dim)
        if vectors.shape != wanted or not np.isfinite(vectors).all():
            raise ValueError(
                f"`item_vectors` should hold finite numbers in the shape {wanted}, a vector for "
                f"each item. Received: shape {vectors.shape}, "
                f"{np.count_nonzero(~np.isfinite(vectors))} of them not finite."
            )
        hidden = self.embeddings[-1:]
        self.embeddings.assign(tf.concat([vectors, hidden], 0))

    def call(self, index):
        there = tf.cast(index != NONE, self.compute_dtype)[..., None]
        return super().call(tf.maximum(index, 0)) * there

    def perturbable(self, index):
        """1 where there is an item, in the shape of the vectors; padding must not move."""
        there = tf.cast(index != NONE, tf.float32)[..., None]
        return tf.repeat(there, self.output_dim, axis=-1)

    def radius_scale(self, index):
        """[batch, places, ...] -> [batch, places, ..., 1] float32, the factor of an adversary's
        radius; None where all have one."""
        if not self.cascade:
            return None
        there = tf.cast(index != NONE, tf.float32)
        later = tf.cumsum(there, axis=1, reverse=True)
        return tf.pow(tf.maximum(later, 1.0), -self.cascade)[..., None]


class CandidateRows(keras.layers.Layer):
    """The same vectors as what a state is compared with: items [n] -> [n, dim], None -> all.

    A layer of its own, so that an adversary can move either side. Where the items are `shared` by
    all examples, an adversary moves them by the gradient of all replicas of a strategy.
    """

    def __init__(self, rows: ItemRows, **kwargs):
        super().__init__(**kwargs)
        self._rows = lambda: rows  # behind a function, so that the weights have one owner
        self.num_items = rows.input_dim - 1

    def call(self, index, shared=False):
        self.same_on_replicas = shared or index is None
        rows = self._rows().embeddings
        return rows[: self.num_items] if index is None else tf.gather(rows, index)
