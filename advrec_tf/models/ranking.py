"""A ranking tower: how much will this user like this item, from both embeddings at once.

User and item tower meet in a cross network (Wang et al. 2021, DCN V2, arXiv:2008.13535;
`tfrs.layers.dcn.Cross`) and a small dense head, under `tfrs.tasks.Ranking`. It scores
pairs, so it re-ranks what retrieval found; scoring a whole catalogue is possible but slow.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.losses import weighted_mean
from advrec_tf.models.towers import build_index_tower, features_of, in_blocks
from advrec_tf.models.trained import RecommenderModel

OBJECTIVES = ("ratings", "clicks")


def build_head(dim: int, *, hidden: Sequence[int] = (64,), seed: int = 0) -> keras.Model:
    """Joined embeddings [batch, 2 * dim] -> logit or rating [batch]."""
    joined = keras.Input(shape=(2 * dim,), name="joined")
    x = _tfrs.Cross(
        kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.01, seed=seed), name="cross"
    )(joined)
    for i, units in enumerate(hidden):
        x = keras.layers.Dense(
            units,
            activation="relu",
            kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 1 + i),
            name=f"hidden_{i}",
        )(x)
    out = keras.layers.Dense(
        1, kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 99), name="output"
    )(x)
    return keras.Model(joined, keras.layers.Reshape((), name="squeeze")(out), name="head")


class RankingModel(RecommenderModel):
    """Both towers and the head, for ratings (mean squared error) or clicks (cross-entropy).

    With `objective="clicks"` every example of a batch is a positive and `negatives` uniform
    items of the same user stand beside it as zeros. With "ratings" the batch carries the
    label, and predictions are centered on the training mean.

    Args:
        user_tower, item_tower: index [batch] -> [batch, dim].
        head: [batch, 2 * dim] -> [batch].
        interactions: the training interactions.
        objective: "ratings" or "clicks".
        negatives: zeros per click, >= 1.
        l2: factor of the mean squared norm of the looked-up embeddings, >= 0.

    Raises:
        ValueError: if the objective is unknown, or "ratings" is asked of data without any.
    """

    def __init__(
        self,
        user_tower: keras.Model,
        item_tower: keras.Model,
        head: keras.Model,
        interactions: Interactions,
        *,
        objective: str = "clicks",
        negatives: int = 4,
        l2: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if objective not in OBJECTIVES:
            raise ValueError(f"`objective` should be one of {OBJECTIVES}. Received: {objective!r}.")
        if objective == "ratings" and interactions.rating is None:
            raise ValueError('`objective="ratings"` needs ratings. Received data without any.')
        if negatives < 1:
            raise ValueError(f"`negatives` should be >= 1. Received: {negatives!r}.")
        self.user_tower = user_tower
        self.item_tower = item_tower
        self.head = head
        self.interactions = interactions
        self.objective = objective
        self.negatives = negatives
        self.l2 = l2
        self.offset = float(interactions.rating.mean()) if objective == "ratings" else 0.0
        if objective == "ratings":
            loss = keras.losses.MeanSquaredError(reduction="none")
        else:
            loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")
        self.task = _tfrs.Ranking(loss=loss)

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """{user_index, item_index}, each [batch] int32 -> ratings or click logits [batch]."""
        user = self.user_tower(inputs["user_index"], training=training)
        item = self.item_tower(inputs["item_index"], training=training)
        return self.head(tf.concat([user, item], -1), training=training) + self.offset

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Weighted mean loss of a batch from `batches.of_pairs` (with `label` for ratings)."""
        users, items, weight = inputs["user_index"], inputs["item_index"], inputs["weight"]
        if self.objective == "ratings":
            labels = inputs["label"]
        else:
            count = tf.size(items)
            drawn = tf.random.stateless_uniform(
                [count * self.negatives],
                inputs["seed"],
                maxval=self.interactions.num_items,
                dtype=tf.int32,
            )
            labels = tf.concat([tf.ones(count), tf.zeros(count * self.negatives)], 0)
            users = tf.tile(users, [1 + self.negatives])
            weight = tf.tile(weight, [1 + self.negatives])
            items = tf.concat([items, drawn], 0)
        user = self.user_tower(users, training=training)
        item = self.item_tower(items, training=training)
        predictions = self.head(tf.concat([user, item], -1), training=training) + self.offset
        row_losses = self.task(
            labels=labels[:, None], predictions=predictions[:, None], compute_metrics=False
        )
        if self.l2:
            row_losses += self.l2 * tf.reduce_sum(tf.square(user) + tf.square(item), -1)
        return weighted_mean(row_losses, weight)

    @tf.function(reduce_retracing=True)
    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        items = self.item_tower(tf.range(self.interactions.num_items))

        def one_user(user):
            repeated = tf.tile(user[None, :], [self.interactions.num_items, 1])
            return self.head(tf.concat([repeated, items], -1))

        users = self.user_tower(user_index)
        return tf.map_fn(one_user, users, parallel_iterations=8) + self.offset

    def predict_pairs(self, user_index: np.ndarray, item_index: np.ndarray) -> np.ndarray:
        """[pairs] and [pairs] int32 -> ratings, or click probabilities, [pairs] float32."""
        user_index, item_index = tf.constant(user_index), tf.constant(item_index)

        def block(rows):
            return self(
                {
                    "user_index": tf.gather(user_index, rows),
                    "item_index": tf.gather(item_index, rows),
                }
            )

        outputs = in_blocks(block, len(user_index), block=16384)
        return outputs if self.objective == "ratings" else 1.0 / (1.0 + np.exp(-outputs))


def ranking_tower(
    interactions: Interactions,
    *,
    objective: str = "clicks",
    embedding_dim: int = 32,
    hidden: Sequence[int] = (64,),
    use_features: bool = True,
    seed: int = 0,
    **settings,
) -> RankingModel:
    """Towers and head for a data set, from ids and, with `use_features`, its side tables."""

    def tower(name, num_ids, table, seed):
        return build_index_tower(
            num_ids,
            embedding_dim=embedding_dim,
            features=features_of(table) if use_features and table is not None else (),
            normalize=False,
            initial_scale=0.05,
            seed=seed,
            name=name,
        )

    return RankingModel(
        tower("ranking_user_tower", interactions.num_users, interactions.user_features, 2 * seed),
        tower(
            "ranking_item_tower", interactions.num_items, interactions.item_features, 2 * seed + 1
        ),
        build_head(embedding_dim, hidden=hidden, seed=1000 * seed),
        interactions,
        objective=objective,
        name=f"ranking_{objective}",
        **settings,
    )
