"""A table GAN whose discriminator learns from real entries by DP-SGD.

Abadi et al. 2016 (arXiv:1607.00133): the gradient of every example is clipped and noise is
added to their sum; what the generator learns comes through the discriminator alone, so it is
as private (Xie et al. 2018, arXiv:1802.06739). The budget spent is computed by `privacy_budget`,
with the accountant of `dp-accounting` (extra `privacy`).

What the guarantee does not cover:

* the fitted transform (the values of categories, ranges and modes), and any choice made on real
  entries, such as a report or an early stop;
* a reader who can recompute the noise, or knows which entries were in which batch. Both are drawn
  from entropy of the system that is kept nowhere, so that even the folder of a run does not tell
  them; with a `noise_seed` they follow the seeds, and who knows these can take the noise off;
* what is below the arithmetic: the numbers come from TensorFlow's Philox generator, which is no
  cryptographic one, and are rounded to float32 (Mironov 2012);
* the difference between shuffled batches, which for shards are shuffled within windows, and the
  independent draws that `privacy_budget` counts.
"""

from __future__ import annotations

import math
import secrets
from collections.abc import Sequence

import tensorflow as tf

from advrec_tf.gan import losses
from advrec_tf.models.replicas import drawn_for_rows, num_replicas, sum_over_replicas
from advrec_tf.ops.checks import as_number, require_seed
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
        noise_seed: a whole number of 32 bits, by which a training can be repeated: noise and
            order of the batches follow it and the seed of the training, so that nothing is
            private from who knows the two. By default both are drawn from entropy of the system,
            anew in each process, and no weight, checkpoint or record holds them.

    Raises:
        ValueError: if `clip` or `noise_multiplier` is not positive, `noise_seed` is no whole
            number, or the settings would show real entries to the generator.
    """

    private = True

    def __init__(
        self,
        *networks,
        clip: float = 1.0,
        noise_multiplier: float = 1.0,
        noise_seed: int | None = None,
        **kwargs,
    ):
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
        self.noise_seed = noise_seed
        if noise_seed is not None:
            require_seed(noise_seed, "noise_seed")
        self._secret = _Secret() if noise_seed is None else None

    def order_seed(self, seed: int) -> int:
        """`seed` where there is a `noise_seed`, else one that nobody knows."""
        return seed if self._secret is None else int(self._secret.order.numpy())

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
        noise = self._noise(gradients)
        noisy = [
            (total + deviation * drawn) / count
            for total, drawn in zip(gradients, noise, strict=True)
        ]
        self.d_gradient.update_state(tf.linalg.global_norm(noisy))
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply_gradients(zip(noisy, variables, strict=True))
        return self.log_discriminator(loss, right)

    def _noise(self, like: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Standard normal numbers of the shapes of some tensors, others at each call and the same
        on all replicas."""
        if self._secret is None:
            seed, update = tf.constant([self.noise_seed, 0], tf.int64), self.d_optimizer.iterations
        else:
            seed, update = self._secret.key.read_value(), self._secret.updates.read_value()
            self._secret.updates.assign_add(1)
        first = tf.cast(update, tf.int64) * len(like)
        return [
            tf.random.stateless_normal(tf.shape(one), stream(seed, "privacy noise", first + i))
            for i, one in enumerate(like)
        ]

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


class _Secret:
    """Where noise and order of the batches begin, from entropy of the system.

    The numbers are variables, which stand in no graph that is written down, of an object that Keras
    does not look into, so that they are in no weights and no checkpoint. Made in the scope of a
    strategy they are the same on all its replicas and workers.
    """

    def __init__(self):
        def variable(value):
            return tf.Variable(
                value,
                dtype=tf.int64,
                trainable=False,
                aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
            )

        self.key = variable([secrets.randbits(64) - 2**63 for _ in range(2)])
        self.order = variable(secrets.randbits(62))
        self.updates = variable(0)


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
    *,
    noise_multiplier: float,
    batch_size: int,
    num_entries: int,
    updates: int,
    delta: float,
    updates_per_batch: int = 1,
) -> float:
    """The budget epsilon of (epsilon, delta) differential privacy after so many discriminator
    updates, neighboring tables differing by one entry added or removed.

    Renyi accounting (Mironov et al. 2019) of Poisson sampling at rate `batch_size` / `num_entries`;
    batches are drawn by shuffling, which this takes for the same, as is customary. An entry stands
    in a batch at most once. Several updates on one batch (`critic_steps`) are one draw of entries
    and one Gaussian mechanism of noise_multiplier / sqrt(updates_per_batch).

    Raises:
        ImportError: if dp-accounting is not installed; it is the extra `privacy`.
        ValueError: if a batch is larger than the table, `delta` lies outside (0, 1), or a number of
            updates is < 1.
    """
    fits = 0 < batch_size <= num_entries and 0 < delta < 1
    if not fits or min(updates, updates_per_batch) < 1:
        raise ValueError(
            "`batch_size` should be in 1..`num_entries`, `delta` in (0, 1), `updates` and "
            f"`updates_per_batch` >= 1. Received: {batch_size!r} of {num_entries!r}, {delta!r}, "
            f"{updates!r} and {updates_per_batch!r}."
        )
    try:
        import dp_accounting
    except ImportError as error:
        raise ImportError(
            "Accounting for privacy needs dp-accounting, the extra `privacy`: "
            "bash scripts/install.sh --extras privacy."
        ) from error
    batch = dp_accounting.PoissonSampledDpEvent(
        batch_size / num_entries,
        dp_accounting.GaussianDpEvent(noise_multiplier / math.sqrt(updates_per_batch)),
    )
    accountant = dp_accounting.rdp.RdpAccountant()
    accountant.compose(dp_accounting.SelfComposedDpEvent(batch, -(-updates // updates_per_batch)))
    return float(accountant.get_epsilon(delta))
