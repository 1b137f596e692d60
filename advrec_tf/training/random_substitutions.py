"""Training on histories of which some items are others, drawn at random: augmentation.

It stands beside training against chosen perturbations, as what the same trouble without an
adversary buys. Mixtures of an item and its neighbors are in `training.neighbor_mixtures`.
"""

from __future__ import annotations

import tensorflow as tf

from advrec_tf.models.replicas import own_rows, random_floats_of_rows
from advrec_tf.ops.random import random_indices, stream
from advrec_tf.training.changed_lookups import ChangedLookups


class RandomSubstitutions(ChangedLookups):
    """Trains `model` on histories in which items that are read are exchanged for random ones.

    What is to be predicted stays as it was. Every item of the catalogue comes in with the same
    chance, and `rate` is that of an item to be exchanged; arguments and errors are those of
    `ChangedLookups`.
    """

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
