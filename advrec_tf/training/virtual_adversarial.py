"""Virtual adversarial training: a tower kept smooth on items that have no interactions.

A text without interactions has no loss that an adversary could raise. It has a vector, and the
vector's direction should not change when the text's token vectors move a little: the term needs
no label. Adversarial training on labeled examples is left to `training.adversarial`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.replicas import num_replicas
from advrec_tf.ops.checks import is_number
from advrec_tf.ops.random import stream
from advrec_tf.perturbations import Perturbation, power_iteration
from advrec_tf.training.perturb_outputs import perturb_outputs
from advrec_tf.training.wrapped import layers_to_perturb, require_perturbation
from advrec_tf.training.wrapper import ModelWrapper


class VirtualAdversarialTraining(ModelWrapper):
    """loss of `model` + weight * mean over items of D(item, r), D = 1 - cos(v(x), v(x + r)).

    Miyato et al. 2018 (arXiv:1704.03976), eq. 5 to 9, for texts Miyato et al. 2017
    (arXiv:1605.07725), section 3; the divergence is that of vectors that rank by their
    direction. v(x) is constant to the gradient. r is the direction in which D grows fastest, found
    by power iteration: from a random direction d, `perturbation.steps` times

        d = grad_r D(item, r) at r = probe * radius * d, of norm one;      r = radius * d

    Args:
        model: anything with `compute_loss(inputs, training)`; its batches carry `seed` [2].
        perturbation: the budget of r; `steps` is the number of power iterations, and
            `direction="random"` the control: r in a random direction, of the same size.
        tower: (item index [n] int32, training) -> [n, dim], such as `model.item_tower`.
        layers: the layers inside `tower` whose outputs are perturbed, such as
            [language_model.token_vectors].
        items: the item indices to draw from, such as those without any interaction.
        batch_size: how many are drawn a step, with replacement, from the batch's `seed`.
        weight: factor of the term, >= 0.
        probe: where the gradient is taken, as a fraction of the radius.

    Raises:
        ValueError: if an argument is out of range, or there is no item or no layer.
    """

    def __init__(
        self,
        model: keras.Model,
        perturbation: Perturbation,
        *,
        tower: Callable[..., tf.Tensor],
        layers: Sequence[keras.layers.Layer | str] | keras.layers.Layer | str,
        items: Sequence[int] | np.ndarray,
        batch_size: int = 32,
        weight: float = 1.0,
        probe: float = 0.1,
        **kwargs,
    ):
        super().__init__(model, **kwargs)
        self.perturbation = require_perturbation(perturbation)
        if not len(items):
            raise ValueError("`items` should not be empty. Received: 0 items.")
        numbers = all(map(is_number, (batch_size, weight, probe)))
        if not (numbers and batch_size >= 1 and weight >= 0 and 0 < probe <= 1):
            raise ValueError(
                "`batch_size` should be >= 1, `weight` >= 0 and `probe` in (0, 1]. "
                f"Received: {batch_size!r}, {weight!r} and {probe!r}."
            )
        self.tower, self._perturbed_layers = tower, layers_to_perturb(model, layers)
        self._items = tf.constant(items, tf.int32)
        self.batch_size, self.weight, self.probe = batch_size, weight, probe
        self._clean_loss = keras.metrics.Mean(name="clean_loss")
        self._virtual_loss = keras.metrics.Mean(name="virtual_loss")

    @property
    def own_metrics(self):
        """The loss of the term is left out where it is not measured."""
        measured = [self._virtual_loss] if self._has_term else []
        return [self._epoch_loss, self._clean_loss, *measured]

    @property
    def _has_term(self) -> bool:
        return self.weight > 0 and self.perturbation.epsilon > 0

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The model's own loss in evaluation; with the virtual adversarial term in training."""
        clean = self.wrapped_loss(inputs, training)
        if not training:
            return clean
        self._clean_loss.update_state(self.of_global_batch(clean))
        if not self._has_term:
            return clean
        virtual = self.virtual_loss(self.draw(inputs["seed"]), inputs["seed"])
        self._virtual_loss.update_state(virtual)
        if self.loss_is_share:  # all replicas draw the same items, and their losses are added
            virtual /= num_replicas()
        return clean + self.weight * virtual

    def draw(self, seed: tf.Tensor) -> tf.Tensor:
        """[batch_size] int32 of the items, the same for the same seed."""
        place = tf.random.stateless_uniform(
            [self.batch_size],
            stream(seed, "smoothed items"),
            maxval=tf.size(self._items),
            dtype=tf.int32,
        )
        return tf.gather(self._items, place)

    def virtual_loss(self, items: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Items [n], seed [2] -> mean of D at the worst r found; in [0, 2]."""
        with perturb_outputs(self._perturbed_layers) as values:
            clean = tf.stop_gradient(self.tower(items, training=True))

        def divergence(deltas, tape=None):
            with perturb_outputs(self._perturbed_layers, tape=tape, deltas=deltas) as outputs:
                moved = self.tower(items, training=True)
            return 1.0 - tf.reduce_mean(cosine(clean, moved)), list(outputs)

        def gradients_at(deltas):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                found, outputs = divergence(deltas, tape)
            return tape.gradient(found, outputs, unconnected_gradients="zero")

        deltas = power_iteration(
            gradients_at,
            [tf.stop_gradient(value) for value in values],
            self.perturbation,
            stream(seed, "virtual perturbation"),
            probe=self.probe,
            masks=values.masks,
            scales=values.scales,
        )
        return divergence(deltas)[0]


def cosine(one: tf.Tensor, other: tf.Tensor) -> tf.Tensor:
    """[n, dim] twice -> [n], in [-1, 1]."""
    return tf.reduce_sum(tf.math.l2_normalize(one, -1) * tf.math.l2_normalize(other, -1), -1)
