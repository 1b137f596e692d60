"""A denoising softmax autoencoder over user profiles, ready for an adversary.

The network reads a user's items with some of them hidden and predicts the hidden ones by a
softmax over what is not in the input, so it is trained on exactly the ranking task. Its
item vectors come out of a layer of their own: perturbing that layer's output
(`AdversarialTraining(model, ..., layers=[model.item_layer])`) gives each item vector its
worst case, which raised accuracy above random noise of equal size where other
perturbations did not. Scores are a dot product, so the model is served as vectors.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from advrec_tf import losses
from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.recommender_model import RecommenderModel
from advrec_tf.models.towers import in_blocks

_HIDDEN = -1e9


class ItemVectors(keras.layers.Layer):
    """All item vectors as a layer's output [num_items, dim], whatever the input."""

    def __init__(self, num_items: int, dim: int, *, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.vectors = self.add_weight(
            name="vectors",
            shape=[num_items, dim],
            initializer=keras.initializers.GlorotUniform(seed=seed),
        )

    def call(self, code):
        return tf.identity(self.vectors)


def build_encoder(num_items: int, *, dim: int, seed: int = 0) -> keras.Model:
    """Profile [batch, num_items], 0/1 -> code [batch, dim] in (-1, 1).

    The profile is scaled to length 1 first, so users of any activity look alike in size.
    """
    profile = keras.Input(shape=(num_items,), name="profile")
    x = keras.layers.UnitNormalization(name="unit_profile")(profile)
    code = keras.layers.Dense(
        dim,
        activation="tanh",
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed),
        name="code",
    )(x)
    return keras.Model(profile, code, name="encoder")


class ProfileAutoencoder(RecommenderModel):
    """code = encoder(profile), logits = code . item vectors + item bias.

    The loss of user u is w_u * sum over hidden items of -log softmax(logits), w_u =
    (hidden items)^-1/2, with the visible items taken out of the softmax (as in Liang et
    al. 2018, arXiv:1802.05814, but on the candidates only); w_u is normalised over the
    batch. A user with fewer than three items teaches nothing and is left out.

    Args:
        interactions: the training rows.
        dim: length of the code and of the item vectors.
        drop: probability that an item is hidden from the input, in (0, 1).

    Raises:
        ValueError: if `drop` lies outside (0, 1).
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int = 200,
        drop: float = 0.2,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not 0 < drop < 1:
            raise ValueError(f"`drop` should lie in (0, 1). Received: {drop!r}.")
        self.interactions = interactions
        self.drop = drop
        self._histories = Histories(interactions.by_user())
        self.encoder = build_encoder(interactions.num_items, dim=dim, seed=2 * seed)
        self.item_layer = ItemVectors(
            interactions.num_items, dim, seed=2 * seed + 1, name="item_vectors"
        )
        counts = interactions.item_counts() + 0.5
        self.item_bias = self.add_weight(
            name="item_bias",
            shape=[interactions.num_items],
            initializer=lambda shape, dtype=None: np.log(counts / counts.mean()).astype("f4"),
        )

    def call(self, profile: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[batch, num_items] -> logits, same shape."""
        code = self.encoder(profile, training=training)
        return tf.matmul(code, self.item_layer(code), transpose_b=True) + self.item_bias

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Loss of a batch from `batches.of_users`, in nats; the mask follows `seed`."""
        profile = self._histories.dense(inputs["user_index"])
        noise = tf.random.stateless_uniform(tf.shape(profile), inputs["seed"])
        visible = profile * tf.cast(noise >= self.drop, tf.float32)
        hidden = profile - visible
        logits = self(visible, training=training) + _HIDDEN * visible
        count = tf.reduce_sum(hidden, 1)
        weight = tf.where(count > 0, tf.math.rsqrt(tf.maximum(count, 1.0)), 0.0)
        weight *= tf.cast(tf.reduce_sum(profile, 1) >= 3, tf.float32)
        return losses.weighted_mean(losses.multinomial(logits, hidden), weight * inputs["weight"])

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self(self._histories.dense(user_index))

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim + 1] float32: the code of the whole profile, and a 1 for the bias."""
        codes = in_blocks(
            lambda users: self.encoder(self._histories.dense(users)),
            self.interactions.num_users,
            block=1024,
        )
        return np.concatenate([codes, np.ones((len(codes), 1), np.float32)], axis=1)

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim + 1] float32: the item vectors, and the bias."""
        return np.concatenate(
            [self.item_layer.vectors.numpy(), self.item_bias.numpy()[:, None]], axis=1
        )
