"""A denoising softmax autoencoder over user profiles, ready for an adversary.

The network reads a user's items with some of them hidden and predicts the hidden ones by a
softmax over what is not in the input, so it is trained on exactly the ranking task. Its
item vectors come out of a layer of their own: perturbing that layer's output
(`AdversarialTraining(model, ..., layers=[model.item_layer])`) gives each item vector its
worst case, which raised accuracy above random noise of equal size where other
perturbations did not. The vectors by which the encoder reads items can be perturbed in the
same way (`model.encoder_item_layer`). Scores are a dot product, so the model is served as
vectors. What all autoencoders over profiles do is in `ProfileModel`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.histories import Histories, known_only
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.rater_counts import LogOfCount
from advrec_tf.models.replicas import mean_over_replicas, own_rows
from advrec_tf.models.towers import in_blocks
from advrec_tf.models.trained import RecommenderModel

_HIDDEN = -1e9
_MIN_ITEMS = 3


class ItemVectors(keras.layers.Layer):
    """All item vectors as a layer's output [num_items, dim], whatever the input."""

    same_on_replicas = True

    def __init__(self, num_items: int, dim: int, *, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.vectors = self.add_weight(
            name="vectors",
            shape=[num_items, dim],
            initializer=keras.initializers.GlorotUniform(seed=seed),
        )

    def call(self, code):
        return tf.identity(self.vectors)


class ProfileCode(keras.layers.Layer):
    """tanh(profile @ item vectors + bias): `Dense`, its kernel out of a layer of its own.

    Attributes:
        item_layer: `ItemVectors`, [num_items, dim].
    """

    def __init__(self, num_items: int, dim: int, *, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.item_layer = ItemVectors(num_items, dim, seed=seed, name="item_vectors")
        self.bias = self.add_weight(name="bias", shape=[dim], initializer="zeros")

    def call(self, profile):
        return tf.tanh(tf.nn.bias_add(tf.matmul(profile, self.item_layer(profile)), self.bias))


def build_encoder(num_items: int, *, dim: int, seed: int = 0) -> keras.Model:
    """Profile [batch, num_items], 0/1 -> code [batch, dim] in (-1, 1).

    The profile is scaled to length 1 first, so profiles of any length have the same size.
    """
    profile = keras.Input(shape=(num_items,), name="profile")
    x = keras.layers.UnitNormalization(name="unit_profile")(profile)
    code = ProfileCode(num_items, dim, seed=seed, name="code")(x)
    return keras.Model(profile, code, name="encoder")


class ProfileModel(RecommenderModel):
    """The base: logits = `representation(profile)` . item vectors + item bias.

    A subclass sets up its encoder and implements `representation` [batch, num_items] ->
    [batch, dim] and `compute_loss`; here is what reads profiles, hides items, weighs users
    and scores.

    Args:
        interactions: the training interactions.
        dim: length of the item vectors.
        drop: probability that an item is hidden from the input, in (0, 1).
        weight_power: a user with n targets weighs n^-weight_power, in [0, 1]: at 0 every
            item counts alike, at 1 every user.
        seed: of the initial item vectors.

    Raises:
        ValueError: if `drop` lies outside (0, 1) or `weight_power` outside [0, 1].
    """

    loss_is_share = True
    replicated = True
    rows_of_weights = ("items",)
    count_law = LogOfCount()

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int,
        drop: float,
        weight_power: float,
        seed: int,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 0 < drop < 1:
            raise ValueError(f"`drop` should lie in (0, 1). Received: {drop!r}.")
        if not 0 <= weight_power <= 1:
            raise ValueError(f"`weight_power` should lie in [0, 1]. Received: {weight_power!r}.")
        self.interactions = interactions
        self.drop = drop
        self.weight_power = weight_power
        self._histories = Histories(interactions.by_user())
        self.item_layer = ItemVectors(interactions.num_items, dim, seed=seed, name="item_vectors")
        counts = interactions.item_counts() + 0.5
        self.item_bias = self.add_weight(
            name="item_bias",
            shape=[interactions.num_items],
            initializer=lambda shape, dtype=None: np.log(counts / counts.mean()).astype("f4"),
        )

    def representation(self, profile: tf.Tensor, training: bool = False) -> tf.Tensor:
        raise NotImplementedError(f"{type(self).__name__} does not define `representation`.")

    def call(self, profile: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[batch, num_items] -> logits, same shape."""
        return self.logits(self.representation(profile, training=training))

    def logits(self, representation: tf.Tensor) -> tf.Tensor:
        """[batch, dim] -> [batch, num_items]."""
        items = self.item_layer(representation)
        return tf.matmul(representation, items, transpose_b=True) + self.item_bias

    def masked_profiles(self, inputs: dict[str, tf.Tensor]) -> tuple[tf.Tensor, tf.Tensor]:
        """Profiles of a batch and the part left visible, both [batch, num_items], by `seed`."""
        user_index = known_only(inputs["user_index"], self.interactions.num_users)
        profile = self._histories.dense(user_index)
        users, items = tf.unstack(tf.shape(profile))
        noise = own_rows(
            lambda count: tf.random.stateless_uniform([count, items], inputs["seed"]), users
        )
        return profile, profile * tf.cast(noise >= self.drop, tf.float32)

    def user_weights(self, profile: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        """[batch]: (targets)^-weight_power; 0 without a target or with fewer than three items."""
        count = tf.reduce_sum(targets, 1)
        held = tf.maximum(count, 1.0)
        # The root has an operation of its own, whose last bit differs from that of `pow`.
        weight = tf.math.rsqrt(held) if self.weight_power == 0.5 else held**-self.weight_power
        weight = tf.where(count > 0, weight, 0.0)
        return weight * tf.cast(tf.reduce_sum(profile, 1) >= _MIN_ITEMS, tf.float32)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self(self._histories.dense(user_index))

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim + 1] float32: the whole profile's, and a 1 for the bias."""
        vectors = in_blocks(
            lambda users: self.representation(self._histories.dense(users)),
            self.interactions.num_users,
            block=1024,
        )
        return np.concatenate([vectors, np.ones((len(vectors), 1), np.float32)], axis=1)

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim + 1] float32: the item vectors, and the bias."""
        return np.concatenate(
            [self.item_layer.vectors.numpy(), self.item_bias.numpy()[:, None]], axis=1
        )


def without_visible(logits: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
    """The logits with visible items (1 in `visible`, same shape) taken out of the softmax."""
    return logits + _HIDDEN * visible


class ProfileAutoencoder(ProfileModel):
    """code = encoder(profile), logits = code . item vectors + item bias.

    The loss of user u is w_u * sum over hidden items of -log softmax(logits), w_u =
    (hidden items)^-weight_power, with the visible items taken out of the softmax (as in
    Liang et al. 2018, arXiv:1802.05814, but on the candidates only); w_u is normalized over
    the batch. A user with fewer than three items is left out.

    Args:
        interactions: the training interactions.
        dim: length of the code and of the item vectors.
        drop: probability that an item is hidden from the input, in (0, 1).
        weight_power: the power in w_u, in [0, 1].
        seed: of the initial weights.

    Attributes:
        item_layer: the item vectors of the softmax, [num_items, dim].
        encoder_item_layer: the item vectors the encoder sums, the same shape. Perturbing
            both (in the manner of ACAE, Yuan et al. 2019) is
            `layers=[model.encoder_item_layer, model.item_layer]`.

    Raises:
        ValueError: if `drop` lies outside (0, 1) or `weight_power` outside [0, 1].
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int = 200,
        drop: float = 0.2,
        weight_power: float = 0.5,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(
            interactions,
            dim=dim,
            drop=drop,
            weight_power=weight_power,
            seed=2 * seed + 1,
            **kwargs,
        )
        self.encoder = build_encoder(interactions.num_items, dim=dim, seed=2 * seed)
        self.encoder_item_layer = self.encoder.get_layer("code").item_layer

    def representation(self, profile: tf.Tensor, training: bool = False) -> tf.Tensor:
        return self.encoder(profile, training=training)

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Loss of a batch from `batches.of_users`, in nats; the mask follows `seed`."""
        profile, visible = self.masked_profiles(inputs)
        hidden = profile - visible
        logits = without_visible(self(visible, training=training), visible)
        weight = self.user_weights(profile, hidden) * inputs["weight"]
        return mean_over_replicas(losses.multinomial(logits, hidden), weight)
