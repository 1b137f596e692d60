"""Training on histories of which some items are others, drawn at random: augmentation.

It stands beside training against chosen perturbations, as what the same trouble without an
adversary buys. Mixtures of an item and its neighbors are in `training.neighbor_mixtures`.
"""

from __future__ import annotations

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.replicas import own_rows, random_floats_of_rows
from advrec_tf.ops.random import random_indices, stream
from advrec_tf.training.changed_lookups import ChangedLookups


class RandomSubstitutions(ChangedLookups):
    """Trains `model` on histories in which items that are read are exchanged for random ones.

    What is to be predicted stays as it was. Evaluation and predictions read items as they are.

    Args:
        model: anything with `compute_loss(inputs, training)`.
        layer: the embedding of items that are read, or its name, such as "item_rows". Indices
            outside of 0..num_items - 1, such as padding, stay.
        num_items: what is drawn from, every item with the same chance, >= 1 and at most
            those of the layer.
        rate: chance of an item to be exchanged, in (0, 1].
        seed: of the draws, where batches carry none.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        layer: keras.layers.Layer | str,
        num_items: int,
        rate: float = 0.1,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(model, layer=layer, rate=rate, seed=seed, **kwargs)
        if num_items < 1:
            raise ValueError(f"`num_items` should be >= 1. Received: {num_items!r}.")
        self._check_num_items(num_items)
        self.num_items = num_items

    def changed(self, lookup, index, seed):
        return lookup(self.substituted(index, seed))

    def substituted(self, index: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """[batch, ...] int32 -> the same, some items exchanged; the same for the same seed."""
        shape = tf.shape(index)
        drawn = random_floats_of_rows(shape, stream(seed, "mixed places"))
        items = own_rows(
            lambda n: random_indices(
                tf.concat([[n], shape[1:]], 0), stream(seed, "exchanged items"), self.num_items
            ),
            shape[0],
        )
        known = (index >= 0) & (index < self.num_items)
        return tf.where(known & (drawn < self.rate), items, index)
