"""A GAN as one `keras.Model` over two functional networks: the order of play.

`GAN` owns when each player moves, the two optimizers and the guards; the maths
of the game is in `losses`, the sizes in the builders, and what a real and a generated
sample are is said by a subclass. So `fit`, callbacks and TensorBoard work unchanged.
"""

from __future__ import annotations

import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras


class GAN(keras.Model):
    """Two players on dict batches that carry `seed` [2] int32.

    A subclass implements

    * `real_samples(inputs) -> [batch, features]`: what the discriminator should accept;
    * `fake_samples(inputs, seed, training) -> [batch, features]`: what the generator writes
      for the same batch, differentiable in the generator's weights;
    * `reconstruction_loss(inputs, seed, training) -> scalar`: what the generator pays apart
      from the game (zero by default).

    Args:
        generator, discriminator: functional models; the discriminator ends in one logit.
        loss: name of a pair in `losses.GAN_LOSSES`.
        critic_steps: discriminator updates per generator update, >= 1.
        adversarial_weight: factor of the generator's side of the game, >= 0; 0 is the ablation
            without an adversary (the discriminator still trains, and still watches).
        reconstruction_weight: factor of `reconstruction_loss`, >= 0.
        penalty_weight: factor of the gradient penalty; by default 10 for a critic, else 0.

    Raises:
        ValueError: if an argument is out of range, or the loss name is unknown.
    """

    def __init__(
        self,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        loss: str = "non_saturating",
        critic_steps: int = 1,
        adversarial_weight: float = 1.0,
        reconstruction_weight: float = 1.0,
        penalty_weight: float | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.game = losses.gan_loss(loss)
        if critic_steps < 1:
            raise ValueError(f"`critic_steps` should be >= 1. Received: {critic_steps!r}.")
        if min(adversarial_weight, reconstruction_weight) < 0:
            raise ValueError(
                "`adversarial_weight` and `reconstruction_weight` should be >= 0. "
                f"Received: {adversarial_weight!r} and {reconstruction_weight!r}."
            )
        self.generator = generator
        self.discriminator = discriminator
        self.critic_steps = critic_steps
        self.adversarial_weight = adversarial_weight
        self.reconstruction_weight = reconstruction_weight
        self.penalty_weight = (
            (10.0 if self.game.critic else 0.0) if penalty_weight is None else penalty_weight
        )
        self.d_loss = keras.metrics.Mean(name="d_loss")
        self.g_loss = keras.metrics.Mean(name="g_loss")
        self.reconstruction = keras.metrics.Mean(name="reconstruction_loss")
        self.d_accuracy = keras.metrics.Mean(name="d_accuracy")
        self.diversity = keras.metrics.Mean(name="diversity")
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False, name="step")
        self.non_finite_step = {
            name: tf.Variable(-1, dtype=tf.int64, trainable=False, name=f"{name}_non_finite")
            for name in ("d_loss", "g_loss", "reconstruction_loss")
        }

    def compile(self, *, d_optimizer, g_optimizer, **kwargs):
        """As `keras.Model.compile`, with an optimizer for each player.

        Raises:
            ValueError: if both players are given the same optimizer object, which would mix
                their moments.
        """
        if d_optimizer is g_optimizer:
            raise ValueError(
                "`d_optimizer` and `g_optimizer` should be two objects. Received one twice."
            )
        super().compile(**kwargs)
        self.d_optimizer, self.g_optimizer = d_optimizer, g_optimizer

    def players(self):
        """[(optimizer, the variables it trains)], for checkpoints."""
        return [
            (self.d_optimizer, self.discriminator.trainable_variables),
            (self.g_optimizer, self.generator_variables()),
        ]

    def generator_variables(self):
        """What the generator's move trains: its weights, and those of whatever helps it."""
        return self.generator.trainable_variables

    @property
    def metrics(self):
        return [self.d_loss, self.g_loss, self.reconstruction, self.d_accuracy, self.diversity]

    def real_samples(self, inputs):
        raise NotImplementedError(f"{type(self).__name__} does not define `real_samples`.")

    def fake_samples(self, inputs, seed, training):
        raise NotImplementedError(f"{type(self).__name__} does not define `fake_samples`.")

    def reconstruction_loss(self, inputs, seed, training):
        return tf.constant(0.0)

    def generated_samples(self, inputs, seed):
        """What `diversity` looks at: [batch, features], nothing but the generator's output."""
        return self.fake_samples(inputs, seed, training=False)

    def train_step(self, inputs):
        """`critic_steps` moves of the discriminator, then one of the generator."""
        seed = inputs["seed"]
        for i in range(self.critic_steps):
            self.discriminator_step(inputs, seed + [0, i])
        self.generator_step(inputs, seed + [1, 0])
        self.step.assign_add(1)
        return {metric.name: metric.result() for metric in self.metrics}

    def discriminator_step(self, inputs, seed):
        """One update of the discriminator; returns its loss before the update."""
        real = self.real_samples(inputs)
        fake = tf.stop_gradient(self.fake_samples(inputs, seed, training=True))
        with tf.GradientTape() as tape:
            real_logits = self.discriminator(real, training=True)
            fake_logits = self.discriminator(fake, training=True)
            loss = self.game.discriminator(real_logits, fake_logits)
            if self.penalty_weight:
                mix = tf.random.stateless_uniform([tf.shape(real)[0], 1], seed + [2, 0])
                loss += self.penalty_weight * losses.gradient_penalty(
                    lambda x: self.discriminator(x, training=True), real, fake, mix
                )
        variables = self.discriminator.trainable_variables
        self.d_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        self._watch("d_loss", loss)
        self.d_loss.update_state(loss)
        # A critic has no zero point: its threshold is the middle between the two means.
        middle = self.game.threshold
        if self.game.critic:
            middle = 0.5 * (tf.reduce_mean(real_logits) + tf.reduce_mean(fake_logits))
        right = tf.concat([real_logits > middle, fake_logits <= middle], axis=0)
        self.d_accuracy.update_state(tf.cast(right, tf.float32))
        return loss

    def generator_step(self, inputs, seed):
        """One update of the generator; returns its loss before the update."""
        with tf.GradientTape() as tape:
            fake = self.fake_samples(inputs, seed, training=True)
            adversarial = self.game.generator(self.discriminator(fake, training=True))
            reconstruction = self.reconstruction_loss(inputs, seed, training=True)
            loss = (
                self.adversarial_weight * adversarial + self.reconstruction_weight * reconstruction
            )
        variables = self.generator_variables()
        self.g_optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables))
        self._watch("g_loss", adversarial)
        self._watch("reconstruction_loss", reconstruction)
        self.g_loss.update_state(adversarial)
        self.reconstruction.update_state(reconstruction)
        self.diversity.update_state(diversity(self.generated_samples(inputs, seed)))
        return loss

    def _watch(self, name: str, value: tf.Tensor) -> None:
        variable = self.non_finite_step[name]
        first = (variable < 0) & ~tf.math.is_finite(value)
        variable.assign(tf.where(first, self.step, variable))


def diversity(samples: tf.Tensor) -> tf.Tensor:
    """How different the samples of a batch are: 1 - mean cosine of neighbors in the batch.

    [batch, features] -> scalar in [0, 2]; 0 where all samples point the same way, which is
    what a collapsed generator gives.
    """
    unit = tf.math.l2_normalize(samples, axis=-1)
    return 1.0 - tf.reduce_mean(tf.reduce_sum(unit * tf.roll(unit, 1, axis=0), axis=-1))
