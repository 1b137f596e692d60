"""The adversarial term of a loss: the one implementation, for any way of evaluating a model.

He et al. 2018 (arXiv:1808.03908), eq. 6: L(theta) + weight * L(theta + delta), with delta the
worst case inside a norm ball around values inside the model. How the loss and its gradients are
evaluated is a function given by the caller: `training.adversarial` has one for a batch of any
Keras model, `training.attacked_rows` one for the steps of a compiled block.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple

import tensorflow as tf

from advrec_tf.models.replicas import sum_over_replicas
from advrec_tf.models.trained import Gradient
from advrec_tf.ops.checks import is_number
from advrec_tf.perturbations import Perturbation, balls, row_norm, worst_case


class Evaluation(NamedTuple):
    """One evaluation of a loss.

    Attributes:
        loss: scalar.
        gradients: of the loss by each parameter; empty where they were not asked for.
        values: what is perturbed, [rows, ..., features] each.
        value_gradients: of the loss by each value.
        masks: for each value 1 where it may move and 0 where not, or None.
        scales: for each value factors of its radii, see `perturbations.worst_case`; None for 1.
    """

    loss: tf.Tensor
    gradients: list[Gradient]
    values: list[tf.Tensor]
    value_gradients: list[tf.Tensor]
    masks: list[tf.Tensor | None]
    scales: list[tf.Tensor | None] | None = None


class AdversarialGradients(NamedTuple):
    """What one step of adversarial training follows.

    Attributes:
        loss: scalar, clean + factor * adversarial loss.
        gradients: of `loss` by each parameter.
        clean_loss, adversarial_loss: its two parts.
        radius, value_norm: means over the perturbed vectors of the radius of the ball and of
            the norm of the vector.
    """

    loss: tf.Tensor
    gradients: list[Gradient]
    clean_loss: tf.Tensor
    adversarial_loss: tf.Tensor
    radius: tf.Tensor
    value_norm: tf.Tensor


Evaluate = Callable[..., Evaluation]
"""evaluate(deltas=None, *, attacked, parameters) -> Evaluation: at values + deltas, over the whole
batch or over the fraction that is attacked, with the gradients by the parameters or without."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class AdversarialTerm:
    """loss + weight * fraction * loss at the worst case of a fraction of the batch.

    Attributes:
        perturbation: the budget around each vector.
        weight: factor of the adversarial loss, >= 0.
        fraction: of the batch's examples whose loss is attacked, its first ones, in (0, 1].
        warmup_steps: training steps before the adversary enters, >= 0.
        summed: whether the loss is a sum over examples, not a mean: then the loss of a fraction
            is that much smaller already, and `fraction` is left out of the factor.

    Raises:
        ValueError: if a number is out of range.
    """

    perturbation: Perturbation
    weight: float = 1.0
    fraction: float = 1.0
    warmup_steps: int = 0
    summed: bool = False

    def __post_init__(self):
        numbers = is_number(self.weight) and is_number(self.fraction)
        if not (numbers and self.weight >= 0 and 0 < self.fraction <= 1):
            raise ValueError(
                "`weight` should be >= 0 and `fraction` in (0, 1]. "
                f"Received: {self.weight!r} and {self.fraction!r}."
            )
        if not (is_number(self.warmup_steps) and self.warmup_steps >= 0):
            raise ValueError(f"`warmup_steps` should be >= 0. Received: {self.warmup_steps!r}.")

    def __bool__(self) -> bool:
        """Whether there is anything to add to the loss."""
        return self.weight > 0 and self.perturbation.epsilon > 0

    def gradients(
        self,
        evaluate: Evaluate,
        seed: tf.Tensor,
        step: tf.Tensor,
        *,
        scales: Sequence[tf.Tensor | float] | None = None,
    ) -> AdversarialGradients:
        """Loss and gradients of one training step.

        Where the whole batch is attacked, the clean evaluation is the first step of the ascent.

        Args:
            evaluate: see `Evaluate`.
            seed: [2] int32, of the noise and of a random start.
            step: scalar, the training steps done before.
            scales: factors of the radii, see `perturbations.worst_case`; by default those of the
                evaluation.
        """
        clean = evaluate(attacked=False, parameters=True)
        start = clean
        if self.fraction < 1:
            start = evaluate(attacked=True, parameters=False)
        deltas = self.worst_case(evaluate, start, seed, scales)
        worst = evaluate(deltas, attacked=True, parameters=True)
        factor = tf.constant(self.weight if self.summed else self.weight * self.fraction)
        if self.warmup_steps:
            factor *= tf.cast(tf.cast(step, tf.int64) >= self.warmup_steps, tf.float32)
        radius, norm = mean_radius_and_norm(
            start.values,
            self.perturbation,
            start.masks,
            start.scales if scales is None else scales,
        )
        return AdversarialGradients(
            loss=clean.loss + factor * worst.loss,
            gradients=[
                sum_of(one, other, factor)
                for one, other in zip(clean.gradients, worst.gradients, strict=True)
            ],
            clean_loss=clean.loss,
            adversarial_loss=worst.loss,
            radius=radius,
            value_norm=norm,
        )

    def worst_case(
        self,
        evaluate: Evaluate,
        start: Evaluation,
        seed: tf.Tensor,
        scales: Sequence[tf.Tensor | float] | None = None,
    ) -> list[tf.Tensor]:
        """The worst perturbation found from `start`, the evaluation without one."""
        return worst_case(
            lambda deltas: evaluate(deltas, attacked=True, parameters=False).value_gradients,
            [tf.stop_gradient(value) for value in start.values],
            self.perturbation,
            seed,
            at_zero=start.value_gradients,
            masks=start.masks,
            scales=start.scales if scales is None else scales,
        )


