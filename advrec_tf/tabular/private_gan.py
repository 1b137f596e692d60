"""A table GAN whose discriminator learns from real entries by DP-SGD.

Abadi et al. 2016 (arXiv:1607.00133): the gradient of every example is clipped and noise is
added to their sum; what the generator learns comes through the discriminator alone, so it is
as private (Xie et al. 2018, arXiv:1802.06739). The budget spent is computed by `privacy_budget`,
with the accountant of `dp-accounting` (extra `privacy`).

What the guarantee does not cover: the fitted transform (the values of categories, ranges and
modes), and any choice made on real entries, such as a report or an early stop.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from advrec_tf.gan import losses
from advrec_tf.models.replicas import drawn_for_rows, num_replicas, sum_over_replicas
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream
from advrec_tf.tabular.conditions import Conditions
from advrec_tf.tabular.gan import TableGAN, build_row_discriminator
from advrec_tf.tabular.transform import TableTransform
from advrec_tf.tabular.vae import build_row_decoder


class PrivateTableGAN(TableGAN):
    """A `TableGAN` in which one real entry can move the discriminator only so far.

    The discriminator sees entries one by one (`pack=1`), without conditions and without an
    autoencoder, since both would carry real entries to the generator.

    Args:
        clip: largest norm of one example's gradient over all of the discriminator's weights.
        noise_multiplier: deviation of the noise in units of `clip`, > 0.

    Raises:
        ValueError: if `clip` or `noise_multiplier` is not positive, or the settings would
            show real entries to the generator.
    """

    def __init__(self, *networks, clip: float = 1.0, noise_multiplier: float = 1.0, **kwargs):
        super().__init__(*networks, **kwargs)
        if not (as_number(clip) > 0 and as_number(noise_multiplier) > 0):
            raise ValueError(
                "`clip` and `noise_multiplier` should be > 0. "
                f"Received: {clip!r} and {noise_multiplier!r}."
            )
        if self.pack != 1 or self.conditional or self.evidence is not None:
            raise ValueError(
                "A private GAN should have `pack=1`, no conditional columns and no `evidence`. "
                f"Received: {self.pack}, {self.conditional}, {self.evidence}."
            )
        self.clip, self.noise_multiplier = clip, noise_multiplier

    def discriminator_step(self, inputs, seed):
        """One private update of the discriminator; returns its mean loss before it."""
        real = self.real_samples(inputs)
        fake = tf.stop_gradient(self.fake_samples(inputs, seed, training=True))
        mix = drawn_for_rows(
            tf.random.stateless_uniform,
            tf.stack([tf.shape(real)[0], 1]),
            stream(seed, "mix of real and generated"),
        )
        gradients, loss, right = self.clipped_gradients(real, fake, mix)
        count = sum_over_replicas(tf.cast(tf.shape(real)[0], tf.float32))
        # Each replica adds its share of the one noise: the optimizer adds up what they give.
        deviation = self.noise_multiplier * self.clip / num_replicas()
        noisy = [
            (total + deviation * self._noise(total, seed, i)) / count
            for i, total in enumerate(gradients)
        ]
        self.d_gradient.update_state(tf.linalg.global_norm(noisy))
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply_gradients(zip(noisy, variables, strict=True))
        return self.log_discriminator(loss, right)

    @staticmethod
    def _noise(like: tf.Tensor, seed: tf.Tensor, i: int) -> tf.Tensor:
        return tf.random.stateless_normal(tf.shape(like), stream(seed, "privacy noise", i))

    def clipped_gradients(self, real, fake, mix):
        """Sums over the examples of clipped gradients, a tensor a weight, beside the mean
        loss and the discriminator's accuracy.

        An example is a real entry with the generated one (and the point between) it is compared
        with.
        """
        variables = self.discriminator.trainable_variables

        def one(example):
            real, fake, mix = (part[None] for part in example)
            with tf.GradientTape() as tape:
                logits = self.discriminator(real, training=True)
                others = self.discriminator(fake, training=True)
                loss = self.gan_loss.discriminator(logits, others)
                if self.penalty_weight:
                    loss += self.penalty_weight * losses.gradient_penalty(
                        lambda x: self.discriminator(x, training=True), real, fake, mix
                    )
            gradients = tape.gradient(loss, variables, unconnected_gradients="zero")
            return (*gradients, loss, logits[0, 0], others[0, 0])

        *each, loss, logits, others = tf.vectorized_map(one, (real, fake, mix))
        squares = [tf.reduce_sum(tf.reshape(g, [tf.shape(g)[0], -1]) ** 2, 1) for g in each]
        factor = tf.minimum(1.0, self.clip / tf.sqrt(tf.add_n(squares) + 1e-12))
        sums = [tf.tensordot(factor, g, 1) for g in each]
        return sums, tf.reduce_mean(loss), tf.reduce_mean(self.correct(logits, others))


def build_private_gan(
    transform: TableTransform,
    *,
    noise_dim: int = 64,
    generator_hidden: Sequence[int] = (128, 128),
    discriminator_hidden: Sequence[int] = (128,),
    seed: int = 0,
    **settings,
) -> PrivateTableGAN:
    """The networks and the model for a fitted transform; `settings` as in
    `PrivateTableGAN`. A smaller discriminator, for the noise grows with its weights."""
    conditions = Conditions(transform.layout)
    generator = build_row_decoder(
        transform,
        conditions,
        noise_dim=noise_dim,
        hidden=generator_hidden,
        seed=1000 * seed,
        name="generator",
    )
    discriminator = build_row_discriminator(
        transform, conditions, pack=1, hidden=discriminator_hidden, seed=1000 * seed + 700
    )
    return PrivateTableGAN(
        transform,
        generator,
        discriminator,
        name="private_table_gan",
        **settings,
    )


def privacy_budget(
    *, noise_multiplier: float, batch_size: int, num_entries: int, updates: int, delta: float
) -> float:
    """The budget epsilon of (epsilon, delta) differential privacy after so many discriminator
    updates, neighboring tables differing by one entry added or removed.

    Renyi accounting (Mironov et al. 2019) of Poisson sampling at rate `batch_size` / `num_entries`;
    batches are drawn by shuffling, which this takes for the same, as is customary.

    Raises:
        ImportError: if dp-accounting is not installed; it is the extra `privacy`.
        ValueError: if a batch is larger than the table or `delta` lies outside (0, 1).
    """
    if not 0 < batch_size <= num_entries or not 0 < delta < 1 or updates < 1:
        raise ValueError(
            "`batch_size` should be in 1..`num_entries`, `delta` in (0, 1) and `updates` >= 1. "
            f"Received: {batch_size!r} of {num_entries!r}, {delta!r}, {updates!r}."
        )
    try:
        import dp_accounting
    except ImportError as error:
        raise ImportError(
            "Accounting for privacy needs dp-accounting, the extra `privacy`: "
            "bash scripts/install.sh --extras privacy."
        ) from error
    step = dp_accounting.PoissonSampledDpEvent(
        batch_size / num_entries, dp_accounting.GaussianDpEvent(noise_multiplier)
    )
    accountant = dp_accounting.rdp.RdpAccountant()
    accountant.compose(dp_accounting.SelfComposedDpEvent(step, updates))
    return float(accountant.get_epsilon(delta))
