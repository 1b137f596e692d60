"""The discriminator of a GAN of whole profiles as a detector, and its ablation.

The generator makes whole profiles from noise, as long as real ones: which items, and how
far each rating lies from the item's mean. The discriminator tells them from real profiles, and
afterwards its opinion of unknown profiles is the score. With `adversarial_weight=0` the generator
never learns: the ablation's discriminator has met random profiles alone.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, checked_labels
from advrec_tf.defence.item_statistics import has_ratings, item_statistics
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.base import GAN
from advrec_tf.gan.collapse import collapsed_profiles
from advrec_tf.ops.random import stream

_BLOCK = 512


class DeviatingProfiles:
    """Profiles as [presence, rating deviation], both over the catalogue.

    A deviation is (r_ui - m_i) / scale, 0 where there is no rating; without ratings all are 0.
    """

    def __init__(self, interactions: Interactions, item_mean: np.ndarray | None, scale: float):
        self.histories = Histories(interactions.by_user())
        self.num_items = interactions.num_items
        values = np.zeros(len(interactions.by_user().items), np.float32)
        if item_mean is not None:
            # `by_user` keeps a pair once: its last rating stands.
            keys = (
                interactions.user_index.astype(np.int64) * interactions.num_items
                + interactions.item_index
            )
            kept = (
                interactions.by_user().users().astype(np.int64) * interactions.num_items
                + interactions.by_user().items
            )
            deviation = (
                np.nan_to_num(interactions.rating - item_mean[interactions.item_index]) / scale
            )
            values[np.searchsorted(kept, keys)] = deviation
        self._values = tf.constant(np.append(values, np.float32(0.0)))

    def __call__(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, 2 * num_items] float32."""
        presence = self.histories.dense(user_index)
        deviation = self.histories.dense(user_index, self._values)
        return tf.concat([presence, deviation], axis=1)


def build_generator(num_items: int, *, noise_dim: int, hidden: int = 64, seed: int = 0):
    """Noise [batch, noise_dim] -> [batch, 2 * num_items]: selection logits, deviations."""
    noise = keras.Input(shape=(noise_dim,), name="noise")

    def dense(units, seed, **settings):
        initializer = keras.initializers.GlorotUniform(seed=seed)
        return keras.layers.Dense(units, kernel_initializer=initializer, **settings)

    x = dense(hidden, seed, activation="tanh", name="generator_hidden")(noise)
    logits = dense(num_items, seed + 1, name="generator_logits")(x)
    deviation = dense(num_items, seed + 2, activation="tanh", name="generator_deviations")(x)
    outputs = keras.layers.Concatenate(name="profile")([logits, 2.0 * deviation])
    return keras.Model(noise, outputs, name="generator")


def build_discriminator(num_items: int, *, hidden: int = 32, dropout: float = 0.3, seed: int = 0):
    """[batch, 2 * num_items] -> logit [batch, 1]. Presence and deviations are each scaled to
    length 1, so that how long a profile is says nothing."""
    profile = keras.Input(shape=(2 * num_items,), name="profile")
    presence = keras.layers.UnitNormalization(name="unit_presence")(profile[:, :num_items])
    deviation = keras.layers.UnitNormalization(name="unit_deviation")(profile[:, num_items:])
    x = keras.layers.Concatenate(name="joined")([presence, deviation])
    x = keras.layers.Dropout(dropout, seed=seed + 9, name="dropout")(x)
    x = keras.layers.Dense(
        hidden,
        activation="relu",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        kernel_regularizer=keras.regularizers.L2(1e-4),
        name="discriminator_hidden",
    )(x)
    logit = keras.layers.Dense(
        1,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1),
        name="discriminator_logit",
    )(x)
    return keras.Model(profile, logit, name="discriminator")