def mean_radius_and_norm(
    values: Sequence[tf.Tensor],
    perturbation: Perturbation,
    masks: Sequence[tf.Tensor | None] | None = None,
    scales: Sequence[tf.Tensor | float | None] | None = None,
) -> tuple[tf.Tensor, tf.Tensor]:
    """Means over all vectors of the radius of their balls and of their norm, scalars float32.

    Vectors that may not move at all count for neither.
    """
    values, limits, masks = balls(values, perturbation, masks, scales)
    radii, norms, counts = [], [], []
    for value, limit, mask in zip(values, limits, masks, strict=True):
        movable = tf.ones_like(limit)
        if mask is not None:
            movable = tf.cast(tf.reduce_max(mask, axis=-1, keepdims=True) > 0, limit.dtype)
        radii.append(tf.reduce_sum(limit * movable))
        norms.append(tf.reduce_sum(row_norm(value, perturbation.norm) * movable))
        counts.append(tf.reduce_sum(movable))
    count = tf.add_n(counts)
    return (
        tf.math.divide_no_nan(tf.add_n(radii), count),
        tf.math.divide_no_nan(tf.add_n(norms), count),
    )


def with_gradients(
    loss: tf.Tensor, variables: Sequence[tf.Variable], gradients: Sequence[Gradient]
) -> tf.Tensor:
    """`loss`, whose gradients by the variables are known already, sparse ones as sparse ones."""
    slope = [tf.constant(0.0)]
    for variable, gradient in zip(variables, gradients, strict=True):
        if isinstance(gradient, tf.IndexedSlices):
            rows = tf.gather(variable, gradient.indices)
            slope.append(tf.reduce_sum(rows * tf.stop_gradient(gradient.values)))
        elif gradient is not None:
            slope.append(tf.reduce_sum(variable * tf.stop_gradient(gradient)))
    slope = tf.add_n(slope)
    return tf.stop_gradient(loss) + (slope - tf.stop_gradient(slope))


def usable_ascent(gradient: Gradient, value: tf.Tensor, shared: bool) -> tf.Tensor:
    """A gradient by a perturbed value as a dense float32 tensor: 0 where the loss does not depend
    on the value, and where it overflowed in half precision. That of a value which all replicas
    share is the sum of theirs, so that they perturb it alike."""
    if gradient is None:
        return tf.zeros_like(value, tf.float32)
    gradient = tf.cast(tf.convert_to_tensor(gradient), tf.float32)
    if value.dtype != tf.float32:
        gradient = tf.where(tf.math.is_finite(gradient), gradient, 0.0)
    return sum_over_replicas(gradient) if shared else gradient


def sum_of(one: Gradient, other: Gradient, factor: tf.Tensor | float) -> Gradient:
    """one + factor * other, sparse where both are."""
    if other is None:
        return one
    if isinstance(other, tf.IndexedSlices):
        other = tf.IndexedSlices(factor * other.values, other.indices, other.dense_shape)
    else:
        other = factor * other
    if one is None:
        return other
    if isinstance(one, tf.IndexedSlices) and isinstance(other, tf.IndexedSlices):
        return tf.IndexedSlices(
            tf.concat([one.values, other.values], 0),
            tf.concat([tf.cast(g.indices, tf.int64) for g in (one, other)], 0),
            one.dense_shape,
        )
    return tf.convert_to_tensor(one) + tf.convert_to_tensor(other)
