"""FreeLB: adversarial training whose ascent steps are training steps too.

Where `AdversarialTraining` ascends first and then takes the loss at the end, FreeLB takes the
mean of the losses at the points the ascent passes through: K steps cost K passes forwards
and backwards, each giving the gradient of the parameters and of the perturbation at once.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.perturbations import Perturbation, ascend, balls, starting_points
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

    There is no clean term beside it. With `direction="random"`, the control, each of the K
    points is noise at the edge of the ball. In evaluation nothing is perturbed.

    Args:
        model: as for `AdversarialTraining`.
        perturbation: the budget; K is its `steps`, and `random_start=True` is the paper's way.
        layers: layers, or their names, whose outputs are perturbed vector by vector; by default all
            embeddings. For a language model [tower.language_model.token_vectors].

    Raises:
        ValueError: if `perturbation` is no `Perturbation` or there is no layer to perturb.
    """

    def __init__(
        self,
        model: keras.Model,
        perturbation: Perturbation,
        *,
        layers: Sequence[keras.layers.Layer | str] | keras.layers.Layer | str | None = None,
        **kwargs,
    ):
        super().__init__(model, **kwargs)
        self.perturbation = require_perturbation(perturbation)
        self._perturbed_layers = layers_to_perturb(model, layers)
        self._first_loss = keras.metrics.Mean(name="first_loss")
        self._last_loss = keras.metrics.Mean(name="last_loss")

    @property
    def own_metrics(self):
        return [self._epoch_loss, self._first_loss, self._last_loss]

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Clean loss in evaluation; in training the mean over the points of the ascent."""
        if not training:
            return self.wrapped_loss(inputs, training)
        if self.perturbation.epsilon == 0:  # the points are one
            loss = self.wrapped_loss(inputs, training)
            self._first_loss.update_state(loss)
            self._last_loss.update_state(loss)
            return loss
        # Only what the layers return is used of this pass: a graph computes no more of it.
        with perturb_outputs(self._perturbed_layers) as values:
            self.wrapped_loss(inputs, training, attacked=True)
        values, limits, masks = balls(
            [tf.stop_gradient(value) for value in values],
            self.perturbation,
            values.masks,
            values.scales,
        )
        first_seed = seed_of(inputs, 0, getattr(getattr(self, "optimizer", None), "iterations", 0))
        random = self.perturbation.direction == "random"
        variables = self.model.trainable_variables
        losses, gradients, climb = [], [0.0] * len(variables), []
        for step in range(self.perturbation.steps):
            if step == 0 or random:
                seed = first_seed + [0, _SEEDS_A_STEP * step]
                deltas = starting_points(values, limits, self.perturbation, seed, masks)
            else:
                deltas = ascend(deltas, climb, limits, self.perturbation, masks)
            with tf.GradientTape() as tape:
                with perturb_outputs(self._perturbed_layers, tape=tape, deltas=deltas) as outputs:
                    loss = self.wrapped_loss(inputs, training, attacked=step > 0)
            # One pass backwards for both: this is what is free.
            climb, slope = tape.gradient(
                loss, (list(outputs), variables), unconnected_gradients="zero"
            )
            losses.append(loss)
            gradients = [
                total + tf.convert_to_tensor(one) / self.perturbation.steps
                for total, one in zip(gradients, slope, strict=True)
            ]
        self._first_loss.update_state(losses[0])
        self._last_loss.update_state(losses[-1])
        return _with_gradients(tf.add_n(losses) / len(losses), variables, gradients)


def _with_gradients(
    value: tf.Tensor, variables: Sequence[tf.Variable], gradients: Sequence[tf.Tensor]
) -> tf.Tensor:
    """`value`, whose gradient by the variables is known already."""
    gradients = [tf.stop_gradient(gradient) for gradient in gradients]

    @tf.custom_gradient
    def known(*values):
        return tf.stop_gradient(value), lambda upstream: [upstream * g for g in gradients]

    return known(*(tf.convert_to_tensor(variable) for variable in variables))
