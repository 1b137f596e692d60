"""A variational autoencoder over user profiles, ready for an adversary.

Mult-VAE (Liang et al. 2018, arXiv:1802.05814) in the terms of `ProfileModel`: the code of a
user is a distribution, a sample of it is decoded in training, its mean in scoring. The last
layer is that of the plain autoencoder, so `AdversarialTraining(model, ...,
layers=[model.item_layer])` perturbs the item vectors here as well.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.autoencoder import ProfileCode, ProfileModel, without_visible
from advrec_tf.models.replicas import mean_over_replicas, own_rows
from advrec_tf.ops.random import stream


def gaussian_kl(mean: tf.Tensor, log_variance: tf.Tensor) -> tf.Tensor:
    """KL divergence of N(mean, exp(log_variance)), independent places, from N(0, 1).

    Kingma & Welling 2014, appendix B (arXiv:1312.6114): sum over the places of
    (mean^2 + exp(log_variance) - 1 - log_variance) / 2.

    Args:
        mean, log_variance: [batch, dim] float32.

    Returns:
        [batch], nats, >= 0; 0 for the standard normal itself.

    Raises:
        ValueError: if the shapes differ.
    """
    if not mean.shape.is_compatible_with(log_variance.shape):
        raise ValueError(
            "`mean` and `log_variance` should have the same shape. "
            f"Received: {mean.shape} and {log_variance.shape}."
        )
    places = tf.square(mean) + tf.exp(log_variance) - 1.0 - log_variance
    return 0.5 * tf.reduce_sum(places, axis=-1)


class GaussianCode(keras.layers.Layer):
    """[batch, width] -> mean and log-variance of the code, each [batch, dim].

    The log-variance starts at zero for every input, the mean does not.
    """

    def __init__(self, dim: int, *, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        initializer = keras.initializers.GlorotUniform(seed=seed)
        self.mean = keras.layers.Dense(dim, kernel_initializer=initializer, name="mean")
        self.log_variance = keras.layers.Dense(dim, kernel_initializer="zeros", name="log_variance")

    def call(self, x):
        return self.mean(x), self.log_variance(x)


def build_gaussian_encoder(
    num_items: int, *, hidden: Sequence[int], dim: int, seed: int = 0
) -> keras.Model:
    """Profile [batch, num_items], 0/1 -> mean and log-variance of the code, [batch, dim] each.

    The profile is scaled to length 1, then goes through `hidden` layers of tanh, one or more.
    """
    profile = keras.Input(shape=(num_items,), name="profile")
    x = keras.layers.UnitNormalization(name="unit_profile")(profile)
    x = ProfileCode(num_items, hidden[0], seed=seed, name="code")(x)
    for i, units in enumerate(hidden[1:], start=1):
        x = _tanh(units, seed + i, name=f"hidden_{i}")(x)
    outputs = GaussianCode(dim, seed=seed + len(hidden), name="gaussian")(x)
    return keras.Model(profile, outputs, name="encoder")


def build_decoder(dim: int, *, hidden: Sequence[int], seed: int = 0) -> keras.Model:
    """Code [batch, dim] -> [batch, hidden[-1]], through layers of tanh; the code where none."""
    code = x = keras.Input(shape=(dim,), name="code")
    for i, units in enumerate(hidden):
        x = _tanh(units, seed + i, name=f"hidden_{i}")(x)
    return keras.Model(code, x, name="decoder")


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvidenceBound:
    """The negative of the evidence lower bound of Liang et al. 2018, eq. 5: the multinomial loss of
    the profile at a sample of the code, plus beta KL(q || N(0, 1)).

    Attributes:
        kl_weight: the largest beta, >= 0.
        kl_steps: updates in which beta grows from 0 to `kl_weight` (their section 2.2.2); 0 starts
            there.
        candidates_only: predict the hidden items alone, with the visible ones taken out of the
            softmax; else, as in the paper, the whole profile among all items.

    Raises:
        ValueError: if a number is negative.
    """

    kl_weight: float = 0.2
    kl_steps: int = 0
    candidates_only: bool = False

    def __post_init__(self):
        if not self.kl_weight >= 0 or self.kl_steps < 0:
            raise ValueError(
                "`kl_weight` and `kl_steps` should be >= 0. "
                f"Received: {self.kl_weight!r} and {self.kl_steps!r}."
            )


class VariationalAutoencoder(ProfileModel):
    """q(z | profile) = N(mean, variance), logits = decoder(z) . item vectors + item bias.

    It trains on `batches.of_users`.

    The mean of the objective over users is weighted by (targets)^-weight_power, 0 in the paper; a
    user with fewer than three items is left out. As in `ProfileAutoencoder` items are hidden
    before the profile is scaled (the paper's dropout comes after), so inputs have length 1 in
    training and in scoring alike.

    Args:
        interactions: the training interactions.
        dim: length of the code, >= 1.
        hidden: widths of the encoder's hidden layers, at least one; the decoder has the same
            in reverse, so item vectors have length `hidden[0]`.
        decoder_hidden: widths of the decoder's hidden layers where they are others; with
            none the item vectors multiply the code itself and have length `dim`.
        drop: probability that an item is hidden from the input, in (0, 1).
        weight_power: see `ProfileModel`.
        objective: what is minimized.
        seed: of the initial weights.

    Attributes:
        item_layer: the item vectors of the softmax.
        encoder_item_layer: the item vectors the encoder sums, [num_items, hidden[0]].

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int = 200,
        hidden: Sequence[int] = (600,),
        decoder_hidden: Sequence[int] | None = None,
        drop: float = 0.5,
        weight_power: float = 0.0,
        objective: EvidenceBound = EvidenceBound(),
        seed: int = 0,
        **kwargs,
    ):
        hidden = tuple(hidden)
        decoder_hidden = hidden[::-1] if decoder_hidden is None else tuple(decoder_hidden)
        if not hidden or min((dim, *hidden, *decoder_hidden)) < 1:
            raise ValueError(
                "`dim`, `hidden` and `decoder_hidden` should hold widths >= 1, `hidden` one or "
                f"more. Received: {dim!r}, {hidden!r} and {decoder_hidden!r}."
            )
        seeds = 100 * seed
        super().__init__(
            interactions,
            dim=(dim, *decoder_hidden)[-1],
            drop=drop,
            weight_power=weight_power,
            seed=seeds,
            **kwargs,
        )
        self.objective = objective
        self.encoder = build_gaussian_encoder(
            interactions.num_items, hidden=hidden, dim=dim, seed=seeds + 1
        )
        self.encoder_item_layer = self.encoder.get_layer("code").item_layer
        self.decoder = build_decoder(dim, hidden=decoder_hidden, seed=seeds + 50)
        self.update_count = tf.Variable(
            0,
            dtype=tf.int64,
            trainable=False,
            name="update_count",
            aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA,
        )

    def representation(self, profile: tf.Tensor, training: bool = False) -> tf.Tensor:
        """What the item vectors are multiplied by, decoded from the mean of the code."""
        mean, _ = self.encoder(profile, training=training)
        return self.decoder(mean, training=training)

    @property
    def beta(self) -> tf.Tensor:
        """Scalar: the weight of the KL divergence at the present update."""
        bound = self.objective
        if not bound.kl_steps:
            return tf.constant(bound.kl_weight, tf.float32)
        done = tf.cast(self.update_count, tf.float32) / float(bound.kl_steps)
        return bound.kl_weight * tf.minimum(done, 1.0)

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Loss of a batch from `batches.of_users`, in nats; mask and sample follow `seed`.

        Items are hidden in any case; the code is sampled in training only.
        """
        profile, visible = self.masked_profiles(inputs)
        mean, log_variance = self.encoder(visible, training=training)
        code = mean
        if training:
            seed = stream(inputs["seed"], "sample of the code")
            noise = own_rows(
                lambda count: tf.random.stateless_normal([count, mean.shape[1]], seed),
                tf.shape(mean)[0],
            )
            code += tf.exp(0.5 * log_variance) * noise
        logits = self.logits(self.decoder(code, training=training))
        targets = profile
        if self.objective.candidates_only:
            targets = profile - visible
            logits = without_visible(logits, visible)
        bound = losses.multinomial(logits, targets) + self.beta * gaussian_kl(mean, log_variance)
        weight = self.user_weights(profile, targets) * inputs["weight"]
        return mean_over_replicas(bound, weight)

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        logs = super().train_step(inputs)
        self.step_done()
        return logs

    def step_done(self) -> None:
        """Counts an update; whatever trains this model as a part of its own says so here."""
        self.update_count.assign_add(1)


def _tanh(units: int, seed: int, name: str) -> keras.layers.Layer:
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, activation="tanh", kernel_initializer=initializer, name=name)
