"""A ranking tower: how much will this user like this item, from both embeddings at once.

User and item tower meet in a cross network (Wang et al. 2021, DCN V2, arXiv:2008.13535;
`tfrs.layers.dcn.Cross`) and a small dense head, under `tfrs.tasks.Ranking`. It scores
pairs, so it re-ranks what retrieval found; scoring a whole catalogue is possible but slow.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import float32_layers, keras, require_keras_2
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.compositional import IdTable
from advrec_tf.models.context import ContextVectors, context_tower
from advrec_tf.models.own_batches import require_pairs
from advrec_tf.models.replicas import mean_over_replicas, own_rows
from advrec_tf.models.saving import model_config, model_from_config
from advrec_tf.models.towers import entity_towers, in_blocks, parts_read
from advrec_tf.models.trained import RecommenderModel

OBJECTIVES = ("ratings", "clicks")


def build_head(
    dim: int, *, hidden: Sequence[int] = (64,), parts: int = 2, seed: int = 0
) -> keras.Model:
    """Joined embeddings [batch, parts * dim] -> logit or rating [batch] float32; the parts are
    user, item and, where it is used, context."""
    joined = keras.Input(shape=(parts * dim,), name="joined")
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
        1,
        kernel_initializer=keras.initializers.GlorotUniform(seed=seed + 99),
        name="output",
        dtype="float32",
    )(x)
    squeeze = keras.layers.Reshape((), name="squeeze", dtype="float32")
    return keras.Model(joined, squeeze(out), name="head")


@keras.utils.register_keras_serializable("advrec_tf")
class RankingModel(RecommenderModel):
    """Both towers and the head, for ratings (mean squared error) or clicks (cross-entropy).

    With `objective="clicks"` every example of a batch is a positive and `negatives` uniform
    items of the same user stand beside it as zeros. With "ratings" the batch carries the
    label, NaN where there is none, which counts for nothing, and predictions are centered on the
    training mean.

    Args:
        user_tower, item_tower: index [batch] -> [batch, dim].
        head: [batch, 2 * dim] -> [batch]; 3 * dim with a context.
        interactions: the training interactions.
        objective: "ratings" or "clicks".
        negatives: zeros per click, >= 1.
        l2: factor of the mean squared norm of the looked-up embeddings, >= 0.
        context_tower: encoded columns of the context -> [batch, dim], or None for none.

    Raises:
        ValueError: if the objective is unknown, or "ratings" is asked of data without any.
    """

    loss_is_share = True
    replicated = True
    asynchronous = True
    saves_whole = True
    mixed_precision = True

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
        context_tower: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_keras_2("user_tower", user_tower)
        require_keras_2("item_tower", item_tower)
        if objective not in OBJECTIVES:
            raise ValueError(f"`objective` should be one of {OBJECTIVES}. Received: {objective!r}.")
        rated = interactions.rating_summary if objective == "ratings" else None
        if objective == "ratings" and rated is None:
            raise ValueError('`objective="ratings"` needs ratings. Received data without any.')
        if negatives < 1:
            raise ValueError(f"`negatives` should be >= 1. Received: {negatives!r}.")
        self.user_tower = user_tower
        self.item_tower = item_tower
        self.head = head
        self.context_tower = context_tower
        self.contexts = None
        if context_tower is not None:
            self.contexts = ContextVectors(context_tower, interactions)
        self.interactions = interactions
        self.objective = objective
        self.negatives = negatives
        self.l2 = l2
        self.offset = 0.0 if rated is None else rated.mean
        if objective == "ratings":
            loss = keras.losses.MeanSquaredError(reduction="none")
        else:
            loss = keras.losses.BinaryCrossentropy(from_logits=True, reduction="none")
        with float32_layers():
            self.task = _tfrs.Ranking(loss=loss)
        self.built = True

    def get_config(self):
        return model_config(self, objective=self.objective, negatives=self.negatives, l2=self.l2)

    @classmethod
    def from_config(cls, config):
        return model_from_config(cls, config)

    @property
    def predicts_ratings(self) -> bool:
        """Whether ratings are what it learns."""
        return self.objective == "ratings"

    def call(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """{user_index, item_index}, each [batch] int32, and the columns of the context where the
        model has one -> ratings or click logits [batch]."""
        user = self.user_tower(inputs["user_index"], training=training)
        item = self.item_tower(inputs["item_index"], training=training)
        context = None if self.contexts is None else self.contexts(inputs, training)
        return self.joined(user, item, context, training=training)

    def joined(
        self, user: tf.Tensor, item: tf.Tensor, context: tf.Tensor | None, training: bool = False
    ) -> tf.Tensor:
        """Vectors [batch, dim] of users, items and contexts (None for an unknown one, or where the
        model has none) -> ratings or click logits [batch]."""
        parts = [user, item]
        if self.contexts is not None:
            if context is None:
                context = tf.repeat(self.contexts.mean(), tf.shape(user)[0], axis=0)
            parts.append(context)
        return self.head(tf.concat(parts, -1), training=training) + self.offset

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Weighted mean loss of a batch from `batches.of_pairs` (with `label` for ratings)."""
        inputs = self.completed(inputs)
        require_pairs(inputs)
        users, items, weight = inputs["user_index"], inputs["item_index"], inputs["weight"]
        context = None if self.contexts is None else self.contexts(inputs, training)
        if self.objective == "ratings":
            if "label" not in inputs:
                raise ValueError(
                    "A batch should hold `label` [batch], the ratings, for objective='ratings'. "
                    f"Received the keys: {', '.join(sorted(inputs))}."
                )
            labels = inputs["label"]
            rated = ~tf.math.is_nan(labels)
            labels, weight = tf.where(rated, labels, 0.0), tf.where(rated, weight, 0.0)
        else:
            count = tf.size(items)
            drawn = own_rows(partial(self._drawn_items, inputs["seed"]), count)
            drawn = tf.reshape(tf.transpose(drawn), [-1])
            labels = tf.concat([tf.ones(count), tf.zeros(count * self.negatives)], 0)
            users = tf.tile(users, [1 + self.negatives])
            weight = tf.tile(weight, [1 + self.negatives])
            items = tf.concat([items, drawn], 0)
            if context is not None:
                context = tf.tile(context, [1 + self.negatives, 1])
        user = self.user_tower(users, training=training)
        item = self.item_tower(items, training=training)
        predictions = self.joined(user, item, context, training=training)
        row_losses = self.task(
            labels=labels[:, None], predictions=predictions[:, None], compute_metrics=False
        )
        if self.l2:
            row_losses += self.l2 * tf.reduce_sum(tf.square(user) + tf.square(item), -1)
        return mean_over_replicas(row_losses, weight)

    def _drawn_items(self, seed: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
        """[count, negatives] int32, uniform items."""
        drawn = tf.random.stateless_uniform(
            [count * self.negatives], seed, maxval=self.interactions.num_items, dtype=tf.int32
        )
        return tf.transpose(tf.reshape(drawn, [self.negatives, count]))

    @tf.function(reduce_retracing=True)
    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32, in an unknown context."""
        num_items = self.interactions.num_items
        items = self.item_tower(tf.range(num_items))
        context = None if self.contexts is None else tf.repeat(self.contexts.mean(), num_items, 0)

        def one_user(user):
            return self.joined(tf.tile(user[None, :], [num_items, 1]), items, context)

        users = self.user_tower(user_index)
        return tf.map_fn(one_user, users, parallel_iterations=8)

    def predict_pairs(
        self,
        user_index: np.ndarray,
        item_index: np.ndarray,
        context: pd.DataFrame | None = None,
    ) -> np.ndarray:
        """[pairs] and [pairs] int32 -> ratings, or click probabilities, [pairs] float32.

        Args:
            context: a row for each pair, as `Interactions.context`; None where it is unknown.

        Raises:
            ValueError: if a column of the context is absent.
        """
        pairs = {"user_index": tf.constant(user_index), "item_index": tf.constant(item_index)}
        if context is not None and self.contexts is not None:
            pairs |= self.contexts.encoded(context)

        def block(rows):
            of_rows = {name: tf.gather(value, rows) for name, value in pairs.items()}
            if len(pairs) > 2 or self.contexts is None:
                return self(of_rows)
            users = self.user_tower(of_rows["user_index"])
            return self.joined(users, self.item_tower(of_rows["item_index"]), None)

        outputs = in_blocks(block, len(user_index), block=16384)
        return outputs if self.objective == "ratings" else 1.0 / (1.0 + np.exp(-outputs))


def ranking_tower(
    interactions: Interactions,
    *,
    objective: str = "clicks",
    embedding_dim: int = 32,
    hidden: Sequence[int] = (64,),
    use_features: bool | None = None,
    use_context: bool | None = None,
    id_table: IdTable | None = None,
    seed: int = 0,
    **settings,
) -> RankingModel:
    """Towers and head for a data set, from ids, side tables and the context of interactions.

    Args:
        interactions: the training interactions.
        objective, negatives, l2: see `RankingModel`.
        embedding_dim: width of the vectors of users, items and contexts.
        hidden: units of the hidden layers of the head.
        use_features: whether the towers get the side tables; None for where there are any.
        use_context: whether the head gets the context; None for where there is one.
        id_table: composes the vectors of users, items and columns of the kind `id` from small
            tables; None for a row each.
        seed: of the weights.

    Raises:
        ValueError: if features or a context are asked for and there are none.
    """
    use_features, use_context = parts_read(interactions, use_features, use_context)
    user_tower, item_tower = entity_towers(
        interactions,
        use_features=use_features,
        seed=seed,
        prefix="ranking_",
        embedding_dim=embedding_dim,
        normalize=False,
        initial_scale=0.05,
        id_table=id_table,
    )
    tower = None
    if use_context:
        tower = context_tower(
            interactions,
            embedding_dim=embedding_dim,
            id_table=id_table,
            seed=3000 * seed,
            name="context_tower",
        )
    return RankingModel(
        user_tower,
        item_tower,
        build_head(embedding_dim, hidden=hidden, parts=2 + use_context, seed=1000 * seed),
        interactions,
        objective=objective,
        context_tower=tower,
        name=f"ranking_{objective}",
        **settings,
    )
