"""User profiles generated from attributes: a plausible history for who has none yet.

A conditional GAN. The generator reads what is known of a user (age, occupation, sex, answers
at sign-up) and noise, and gives the logits of one softmax over the catalogue; a profile is a
set of items drawn from it without replacement, as long as a real one (`relaxations`). The
discriminator sees such sets of zeros and ones beside the attributes.

Apart from the adversarial loss the generator pays the bound of a conditional variational
autoencoder, being its decoder (VAE/GAN; Larsen et al. 2016, arXiv:1512.09300): so the noise comes
to mean taste that the attributes leave open. With a loss of weight 0 that autoencoder is the
ablation without an adversary. What cold users are ranked by besides is in
`models.attribute_baselines`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.histories import Profiles
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.base import GAN
from advrec_tf.gan.collapse import collapsed_profiles
from advrec_tf.gan.profiles import build_discriminator
from advrec_tf.gan.relaxations import gumbel, straight_through_set
from advrec_tf.models.base import Recommender, log_popularity
from advrec_tf.models.content.tower import Modality
from advrec_tf.models.replicas import drawn_for_rows
from advrec_tf.models.towers import in_blocks, popularity_logits, seeded_dense
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream

_NOISES = 16


def build_attribute_generator(
    popularity: np.ndarray,
    attribute_width: int,
    *,
    noise_dim: int,
    hidden: Sequence[int] = (64,),
    seed: int = 0,
) -> keras.Model:
    """{"attributes": [batch, attribute_width], "noise": [batch, noise_dim]} -> logits [batch,
    items].

    The last layer's bias starts at `popularity` [items], log interactions of the item: untrained it
    gives popular items to everybody, and has only to learn how groups differ from that.
    """
    inputs = {
        "attributes": keras.Input(shape=(attribute_width,), name="attributes"),
        "noise": keras.Input(shape=(noise_dim,), name="noise"),
    }
    x = keras.layers.Concatenate(name="joined")([inputs["attributes"], inputs["noise"]])
    for i, units in enumerate(hidden):
        x = seeded_dense(units, seed + i, name=f"generator_hidden_{i}", activation="tanh")(x)
    logits = popularity_logits(popularity, stddev=0.01, seed=seed + 99, name="generator_logits")(x)
    return keras.Model(inputs, logits, name="generator")


def build_profile_encoder(
    num_items: int,
    attribute_width: int,
    *,
    noise_dim: int,
    hidden: Sequence[int] = (64,),
    seed: int = 0,
) -> keras.Model:
    """{"profile": [batch, num_items], "attributes"} -> mean and log variance [batch, 2 *
    noise_dim] of the noise that would have given the profile."""
    inputs = {
        "profile": keras.Input(shape=(num_items,), name="profile"),
        "attributes": keras.Input(shape=(attribute_width,), name="attributes"),
    }
    x = keras.layers.UnitNormalization(name="unit_profile")(inputs["profile"])
    x = keras.layers.Concatenate(name="joined")([x, inputs["attributes"]])
    for i, units in enumerate(hidden):
        x = seeded_dense(units, seed + i, name=f"encoder_hidden_{i}", activation="tanh")(x)
    code = seeded_dense(2 * noise_dim, seed + len(hidden), name="code")(x)
    return keras.Model(inputs, code, name="encoder")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Encoding:
    """How the encoder is trained.

    Args:
        kl_weight: factor of the divergence of its codes from the standard normal noise, >= 0.
        drop: fraction of a profile hidden from it, in [0, 1).

    Raises:
        ValueError: if a number is out of its range.
    """

    kl_weight: float = 0.2
    drop: float = 0.5

    def __post_init__(self):
        if not as_number(self.kl_weight) >= 0:
            raise ValueError(f"`kl_weight` should be >= 0. Received: {self.kl_weight!r}.")
        if not 0 <= as_number(self.drop) < 1:
            raise ValueError(f"`drop` should lie in [0, 1). Received: {self.drop!r}.")


class AttributeProfileGAN(Recommender, GAN):
    """Generator, encoder and discriminator of the profiles of one data set.

    Batches come from `batches.of_users`, of users that have interactions, or from
    `data.stream_profiles`, which bring the profiles. The generator minimizes

        adversarial loss of D(attributes, drawn profile)
        + reconstruction_weight * mean_u [ -log p(profile | z, attributes) / items of u
                                           + kl_weight * KL(q(z | profile, attributes) || N) ]

    with N the standard normal distribution that the noise of new users comes from.

    A user is ranked by log of the mean of p(item | z, attributes) over 16 noises, the same for
    everybody: nothing but the attributes tells users apart.

    Args:
        interactions: the interactions whose profiles are real.
        attributes: a vector a user; a missing one is all zeros.
        generator, encoder, discriminator: as their builders give them.
        encoding: how the encoder is trained.
        temperature: of the relaxation of drawn profiles, > 0.
        settings: of `GAN`.

    Raises:
        ValueError: if an argument is out of its range, or there is not one vector of attributes a
            user.
    """

    rows_of_weights = ("items",)

    def __init__(
        self,
        interactions: Interactions,
        attributes: Modality,
        generator: keras.Model,
        encoder: keras.Model,
        discriminator: keras.Model,
        *,
        encoding: Encoding | None = None,
        temperature: float = 0.5,
        **settings,
    ):
        super().__init__(generator, discriminator, **settings)
        if len(attributes.vectors) != interactions.num_users:
            raise ValueError(
                f"`attributes` should have {interactions.num_users} vectors, one a user. "
                f"Received: {len(attributes.vectors)}."
            )
        if not as_number(temperature) > 0:
            raise ValueError(f"`temperature` should be > 0. Received: {temperature!r}.")
        self.interactions = interactions
        self.encoder = encoder
        self.encoding = encoding or Encoding()
        self.temperature = temperature
        self._profiles = Profiles(interactions)
        self._attributes = tf.constant(attributes.vectors)
        self._noises = self.noise(_NOISES, [7, 7])

    def generator_variables(self):
        return self.generator.trainable_variables + self.encoder.trainable_variables

    def call(self, inputs, training=False):
        """{"attributes", "noise"} -> logits [batch, num_items]."""
        return self.generator(inputs, training=training)

    def _own(self, inputs):
        return self._profiles.of(inputs), tf.gather(self._attributes, inputs["user_index"])

    def real_samples(self, inputs):
        profile, attributes = self._own(inputs)
        return tf.concat([attributes, profile], axis=-1)

    def fake_samples(self, inputs, seed, training):
        # As many items as the user beside it has: the number tells the discriminator nothing.
        profile, attributes = self._own(inputs)
        counts = tf.cast(tf.reduce_sum(profile, axis=-1), tf.int32)
        return tf.concat([attributes, self._drawn(attributes, counts, seed, training)], axis=-1)

    def generated_samples(self, inputs, seed):
        # Probabilities by noise alone: drawn sets would differ whatever the generator gives.
        _, attributes = self._own(inputs)
        return tf.nn.softmax(self._logits(attributes, seed, training=False))

    collapse = staticmethod(collapsed_profiles)

    def reconstruction_loss(self, inputs, seed, training):
        profile, attributes = self._own(inputs)
        noise = drawn_for_rows(
            tf.random.stateless_uniform, tf.shape(profile), stream(seed, "dropped entries")
        )
        seen = profile * tf.cast(noise >= self.encoding.drop, tf.float32)
        code = self.encoder({"profile": seen, "attributes": attributes}, training=training)
        mean, log_variance = tf.split(code, 2, axis=-1)
        z = mean + tf.exp(0.5 * log_variance) * drawn_for_rows(
            tf.random.stateless_normal,
            tf.shape(mean),
            stream(seed, "sample of the profile's code"),
        )
        logits = self.generator({"attributes": attributes, "noise": z}, training=training)
        count = tf.reduce_sum(profile, axis=-1)
        likelihood = tf.math.divide_no_nan(losses.multinomial(logits, profile), count)
        divergence = 0.5 * tf.reduce_sum(
            tf.exp(log_variance) + tf.square(mean) - 1.0 - log_variance, axis=-1
        )
        return tf.reduce_mean(likelihood + self.encoding.kl_weight * divergence)

    def _logits(self, attributes, seed, training):
        noise = self.noise(tf.shape(attributes)[0], stream(seed, "noise of the profile"))
        return self.generator({"attributes": attributes, "noise": noise}, training=training)

    def _drawn(self, attributes, counts, seed, training):
        logits = self._logits(attributes, seed, training)
        perturbed = logits + drawn_for_rows(gumbel, tf.shape(logits), stream(seed, "drawn set"))
        return straight_through_set(perturbed, counts, self.temperature)

    def generate(self, attributes: np.ndarray, counts: np.ndarray, *, seed: int) -> np.ndarray:
        """Profiles of new users: [n, width] and [n] items each -> [n, num_items] of 0/1.

        Raises:
            ValueError: if there is not one count a row, or one lies outside 0..num_items.
        """
        attributes, counts = np.asarray(attributes, np.float32), np.asarray(counts, np.int32)
        if counts.shape != attributes.shape[:1]:
            raise ValueError(
                f"`counts` should have {len(attributes)} numbers, one a row of `attributes`. "
                f"Received shape: {counts.shape}."
            )
        if len(counts) and not 0 <= counts.min() <= counts.max() <= self.interactions.num_items:
            raise ValueError(
                f"`counts` should lie in 0..{self.interactions.num_items}. "
                f"Received: {counts.min()}..{counts.max()}."
            )
        blocks = [
            self._drawn(
                tf.constant(attributes[start : start + 1024]),
                tf.constant(counts[start : start + 1024]),
                tf.constant([seed, start]),
                training=False,
            ).numpy()
            for start in range(0, len(attributes), 1024)
        ]
        return np.concatenate(blocks) if blocks else np.zeros((0, self.interactions.num_items))

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], log of the mean probability of each item."""
        attributes = tf.gather(self._attributes, user_index)
        total = tf.zeros([tf.size(user_index), self.interactions.num_items])
        for noise in tf.unstack(self._noises):
            tiled = tf.tile(noise[None, :], [tf.size(user_index), 1])
            total += tf.nn.softmax(self.generator({"attributes": attributes, "noise": tiled}))
        return tf.math.log(total / len(self._noises))

    def scores(self) -> np.ndarray:
        """[num_users, num_items] float32: `score` of every user."""
        return in_blocks(self.score, self.interactions.num_users, block=1024)


def build_attribute_profile_gan(
    interactions: Interactions,
    attributes: Modality,
    *,
    noise_dim: int = 16,
    generator_hidden: Sequence[int] = (64,),
    encoder_hidden: Sequence[int] = (64,),
    discriminator_hidden: Sequence[int] = (64,),
    seed: int = 0,
    **settings,
) -> AttributeProfileGAN:
    """The three networks and the model for a data set; `settings` as in `AttributeProfileGAN`."""
    items, width = interactions.num_items, attributes.width
    return AttributeProfileGAN(
        interactions,
        attributes,
        build_attribute_generator(
            log_popularity(interactions),
            width,
            noise_dim=noise_dim,
            hidden=generator_hidden,
            seed=1000 * seed,
        ),
        build_profile_encoder(
            items, width, noise_dim=noise_dim, hidden=encoder_hidden, seed=1000 * seed + 200
        ),
        build_discriminator(
            items, condition_width=width, hidden=discriminator_hidden, seed=1000 * seed + 500
        ),
        name="attribute_profile_gan",
        **settings,
    )
