"""Factorization with item bias over the whole catalogue, trained against hard negatives.

What IRGAN is made of: the network of its generator and discriminator (`build_scorer`), the draws
from what users have (`Observed`), the ranking loss (`HardNegatives`) and the model its generator
starts from (`DNSFactorization`). Scores are those of all items at once; for catalogues where that
is too many see `models.factorization`.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.replicas import averaged_mean, drawn_for_rows
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.ops.checks import as_number
from advrec_tf.ops.random import stream


def build_scorer(
    num_users: int,
    num_items: int,
    *,
    dim: int = 32,
    initial_scale: float = 0.1,
    seed: int = 0,
    name: str = "scorer",
) -> keras.Model:
    """User index [batch] int32 -> p_u . q_i + b_i of every item, [batch, num_items].

    Factors start normal with deviation `initial_scale`, biases at zero.

    Raises:
        ValueError: if `dim` < 1.
    """
    _require_counts(dim=dim)
    user, item = (
        keras.initializers.RandomNormal(stddev=initial_scale, seed=2 * seed + i) for i in (0, 1)
    )
    index = keras.Input(shape=(), dtype="int32", name="user_index")
    vector = keras.layers.Embedding(
        num_users, dim, embeddings_initializer=user, name=f"{name}_users"
    )(index)
    scores = keras.layers.Dense(num_items, kernel_initializer=item, name=f"{name}_items")(vector)
    return keras.Model(index, scores, name=name)


def scorer_vectors(scorer: keras.Model) -> tuple[np.ndarray, np.ndarray]:
    """The scores of a `build_scorer` as dot products.

    Returns:
        users [num_users, dim + 1] float32, with a 1 for the bias, and items
        [num_items, dim + 1], with the bias.
    """
    users, items, bias = scorer.get_weights()
    ones = np.ones((len(users), 1), np.float32)
    return np.concatenate([users, ones], 1), np.concatenate([items.T, bias[:, None]], 1)


class Observed(tf.Module):
    """The items of each user, for drawing; all shapes but the batch are static (XLA)."""

    def __init__(self, interactions: Interactions):
        super().__init__(name="observed")
        self._histories = Histories(interactions.by_user())

    def counts(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch] float32, how many items each user has."""
        _, mask = self._histories.padded(user_index)
        return tf.reduce_sum(tf.cast(mask, tf.float32), axis=1)

    def profile(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32 of zeros and ones."""
        items, mask = self._histories.padded(user_index)
        row = tf.broadcast_to(tf.range(tf.size(user_index))[:, None], tf.shape(items))
        shape = [tf.size(user_index), self._histories.num_items]
        # Masked places add nothing to whatever item they hold.
        return tf.scatter_nd(tf.stack([row, items], -1), tf.cast(mask, tf.float32), shape)

    def draw(self, user_index: tf.Tensor, count: int, seed: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, count] int32, uniform with replacement.

        For a user without items any item comes back: give such a user no weight.
        """
        items, mask = self._histories.padded(user_index)
        known = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)[:, None]
        shape = tf.stack([tf.size(user_index), count])
        uniform = drawn_for_rows(tf.random.stateless_uniform, shape, seed)
        place = tf.cast(uniform * tf.cast(known, tf.float32), tf.int32)
        place = tf.clip_by_value(place, 0, tf.maximum(known - 1, 0))
        return tf.gather(items, place, batch_dims=1)


def hardest_negative_loss(
    scores: tf.Tensor, positive: tf.Tensor, drawn: tf.Tensor, profile: tf.Tensor
) -> tf.Tensor:
    """BPR of each positive item against the highest scored of the negatives drawn for it.

    Dynamic negative sampling; Zhang et al. 2013 (SIGIR). A drawn item of the user's own is no
    negative; a positive item left without a negative costs nothing.

    Args:
        scores: [batch, num_items] float32.
        positive: [batch, samples] int32.
        drawn: [batch, samples, candidates] int32.
        profile: [batch, num_items], 1 where the item is the user's own.

    Returns:
        [batch, samples], nats, >= 0.
    """
    shape = tf.shape(drawn)
    flat = tf.reshape(drawn, [shape[0], -1])
    own = tf.gather(profile, flat, batch_dims=1) > 0
    negative = tf.where(own, -np.inf, tf.gather(scores, flat, batch_dims=1))
    hardest = tf.reduce_max(tf.reshape(negative, shape), axis=-1)
    found = hardest > -np.inf
    losses_of_pairs = losses.bpr(
        tf.gather(scores, positive, batch_dims=1), tf.where(found, hardest, 0.0)
    )
    return tf.where(found, losses_of_pairs, 0.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class HardNegatives:
    """The ranking loss of dynamic negative sampling over a batch of users.

    Args:
        candidates: negatives drawn for each positive, >= 1; 1 is BPR.
        samples: positives drawn for each user of a batch, >= 1; they stand for all of a user's.

    Raises:
        ValueError: if a number is below 1.
    """

    candidates: int = 8
    samples: int = 64

    def __post_init__(self):
        _require_counts(candidates=self.candidates, samples=self.samples)

    def loss(self, scorer: keras.Model, observed: Observed, inputs, seed, training) -> tf.Tensor:
        """Mean of `hardest_negative_loss` over the positives of the batch, a scalar in nats; users
        weigh by how many they have."""
        users = inputs["user_index"]
        scores = scorer(users, training=training)
        drawn = drawn_for_rows(
            functools.partial(tf.random.stateless_uniform, maxval=scores.shape[-1], dtype=tf.int32),
            tf.stack([tf.size(users), self.samples, self.candidates]),
            stream(seed, "candidates for negatives"),
        )
        positive = observed.draw(users, self.samples, stream(seed, "positives of the user"))
        values = hardest_negative_loss(scores, positive, drawn, observed.profile(users))
        weight = inputs["weight"] * observed.counts(users)
        return averaged_mean(tf.reduce_mean(values, axis=1), weight)


class DNSFactorization(RecommenderModel):
    """score(u, i) = p_u . q_i + b_i, trained against the hardest of some uniform negatives.

    What IRGAN's generator starts from: `irgan.generator.set_weights(model.scorer.get_weights())`.
    Batches come from `batches.of_users`; regularize by the optimizer's `weight_decay`.

    Args:
        interactions: the training interactions.
        dim: factors, >= 1.
        hard_negatives: how many positives and negatives are drawn.
        initial_scale: standard deviation of the initial factors.
        seed: of the initial factors.

    Raises:
        ValueError: if `dim` < 1.
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int = 32,
        hard_negatives: HardNegatives | None = None,
        initial_scale: float = 0.1,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.interactions = interactions
        self.hard_negatives = hard_negatives or HardNegatives()
        self._observed = Observed(interactions)
        self.scorer = build_scorer(
            interactions.num_users,
            interactions.num_items,
            dim=dim,
            initial_scale=initial_scale,
            seed=seed,
        )

    def call(self, user_index: tf.Tensor, training: bool = False) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], the scores."""
        return self.scorer(user_index, training=training)

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Mean loss of a positive of the batch, in nats; draws follow `seed`."""
        return self.hard_negatives.loss(
            self.scorer, self._observed, inputs, inputs["seed"], training
        )

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self.scorer(user_index)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim + 1] float32: the factors, and a 1 for the bias."""
        return scorer_vectors(self.scorer)[0]

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim + 1] float32: the factors, and the bias."""
        return scorer_vectors(self.scorer)[1]


def _require_counts(**counts: int) -> None:
    for name, count in counts.items():
        if not as_number(count) >= 1:
            raise ValueError(f"`{name}` should be >= 1. Received: {count!r}.")
