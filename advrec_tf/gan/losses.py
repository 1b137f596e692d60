"""Losses of both sides of a GAN: named pairs of pure functions of logits, batch means each."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from advrec_tf.losses import require_same_shape


@dataclasses.dataclass(frozen=True)
class GANLoss:
    """Both sides of one game, each a function of logits, both to be minimized.

    Attributes:
        name: the name the pair is asked for by.
        discriminator: (real_logits, fake_logits), each [batch, 1] and unbounded, high
            meaning "looks real" -> scalar.
        generator: fake_logits -> scalar.
        critic: True where the discriminator estimates a distance rather than a
            probability, so that it needs a Lipschitz bound (`gradient_penalty`).
        threshold: logit above which a sample counts as taken for real; none for a critic.
    """

    name: str
    discriminator: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]
    generator: Callable[[tf.Tensor], tf.Tensor]
    critic: bool = False
    threshold: float = 0.0


def _cross_entropy_discriminator(real_logits, fake_logits):
    require_same_shape("real_logits", real_logits, "fake_logits", fake_logits)
    return tf.reduce_mean(tf.nn.softplus(-real_logits) + tf.nn.softplus(fake_logits))


def _minimax_generator(fake_logits):
    return -tf.reduce_mean(tf.nn.softplus(fake_logits))


def _non_saturating_generator(fake_logits):
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def _least_squares_discriminator(real_logits, fake_logits):
    require_same_shape("real_logits", real_logits, "fake_logits", fake_logits)
    return 0.5 * tf.reduce_mean(tf.square(real_logits - 1.0) + tf.square(fake_logits))


def _least_squares_generator(fake_logits):
    return 0.5 * tf.reduce_mean(tf.square(fake_logits - 1.0))


def _hinge_discriminator(real_logits, fake_logits):
    require_same_shape("real_logits", real_logits, "fake_logits", fake_logits)
    return tf.reduce_mean(tf.nn.relu(1.0 - real_logits) + tf.nn.relu(1.0 + fake_logits))


def _wasserstein_discriminator(real_logits, fake_logits):
    require_same_shape("real_logits", real_logits, "fake_logits", fake_logits)
    return tf.reduce_mean(fake_logits) - tf.reduce_mean(real_logits)


def _negative_mean(fake_logits):
    return -tf.reduce_mean(fake_logits)


MINIMAX = GANLoss("minimax", _cross_entropy_discriminator, _minimax_generator)
"""Goodfellow et al. 2014, eq. 1 (arXiv:1406.2661), both sides as stated: the generator
minimizes E log(1 - D(fake)), whose gradient vanishes where D is sure."""

NON_SATURATING = GANLoss("non_saturating", _cross_entropy_discriminator, _non_saturating_generator)
"""Goodfellow et al. 2014, section 3: the generator minimizes -E log D(fake) instead."""

LEAST_SQUARES = GANLoss(
    "least_squares", _least_squares_discriminator, _least_squares_generator, threshold=0.5
)
"""Mao et al. 2017, eq. 9 (arXiv:1611.04076), with labels a = 0, b = c = 1."""

HINGE = GANLoss("hinge", _hinge_discriminator, _negative_mean)
"""Lim & Ye 2017 (arXiv:1705.02894); Miyato et al. 2018, eqs. 16-17 (arXiv:1802.05957)."""

WASSERSTEIN = GANLoss("wasserstein", _wasserstein_discriminator, _negative_mean, critic=True)
"""Arjovsky et al. 2017, eq. 2 (arXiv:1701.07875): min_G max_D E D(real) - E D(fake)."""

GAN_LOSSES = {
    pair.name: pair for pair in (MINIMAX, NON_SATURATING, LEAST_SQUARES, HINGE, WASSERSTEIN)
}


def gan_loss(name: str) -> GANLoss:
    """The pair of that name.

    Raises:
        ValueError: if there is none; the message lists the names.
    """
    if name not in GAN_LOSSES:
        raise ValueError(f"`name` should be one of {sorted(GAN_LOSSES)}. Received: {name!r}.")
    return GAN_LOSSES[name]


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor],
    real: tf.Tensor,
    fake: tf.Tensor,
    mix: tf.Tensor,
) -> tf.Tensor:
    """E (||grad critic(x)||_2 - 1)^2 on points x between real and fake.

    Gulrajani et al. 2017, eq. 3 (arXiv:1704.00028). The norm carries 1e-12 under its root,
    so the penalty and its gradient stay finite where the critic is flat.

    Args:
        critic: [batch, ...] -> logits [batch, 1].
        real, fake: [batch, features], the same shape.
        mix: [batch, 1] in [0, 1]; x = mix * real + (1 - mix) * fake.

    Returns:
        Scalar >= 0; 1 for a constant critic.

    Raises:
        ValueError: if `real` and `fake` differ in shape.
    """
    require_same_shape("real", real, "fake", fake)
    points = mix * real + (1.0 - mix) * fake
    with tf.GradientTape() as tape:
        tape.watch(points)
        logits = critic(points)
    gradient = tape.gradient(logits, points, unconnected_gradients="zero")
    norm = tf.sqrt(tf.reduce_sum(tf.square(gradient), axis=-1) + 1e-12)
    return tf.reduce_mean(tf.square(norm - 1.0))
