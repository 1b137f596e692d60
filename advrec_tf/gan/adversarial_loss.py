"""What the two networks of a GAN minimize against each other: settings, and the parts of a loss."""

from __future__ import annotations

import dataclasses
from typing import NamedTuple

import tensorflow as tf

from advrec_tf.ops.checks import as_number


@dataclasses.dataclass(frozen=True)
class AdversarialLoss:
    """What the two networks minimize against each other, and how often each is updated.

    Args:
        name: of the pair of losses, for most models one of `gan.losses.GAN_LOSSES`.
        weight: factor of the generator's side in its loss, >= 0; 0 is the ablation without an
            adversary, in which the discriminator still trains.
        critic_steps: updates of the discriminator for each batch, >= 1.
        generator_steps: updates of the generator for each batch, >= 1.
        penalty_weight: factor of the gradient penalty, >= 0; by default 10 for a critic, else 0.

    Raises:
        ValueError: if a number is out of its range.
    """

    name: str = "non_saturating"
    weight: float = 1.0
    critic_steps: int = 1
    generator_steps: int = 1
    penalty_weight: float | None = None

    def __post_init__(self):
        for field in ("critic_steps", "generator_steps"):
            if not as_number(getattr(self, field)) >= 1:
                raise ValueError(f"`{field}` should be >= 1. Received: {getattr(self, field)!r}.")
        for field in ("weight", "penalty_weight"):
            value = getattr(self, field)
            if value is not None and not as_number(value) >= 0:
                raise ValueError(f"`{field}` of the loss should be >= 0. Received: {value!r}.")


class GeneratorLosses(NamedTuple):
    """What a generator pays for a batch, before the weights.

    Attributes:
        adversarial: scalar, the generator's side of the adversarial loss; logged as `g_loss`.
        reconstruction: scalar, what it pays apart from that; logged as `reconstruction_loss`.
        surrogate: scalar that is minimized in the place of `adversarial`, which then is only
            logged: for losses whose gradient is estimated.
        penalty: scalar that is added as it is and not logged.
        samples: [batch, features], what `diversity` is measured on; by default
            `generated_samples` after the update.
    """

    adversarial: tf.Tensor
    reconstruction: tf.Tensor
    surrogate: tf.Tensor | None = None
    penalty: tf.Tensor | None = None
    samples: tf.Tensor | None = None
