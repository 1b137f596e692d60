"""FreeLB: adversarial training whose ascent steps are training steps too.

Where `AdversarialTraining` ascends first and then takes the loss at the end, FreeLB takes the
mean of the losses at the points the ascent passes through: K steps cost K passes forwards
and backwards, each giving the gradient of the parameters and of the perturbation at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.trained import gradients_and_ascent
from advrec_tf.ops.checks import require_seed
from advrec_tf.ops.random import stream
from advrec_tf.perturbations import Perturbation, ascend, balls, starting_points
from advrec_tf.training.adversarial_term import sum_of, usable_ascent, with_gradients
from advrec_tf.training.batch_parts import seed_of
from advrec_tf.training.perturb_outputs import perturb_outputs
from advrec_tf.training.wrapped import layers_to_perturb, require_perturbation
from advrec_tf.training.wrapper import ModelWrapper

_SEEDS_A_STEP = 1000


class FreeLB(ModelWrapper):
    """Trains `model` on the mean over K points of an ascent within the ball.

    Zhu et al. 2020 (arXiv:1909.11764), algorithm 1: delta_0 random, then for t < K

        loss = (1 / K) sum_t L(theta, x + delta_t)
        delta_(t + 1) = project(delta_t + step * grad_delta L / |grad_delta L|)

    There is no clean term beside it, and regularization losses are added once. With
    `direction="random"`, the control, each of the K points is noise at the edge of the ball. In
    evaluation nothing is perturbed.

    Args:
        model: as for `AdversarialTraining`.
        perturbation: the budget; K is its `steps`, and `random_start=True` is the paper's way.
        layers: layers, or their names, whose outputs are perturbed vector by vector; by default all
            embeddings. For a language model [tower.language_model.token_vectors].
        seed: a whole number of 32 bits, of the random points where batches carry none.

    Raises:
        ValueError: if `perturbation` is no `Perturbation`, there is no layer to perturb, or `seed`
            is no whole number.
    """

    def __init__(
        self,
        model: keras.Model,
        perturbation: Perturbation,
        *,
        layers: Sequence[keras.layers.Layer | str] | keras.layers.Layer | str | None = None,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(model, **kwargs)
        self.perturbation = require_perturbation(perturbation)
        self._perturbed_layers = layers_to_perturb(model, layers)
        self.seed = require_seed(seed)
        self._first_loss = keras.metrics.Mean(name="first_loss")
        self._last_loss = keras.metrics.Mean(name="last_loss")

    @property
    def own_metrics(self):
        return [self._epoch_loss, self._first_loss, self._last_loss]

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Clean loss in evaluation; in training the mean over the points of the ascent, to which
        regularization losses are added once."""
        if not training:
            return self.wrapped_loss(inputs, training)
        if self.perturbation.epsilon == 0:  # the points are one
            loss = self.wrapped_loss(inputs, training, regularized=False)
            self._note(loss, loss)
            return loss + self.regularization_inside()
        # Only what the layers return is used of this pass: a graph computes no more of it.
        with perturb_outputs(self._perturbed_layers) as values:
            self.wrapped_loss(inputs, training, attacked=True)
        values, limits, masks = balls(
            [tf.cast(tf.stop_gradient(value), tf.float32) for value in values],
            self.perturbation,
            values.masks,
            values.scales,
        )
        first_seed = seed_of(inputs, self.seed, self.steps_done)
        random = self.perturbation.direction == "random"
        variables = self.model.trainable_variables
        losses, gradients, climb = [], [None] * len(variables), []
        for step in range(self.perturbation.steps):
            if step == 0 or random:
                seed = stream(first_seed, "point of the ascent", _SEEDS_A_STEP * step)
                deltas = starting_points(values, limits, self.perturbation, seed, masks)
            else:
                deltas = ascend(deltas, climb, limits, self.perturbation, masks)
            with tf.GradientTape() as tape:
                with perturb_outputs(self._perturbed_layers, tape=tape, deltas=deltas) as outputs:
                    loss = self.wrapped_loss(inputs, training, attacked=step > 0, regularized=False)
            # One pass backwards for both: this is what is free.
            slope, ascent = gradients_and_ascent(
                tape, loss, variables, outputs, getattr(self, "optimizer", None)
            )
            climb = [
                usable_ascent(gradient, value, shared)
                for gradient, value, shared in zip(ascent, outputs, outputs.shared, strict=True)
            ]
            losses.append(loss)
            gradients = [
                sum_of(total, one, 1.0 / self.perturbation.steps)
                for total, one in zip(gradients, slope, strict=True)
            ]
        self._note(losses[0], losses[-1])
        mean = tf.add_n(losses) / len(losses)
        return with_gradients(mean, variables, gradients) + self.regularization_inside()

    def _note(self, first: tf.Tensor, last: tf.Tensor) -> None:
        self._first_loss.update_state(self.of_global_batch(first))
        self._last_loss.update_state(self.of_global_batch(last))
