"""Worst-case perturbations inside norm balls, as pure functions of tensors.

Adversarial training and evasion attacks use this one loop, so that an epsilon means the same in
a defence and in the attack on it. Every value is perturbed vector by vector: each vector along the
last axis of a [rows, ..., features] tensor has a ball of its own around it. FGSM is PGD with one
step; noise of equal size is the control that every claim needs. Where a part of a value must not
move (the padding of a text), a mask is 1 at what may move and 0 elsewhere. How the perturbed loss
enters training is left to `training.adversarial_term`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from advrec_tf.ops.checks import is_number, is_whole
from advrec_tf.ops.random import random_floats, random_normals, stream
from advrec_tf.ops.reductions import row_sum

NORMS = ("l2", "linf")
DIRECTIONS = ("gradient", "random")
_TINY = 1e-12
_FLAT = 1e-6


@dataclasses.dataclass(frozen=True, kw_only=True)
class Perturbation:
    """The budget of an adversary over vectors, and how it spends it.

    A relative radius, the default, does no harm whatever the scale of the values; an absolute one
    should be smaller than their norm. `fgsm(0.1)` is a good first choice for embeddings; published
    radii, such as the .5 of APR, are absolute: `fgsm(0.5, relative=False)`.

    Attributes:
        epsilon: radius of the ball, in units of each vector's own norm; without `relative` in the
            value's own unit. >= 0.
        relative: scale each vector's radius by the vector's norm.
        norm: "l2" or "linf", for the ball and for the steepest step.
        steps: gradient steps; 1 is FGSM (Goodfellow et al. 2015; for recommenders APR, He
            et al. 2018, arXiv:1808.03908), more is PGD (Madry et al. 2018, arXiv:1706.06083).
        step_size: length of a step as a fraction of the radius; by default 1 for one step,
            2.5 / steps for more.
        direction: "gradient", or "random" for noise of exactly the same size.
        random_start: begin the ascent at a random point instead of at 0; see `random_point`.

    Raises:
        ValueError: if an argument lies outside its range.
    """

    epsilon: float
    relative: bool = True
    norm: str = "l2"
    steps: int = 1
    step_size: float | None = None
    direction: str = "gradient"
    random_start: bool = False

    def __post_init__(self):
        if not (is_number(self.epsilon) and self.epsilon >= 0):
            raise ValueError(f"`epsilon` should be >= 0. Received: {self.epsilon!r}.")
        if self.norm not in NORMS:
            raise ValueError(f"`norm` should be one of {NORMS}. Received: {self.norm!r}.")
        if self.direction not in DIRECTIONS:
            raise ValueError(
                f"`direction` should be one of {DIRECTIONS}. Received: {self.direction!r}."
            )
        if not (is_whole(self.steps) and self.steps >= 1):
            raise ValueError(f"`steps` should be a whole number >= 1. Received: {self.steps!r}.")
        size = self.step_size
        if size is not None and not (is_number(size) and size > 0):
            raise ValueError(f"`step_size` should be > 0. Received: {self.step_size!r}.")

    @property
    def step_fraction(self) -> float:
        """Length of one step as a fraction of the radius."""
        if self.step_size is not None:
            return self.step_size
        return 1.0 if self.steps == 1 else 2.5 / self.steps


def fgsm(epsilon: float, **settings) -> Perturbation:
    """The fast gradient (sign) method: one step to the edge of the ball."""
    return Perturbation(epsilon=epsilon, steps=1, **settings)


def pgd(epsilon: float, steps: int = 10, **settings) -> Perturbation:
    """Projected gradient descent: several steps, each projected back into the ball.

    Examples:
        >>> import advrec_tf as ar
        >>> ar.pgd(0.1, steps=3, relative=True).epsilon
        0.1
    """
    return Perturbation(epsilon=epsilon, steps=steps, **settings)


def row_norm(values: tf.Tensor, norm: str) -> tf.Tensor:
    """[rows, ..., features] -> [rows, ..., 1], the norm of each row."""
    if norm == "linf":
        return tf.reduce_max(tf.abs(values), axis=-1, keepdims=True)
    return tf.sqrt(row_sum(tf.square(values)))[..., None]


def radius(values: tf.Tensor, perturbation: Perturbation) -> tf.Tensor:
    """[rows, ..., features] -> [rows, ..., 1], the radius of each row's ball."""
    if perturbation.relative:
        return perturbation.epsilon * row_norm(values, perturbation.norm)
    return perturbation.epsilon * tf.ones_like(values[..., :1])


