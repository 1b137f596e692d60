"""Training of a text tower on disturbed copies of its texts.

Perturbed token vectors are not misspelled words: a typing error exchanges a word for several
pieces of others. Here the copies are texts made beforehand, and the adversary chooses among
them. How texts are disturbed is in `text.noise`; perturbed vectors are left to
`training.virtual_adversarial`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.ops.random import stream
from advrec_tf.text.language_model import LanguageItemTower
from advrec_tf.training.virtual_adversarial import cosine
from advrec_tf.training.wrapper import ModelWrapper


class DisturbedTextTraining(ModelWrapper):
    """loss of `model` + weight * mean over items of D, D = 1 - cos(v(x), v(x')).

    x' is the one of `choices` disturbed copies of the text x, drawn at random, of which D is the
    greatest: worst-of-k, the adversary of Engstrom et al. 2019 (arXiv:1712.02779) where no gradient
    leads from one input to the next. With one choice it is consistency training (Xie et al. 2020,
    arXiv:1904.12848), its ablation without an adversary. v(x) is constant to the gradient. No label
    is needed, so items without interactions take part.

    Args:
        model: anything with `compute_loss(inputs, training)`; its batches carry `seed` [2].
        tower: the item tower of `model`, on the undisturbed texts.
        copies: [copies, num_items] texts, all items disturbed anew in each copy.
        items: the item indices to draw from, such as those without any interaction.
        choices: copies of an item to choose from, in 1..len(copies).
        batch_size: items drawn a step, with replacement, from the batch's `seed`.
        weight: factor of the term, >= 0.

    Raises:
        ValueError: if an argument is out of range, there is no item, or a copy does not hold a text
            for each item.
    """

    def __init__(
        self,
        model: keras.Model,
        *,
        tower: LanguageItemTower,
        copies: Sequence[Sequence[str]],
        items: Sequence[int] | np.ndarray,
        choices: int = 1,
        batch_size: int = 32,
        weight: float = 1.0,
        **kwargs,
    ):
        super().__init__(model, **kwargs)
        number = tower.token_ids.shape[0]
        wrong = [len(copy) for copy in copies if len(copy) != number]
        if wrong or not len(items):
            raise ValueError(
                f"`copies` should each hold {number} texts, one an item, and `items` at least one. "
                f"Received: {wrong[0] if wrong else number} texts and {len(items)} items."
            )
        if not 1 <= choices <= len(copies) or batch_size < 1 or weight < 0:
            raise ValueError(
                f"`choices` should be in 1..{len(copies)}, `batch_size` >= 1 and `weight` >= 0. "
                f"Received: {choices!r}, {batch_size!r} and {weight!r}."
            )
        self.tower = tower
        flat = [text for copy in copies for text in copy]
        self._disturbed = LanguageItemTower(tower.tower, flat, name="disturbed_tower")
        self._num_items, self._num_copies = number, len(copies)
        self._items = tf.constant(items, tf.int32)
        self.choices, self.batch_size, self.weight = choices, batch_size, weight
        self._clean_loss = keras.metrics.Mean(name="clean_loss")
        self._turned = keras.metrics.Mean(name="disturbed_loss")

    @property
    def own_metrics(self):
        """The loss of the term is left out where it is not measured."""
        return [self._epoch_loss, self._clean_loss, *([self._turned] if self.weight else [])]

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The model's own loss in evaluation; with the term in training."""
        clean = self.wrapped_loss(inputs, training)
        if not training:
            return clean
        self._clean_loss.update_state(clean)
        if self.weight == 0:
            return clean
        items, copies = self.draw(inputs["seed"])
        turned = self.disturbed_loss(items, copies)
        self._turned.update_state(turned)
        return clean + self.weight * turned

    def draw(self, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Items [batch_size] int32 and different copies of each [batch_size, choices] int32."""
        shape = [self.batch_size, self._num_copies]
        place = tf.random.stateless_uniform(
            shape[:1], stream(seed, "disturbed items"), maxval=tf.size(self._items), dtype=tf.int32
        )
        keys = tf.random.stateless_uniform(shape, stream(seed, "copies of the text"))
        return tf.gather(self._items, place), tf.math.top_k(keys, self.choices).indices

    def disturbed_loss(self, items: tf.Tensor, copies: tf.Tensor) -> tf.Tensor:
        """Items [n], copies of each [n, choices] -> mean of the greatest D, in [0, 2]."""
        clean = tf.stop_gradient(self.tower(items, training=True))
        worst = copies[:, :1]
        if self.choices > 1:
            found = [
                1.0 - cosine(clean, self._vectors(items, copies[:, k])) for k in range(self.choices)
            ]
            turned = tf.stop_gradient(tf.stack(found, axis=1))
            place = tf.argmax(turned, axis=1, output_type=tf.int32)
            worst = tf.gather(copies, place, batch_dims=1)[:, None]
        return 1.0 - tf.reduce_mean(cosine(clean, self._vectors(items, worst[:, 0])))

    def _vectors(self, items: tf.Tensor, copy: tf.Tensor) -> tf.Tensor:
        return self._disturbed(copy * self._num_items + items, training=True)