class WholeProfileGAN(GAN):
    """Real profiles against generated ones of the same lengths.

    A generated profile holds the items with the highest logit + Gumbel noise, as many as the real
    profile beside it has: a draw without replacement from the softmax (Plackett-Luce). Its
    gradient passes through a sigmoid around the cut (straight-through; Bengio et al. 2013).
    A fraction `random_fraction` of the batch is drawn uniformly with random deviations, so that the
    discriminator does not forget what naive profiles look like.

    Args:
        profiles: of the real users.
        generator, discriminator: see `build_generator`, `build_discriminator`.
        random_fraction: in [0, 1].
        temperature: of the sigmoid around the cut, > 0.
        settings: of `GAN`.

    Raises:
        ValueError: if a number is out of its range.
    """

    def __init__(
        self,
        profiles: DeviatingProfiles,
        generator: keras.Model,
        discriminator: keras.Model,
        *,
        random_fraction: float = 0.3,
        temperature: float = 1.0,
        **settings,
    ):
        super().__init__(generator, discriminator, **settings)
        if not 0 <= random_fraction <= 1 or not temperature > 0:
            raise ValueError(
                "`random_fraction` should be in [0, 1] and `temperature` > 0. "
                f"Received: {random_fraction!r} and {temperature!r}."
            )
        self.profiles = profiles
        self.random_fraction = random_fraction
        self.temperature = temperature

    replicated = False

    def real_samples(self, inputs):
        return self.profiles(inputs["user_index"])

    def fake_samples(self, inputs, seed, training):
        real = self.profiles(inputs["user_index"])
        items = self.profiles.num_items
        batch = tf.shape(real)[0]
        count = tf.cast(tf.reduce_sum(real[:, :items], 1), tf.int32)
        outputs = self.generator(
            self.noise(batch, stream(seed, "noise of the generator")), training=training
        )
        logits, deviation = outputs[:, :items], outputs[:, items:]
        drawn = tf.random.stateless_uniform([batch, 1], stream(seed, "naive profiles"))
        naive = drawn < self.random_fraction
        logits = tf.where(naive, 0.0, logits)
        random_deviation = tf.random.stateless_normal(
            [batch, items], stream(seed, "deviations of naive profiles")
        )
        deviation = tf.where(naive, random_deviation, deviation)
        uniform = tf.random.stateless_uniform(
            [batch, items], stream(seed, "items of the profile"), 1e-7, 1.0
        )
        keys = logits - tf.math.log(-tf.math.log(uniform))
        longest = tf.maximum(tf.reduce_max(count), 1)  # a full sort would take most of the step
        ordered = tf.math.top_k(keys, longest).values
        cut = tf.gather(ordered, tf.maximum(count - 1, 0), axis=1, batch_dims=1)[:, None]
        hard = tf.cast(keys >= cut, tf.float32)
        soft = tf.sigmoid((keys - tf.stop_gradient(cut)) / self.temperature)
        chosen = soft + tf.stop_gradient(hard - soft)
        rated = tf.cast(tf.reduce_any(tf.not_equal(real[:, items:], 0.0)), tf.float32)
        return tf.concat([chosen, chosen * deviation * rated], axis=1)

    def compared_samples(self, inputs):
        # Probabilities by noise alone: drawn sets would differ whatever the generator gives.
        real = self.real_samples(inputs)
        noise = self.noise(tf.shape(real)[0], self.step_seed(inputs))
        logits = self.generator(noise, training=False)[:, : self.profiles.num_items]
        return tf.nn.softmax(logits), real

    collapse = staticmethod(collapsed_profiles)


class DiscriminatorDetector(Detector):
    """Minus the discriminator's logit, averaged over the last `snapshots` epochs.

    Training of a GAN goes in circles: a late discriminator may have forgotten what an early
    generator did, hence the average. Known fakes are left out of training; other labels are not
    read.

    Args:
        adversarial_weight: 0 for the ablation.
        epochs, batch_size, noise_dim, learning_rate: of its training.
        snapshots: >= 1.
        **settings: of `WholeProfileGAN`.
    """

    def __init__(
        self,
        *,
        adversarial_weight: float = 1.0,
        epochs: int = 60,
        batch_size: int = 64,
        noise_dim: int = 16,
        learning_rate: float = 2e-3,
        snapshots: int = 10,
        seed: int = 0,
        **settings,
    ):
        if not 1 <= snapshots <= epochs:
            raise ValueError(
                f"`snapshots` should lie in 1..{epochs}, the epochs. Received: {snapshots!r}."
            )
        self.adversarial_weight = adversarial_weight
        self.epochs, self.batch_size, self.noise_dim = epochs, batch_size, noise_dim
        self.learning_rate = learning_rate
        self.snapshots = snapshots
        self.seed = seed
        self.settings = settings

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None):
        is_fake = checked_labels(interactions, is_fake, needed=False)
        interactions = interactions.select(~is_fake[interactions.user_index])
        self._mean = self._scale = None
        if has_ratings(interactions):
            self._mean = item_statistics(interactions).mean
            self._scale = max(float(np.nanstd(interactions.rating)), 1e-6)
        keras.utils.set_random_seed(self.seed)
        self.gan = WholeProfileGAN(
            self._profiles(interactions),
            build_generator(
                interactions.num_items, noise_dim=self.noise_dim, seed=1000 * self.seed
            ),
            build_discriminator(interactions.num_items, seed=1000 * self.seed + 500),
            loss=AdversarialLoss(weight=self.adversarial_weight),
            **self.settings,
        )
        optimizer = keras.optimizers.Adam
        self.gan.compile(
            d_optimizer=optimizer(self.learning_rate), g_optimizer=optimizer(self.learning_rate)
        )
        users = np.flatnonzero(interactions.user_counts() > 0)
        data = batches.of_users(users, batch_size=self.batch_size, seed=self.seed)
        self._snapshots = []

        def keep(epoch, logs):
            if epoch >= self.epochs - self.snapshots:
                self._snapshots.append(self.gan.discriminator.get_weights())

        self.history = self.gan.fit(
            data.dataset(0),
            steps_per_epoch=data.steps_per_epoch,
            epochs=self.epochs,
            callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=keep)],
            verbose=0,
        ).history
        return self

    def _profiles(self, interactions: Interactions) -> DeviatingProfiles:
        return DeviatingProfiles(interactions, self._mean, self._scale or 1.0)

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        profiles = self._profiles(interactions)
        discriminator, last = self.gan.discriminator, self.gan.discriminator.get_weights()
        users = np.flatnonzero(interactions.user_counts() > 0)
        scores = np.zeros(interactions.num_users)
        for weights in self._snapshots:
            discriminator.set_weights(weights)
            for start in range(0, len(users), _BLOCK):
                block = users[start : start + _BLOCK]
                logits = discriminator(profiles(tf.constant(block, tf.int32)), training=False)
                scores[block] -= logits[:, 0].numpy() / len(self._snapshots)
        discriminator.set_weights(last)
        return scores