def steepest(gradient: tf.Tensor, norm: str) -> tf.Tensor:
    """The step of norm one along which the loss rises fastest; zero where it is flat."""
    if norm == "linf":
        return tf.sign(gradient)
    return gradient / tf.maximum(row_norm(gradient, "l2"), _TINY)


def project(delta: tf.Tensor, limit: tf.Tensor, norm: str) -> tf.Tensor:
    """The nearest point of each row's ball; `delta` [rows, ..., f], `limit` [rows, ..., 1]."""
    if norm == "linf":
        return tf.clip_by_value(delta, -limit, limit)
    size = row_norm(delta, "l2")
    return delta * tf.minimum(1.0, limit / tf.maximum(size, _TINY))


def noise(
    limit: tf.Tensor, norm: str, seed: tf.Tensor, *, like: tf.Tensor, mask: tf.Tensor | None = None
) -> tf.Tensor:
    """A random point at the edge of each row's ball, [rows, ..., features] as `like`.

    Its whole norm is where the mask is 1: the control has the size of the attack.
    """
    drawn = tf.cast(random_normals(tf.shape(like), seed), like.dtype)
    return limit * steepest(within(drawn, mask), norm)


def random_point(
    limit: tf.Tensor, norm: str, seed: tf.Tensor, *, like: tf.Tensor, mask: tf.Tensor | None = None
) -> tf.Tensor:
    """A random point inside each row's ball, [rows, ..., features] as `like`.

    linf: uniform in the ball (Madry et al. 2018). l2: each of the n movable features uniform in
    +- limit / sqrt(n) (Zhu et al. 2020, FreeLB, algorithm 1): of norm about limit / sqrt(3).
    """
    drawn = tf.cast(2.0 * random_floats(tf.shape(like), seed) - 1.0, like.dtype)
    if norm == "linf":
        return limit * within(drawn, mask)
    movable = within(tf.ones_like(like), mask)
    count = tf.reduce_sum(movable, axis=-1, keepdims=True)
    return limit * drawn * movable / tf.sqrt(tf.maximum(count, 1.0))


def balls(
    values: Sequence[tf.Tensor],
    perturbation: Perturbation,
    masks: Sequence[tf.Tensor | None] | None = None,
    scales: Sequence[tf.Tensor | float | None] | None = None,
) -> tuple[list[tf.Tensor], list[tf.Tensor], list[tf.Tensor | None]]:
    """(values without what may not move, radii of the balls around them, masks); the radii times
    `scales`, where None is 1."""
    masks = [None] * len(values) if masks is None else list(masks)
    values = [within(value, mask) for value, mask in zip(values, masks, strict=True)]
    limits = [radius(value, perturbation) for value in values]
    if scales is not None:
        limits = [
            limit if scale is None else limit * scale
            for limit, scale in zip(limits, scales, strict=True)
        ]
    return values, limits, masks


def starting_points(
    values: Sequence[tf.Tensor],
    limits: Sequence[tf.Tensor],
    perturbation: Perturbation,
    seed: tf.Tensor,
    masks: Sequence[tf.Tensor | None],
) -> list[tf.Tensor]:
    """Where an ascent begins: 0, or a random point; under `direction="random"` the noise that
    takes the place of the ascent."""
    random = perturbation.direction == "random"
    if not random and not perturbation.random_start:
        return [tf.zeros_like(value) for value in values]
    draw = noise if random else random_point
    return [
        draw(limit, perturbation.norm, stream(seed, "perturbation", i), like=value, mask=mask)
        for i, (value, limit, mask) in enumerate(zip(values, limits, masks, strict=True))
    ]


def ascend(
    deltas: Sequence[tf.Tensor],
    gradients: Sequence[tf.Tensor],
    limits: Sequence[tf.Tensor],
    perturbation: Perturbation,
    masks: Sequence[tf.Tensor | None],
) -> list[tf.Tensor]:
    """One step of the ascent from each delta, projected back into its ball."""
    moves = [
        steepest(rising(within(gradient, mask)), perturbation.norm)
        for gradient, mask in zip(gradients, masks, strict=True)
    ]
    return [
        project(delta + perturbation.step_fraction * limit * move, limit, perturbation.norm)
        for delta, move, limit in zip(deltas, moves, limits, strict=True)
    ]


