"""Training on histories of which some items are others, drawn at random: augmentation.

It stands beside training against chosen perturbations, as what the same trouble without an
adversary buys. Mixtures of an item and its neighbors are in `training.neighbor_mixtures`.
"""

from __future__ import annotations

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.replicas import own_rows, random_floats_of_rows
from advrec_tf.ops.random import random_indices, stream
from advrec_tf.training.batch_parts import seed_of
from advrec_tf.training.perturb_outputs import replaced_calls
from advrec_tf.training.wrapper import ModelWrapper, layers_to_perturb


class RandomSubstitutions(ModelWrapper):
    """Trains `model` on histories in which items that are read are exchanged for random ones.

    What is to be predicted stays as it was. Evaluation and predictions read items as they are.

    Args:
        model: anything with `compute_loss(inputs, training)`.
        layer: the embedding of items that are read, or its name, such as "item_rows". Indices
            outside of 0..num_items - 1, such as padding, stay.
        num_items: what is drawn from, every item with the same chance, >= 1.
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
        super().__init__(model, **kwargs)
        if num_items < 1 or not 0 < rate <= 1:
            raise ValueError(
                "`num_items` should be >= 1 and `rate` in (0, 1]. "
                f"Received: {num_items!r} and {rate!r}."
            )
        self._layers_read = layers_to_perturb(model, [layer])
        self.num_items, self.rate, self.seed = num_items, rate, seed

    def compute_loss(self, inputs, training: bool = False) -> tf.Tensor:
        """The model's own loss; in training with items exchanged."""
        if not training:
            return self.wrapped_loss(inputs, training)
        step = getattr(getattr(self, "optimizer", None), "iterations", 0)
        seed = seed_of(inputs, self.seed, step, same=True)
        with replaced_calls(
            self._layers_read, lambda _, call, index: call(self.substituted(index, seed))
        ):
            return self.wrapped_loss(inputs, training)

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
