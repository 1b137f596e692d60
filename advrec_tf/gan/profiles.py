"""User profiles from a GAN: the denoising form of CFGAN (Chae et al. 2018, CIKM).

The generator reads what a user has and gives scores for the whole catalogue; the
discriminator sees the generated profile beside the user's own and has to tell it from the
real one. `build_profile_gan` makes both networks for a data set. From the trained
generator come plausible further interactions for users with few: see
`data.augmentation.top_unseen`.

Part of the profile is hidden from the condition, and the generator pays for not ranking the
hidden items first (multinomial likelihood), which keeps it from copying. With a loss
of weight 0 this is the ablation without an adversary. The published model, with zero
reconstruction and its own schedule, is in `gan.cfgan`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.histories import Profiles
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.base import GAN
from advrec_tf.gan.collapse import collapsed_profiles
from advrec_tf.models.base import Recommender
from advrec_tf.models.replicas import drawn_for_rows
from advrec_tf.models.towers import in_blocks, seeded_dense
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream


def build_generator(
    num_items: int,
    *,
    hidden: Sequence[int] = (150,),
    activation: str = "tanh",
    unit_condition: bool = True,
    seed: int = 0,
):
    """Condition [batch, num_items] of 0/1 -> logits [batch, num_items].

    With `unit_condition` a condition is scaled to length 1 first.
    """
    condition = keras.Input(shape=(num_items,), name="condition")
    x = condition
    if unit_condition:
        x = keras.layers.UnitNormalization(name="unit_condition")(x)
    for i, units in enumerate(hidden):
        x = seeded_dense(units, seed + i, activation=activation, name=f"generator_hidden_{i}")(x)
    logits = seeded_dense(num_items, seed + 99, name="generator_logits")(x)
    return keras.Model(condition, logits, name="generator")


def build_discriminator(
    num_items: int,
    *,
    condition_width: int | None = None,
    hidden: Sequence[int] = (64,),
    activation: str = "tanh",
    seed: int = 0,
):
    """[condition, profile] joined, [batch, condition_width + num_items] -> logit [batch, 1].

    A condition is as wide as a profile by default.
    """
    width = num_items if condition_width is None else condition_width
    pair = keras.Input(shape=(width + num_items,), name="condition_and_profile")
    x = pair
    for i, units in enumerate(hidden):
        name = f"discriminator_hidden_{i}"
        x = seeded_dense(units, seed + i, activation=activation, name=name)(x)
    logit = seeded_dense(1, seed + 99, name="discriminator_logit")(x)
    return keras.Model(pair, logit, name="discriminator")


class ProfileGAN(Recommender, GAN):
    """Generator and discriminator of profiles of one data set.

    Batches come from `batches.of_users`, or of interactions in shards from `data.stream_profiles`,
    which bring the profiles, so that none is held in training. A generated profile is
    sigmoid(logits) on the user's items and on a random fraction `masked_negatives` of the others,
    zero elsewhere (partial masking).

    Args:
        interactions: the interactions whose profiles are real.
        generator: condition -> logits; discriminator: [condition, profile] joined -> logit.
        drop: fraction of a profile hidden from the condition, in [0, 1).
        masked_negatives: PM, fraction of unseen items the discriminator gets to see.
        settings: of `GAN`.

    Raises:
        ValueError: if a fraction lies outside its range.
    """

    rows_of_weights = ("items",)

    def __init__(
        self,
        interactions: Interactions,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        drop: float = 0.5,
        masked_negatives: float = 0.2,
        **settings,
    ):
        super().__init__(generator, discriminator, **settings)
        for name, fraction in (("drop", drop), ("masked_negatives", masked_negatives)):
            if not 0 <= as_number(fraction) <= 1 or (name == "drop" and fraction == 1):
                raise ValueError(f"`{name}` should be a fraction of 1. Received: {fraction!r}.")
        self.interactions = interactions
        self.drop = drop
        self.masked_negatives = masked_negatives
        self._profiles = Profiles(interactions)

    def call(self, condition, training=False):
        """[batch, num_items] of 0/1 -> logits, same shape."""
        return self.generator(condition, training=training)

    def rank_by(self, histories: Interactions) -> None:
        """Rank users from now on by their profiles in other interactions of the same vocabularies,
        which alone are held then, such as those of users that are evaluated."""
        self._profiles = Profiles(histories)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], what the generator gives for whole profiles."""
        return self.generator(self._profiles.dense(user_index))

    def scores(self) -> np.ndarray:
        """[num_users, num_items] float32: `score` of every user."""
        return in_blocks(self.score, self.interactions.num_users, block=1024)

    def _condition(self, profile, seed):
        if self.drop == 0:
            return profile
        noise = drawn_for_rows(
            tf.random.stateless_uniform, tf.shape(profile), stream(seed, "dropped entries")
        )
        return profile * tf.cast(noise >= self.drop, tf.float32)

    def real_samples(self, inputs):
        profile = self._profiles.of(inputs)
        return tf.concat([profile, profile], axis=-1)

    def fake_samples(self, inputs, seed, training):
        profile = self._profiles.of(inputs)
        logits = self.generator(self._condition(profile, seed), training=training)
        noise = drawn_for_rows(
            tf.random.stateless_uniform, tf.shape(profile), stream(seed, "shown zeros")
        )
        shown = tf.maximum(profile, tf.cast(noise < self.masked_negatives, tf.float32))
        return tf.concat([profile, tf.sigmoid(logits) * shown], axis=-1)

    def generated_samples(self, inputs, seed):
        # Without the condition and the mask, which differ between users whatever is generated.
        profile = self._profiles.of(inputs)
        return tf.sigmoid(self.generator(self._condition(profile, seed), training=False))

    collapse = staticmethod(collapsed_profiles)

    def reconstruction_loss(self, inputs, seed, training):
        profile = self._profiles.of(inputs)
        condition = self._condition(profile, seed)
        logits = self.generator(condition, training=training)
        hidden = profile - condition
        count = tf.reduce_sum(hidden, -1)
        likelihood = losses.multinomial(logits - 1e9 * condition, hidden)
        return tf.reduce_mean(tf.math.divide_no_nan(likelihood, count))


def build_profile_gan(
    interactions: Interactions,
    *,
    generator_hidden: Sequence[int] = (150,),
    discriminator_hidden: Sequence[int] = (64,),
    seed: int = 0,
    **settings,
) -> ProfileGAN:
    """Both networks and the model for a data set; `settings` as in `ProfileGAN`."""
    return ProfileGAN(
        interactions,
        build_generator(interactions.num_items, hidden=generator_hidden, seed=1000 * seed),
        build_discriminator(
            interactions.num_items, hidden=discriminator_hidden, seed=1000 * seed + 500
        ),
        name="profile_gan",
        **settings,
    )