def leave_zero(
    gradients: Sequence[tf.Tensor],
    limits: Sequence[tf.Tensor],
    perturbation: Perturbation,
    masks: Sequence[tf.Tensor | None],
) -> list[tf.Tensor]:
    """`ascend` from 0, without its projection: a step of at most the radius ends in the ball."""
    fraction = min(perturbation.step_fraction, 1.0)
    return [
        fraction * limit * steepest(rising(within(gradient, mask)), perturbation.norm)
        for gradient, limit, mask in zip(gradients, limits, masks, strict=True)
    ]


def within(values: tf.Tensor, mask: tf.Tensor | None) -> tf.Tensor:
    """`values` where they may move, 0 elsewhere."""
    return values if mask is None else values * tf.cast(mask, values.dtype)


def rising(gradient: tf.Tensor) -> tf.Tensor:
    """The gradient, with 0 in rows whose size is at most a millionth of the largest of all rows.

    There the loss is flat: it is what float32 leaves of a sum that is 0, and its direction is
    another in each order of adding, on each device. A radius along it would be noise.
    """
    size = row_norm(gradient, "linf")
    return tf.where(size > _FLAT * tf.reduce_max(size), gradient, 0.0)


def worst_case(
    gradients_at: Callable[[Sequence[tf.Tensor]], Sequence[tf.Tensor]],
    values: Sequence[tf.Tensor],
    perturbation: Perturbation,
    seed: tf.Tensor,
    *,
    at_zero: Sequence[tf.Tensor] | None = None,
    masks: Sequence[tf.Tensor | None] | None = None,
    scales: Sequence[tf.Tensor | float | None] | None = None,
) -> list[tf.Tensor]:
    """The perturbations that raise a loss most, found within the budget.

    Args:
        gradients_at: deltas -> gradient of the loss at values + deltas, one tensor a value.
        values: tensors [rows, ..., features].
        perturbation: the budget.
        seed: [2] int32, for `direction="random"` and for a random start.
        at_zero: what `gradients_at` gives without a delta, where it is known already.
        masks: one for each value: 1 where it may move and 0 where not, of its shape, or None
            where all may. A relative radius is a fraction of the norm of what may move.
        scales: a factor >= 0 of the radius for each value, a number, [rows, 1, ...] or [rows,
            ..., 1]; None is 1, the default.

    Returns:
        One delta a value, the same shapes, constants to any outer gradient; never outside
        the ball, and 0 where nothing may move.
    """
    values, limits, masks = balls(values, perturbation, masks, scales)
    deltas = starting_points(values, limits, perturbation, seed, masks)
    for step in range(0 if perturbation.direction == "random" else perturbation.steps):
        if step == 0 and not perturbation.random_start:
            gradients = gradients_at(deltas) if at_zero is None else at_zero
            deltas = leave_zero(gradients, limits, perturbation, masks)
        else:
            deltas = ascend(deltas, gradients_at(deltas), limits, perturbation, masks)
    return [tf.stop_gradient(delta) for delta in deltas]


def power_iteration(
    gradients_at: Callable[[Sequence[tf.Tensor]], Sequence[tf.Tensor]],
    values: Sequence[tf.Tensor],
    perturbation: Perturbation,
    seed: tf.Tensor,
    *,
    probe: float = 0.1,
    masks: Sequence[tf.Tensor | None] | None = None,
    scales: Sequence[tf.Tensor | float | None] | None = None,
) -> list[tf.Tensor]:
    """The perturbations that raise a divergence from the clean point most.

    At the clean point a divergence is 0 and flat, so there is no gradient to follow; its
    curvature tells the direction (Miyato et al. 2018, arXiv:1704.03976, eq. 10 to 12). From
    noise d at the edge of the ball, `perturbation.steps` times

        d = the point of the edge along the gradient at probe * d.

    Args: as `worst_case`, and
        probe: where the gradient is asked for, as a fraction of the radius.

    Returns:
        As `worst_case`; under `direction="random"` the first d.
    """
    values, limits, masks = balls(values, perturbation, masks, scales)
    noise_of = dataclasses.replace(perturbation, direction="random")
    deltas = starting_points(values, limits, noise_of, seed, masks)
    for _ in range(0 if perturbation.direction == "random" else perturbation.steps):
        gradients = gradients_at([probe * delta for delta in deltas])
        deltas = [
            limit * steepest(within(gradient, mask), perturbation.norm)
            for gradient, limit, mask in zip(gradients, limits, masks, strict=True)
        ]
    return [tf.stop_gradient(delta) for delta in deltas]
