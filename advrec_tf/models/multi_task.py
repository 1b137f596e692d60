"""Retrieval and ratings by the same towers: one model for the candidates and for their order.

Its two tasks are `TwoTower` and `RankingModel` over shared towers, as in the multi-task tutorial of
TFRS; what each of them minimizes is left to it. Lists come from retrieval, ratings from the head.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.compositional import IdTable
from advrec_tf.models.ranking import RankingModel, build_head
from advrec_tf.models.retrieval import TwoTower, two_tower
from advrec_tf.models.saving import model_config, model_from_config
from advrec_tf.models.towers import parts_read
from advrec_tf.models.trained import RecommenderModel


@keras.utils.register_keras_serializable("advrec_tf")
class MultiTaskModel(RecommenderModel):
    """retrieval_weight * in-batch softmax + ranking_weight * squared error of the ratings.

    An interaction without a rating (NaN) trains retrieval alone.

    Args:
        user_tower, item_tower: index [batch] -> [batch, dim], of both tasks.
        head: [batch, 2 * dim] -> [batch], the ratings; 3 * dim with a context.
        interactions: the training interactions, with ratings.
        context_tower: encoded columns of the context -> [batch, dim], or None for none.
        temperature: of the softmax, > 0.
        retrieval_weight, ranking_weight: factors of the two losses, >= 0 and not both 0.

    Attributes:
        retrieval, ranking: the two tasks as models of their own, with shared towers.

    Raises:
        ValueError: if the interactions have no ratings, or a setting is out of range.
    """

    loss_is_share = True
    replicated = True
    saves_whole = True
    mixed_precision = True
    predicts_ratings = False  # its loss is not theirs alone

    def __init__(
        self,
        user_tower: keras.Model,
        item_tower: keras.Model,
        head: keras.Model,
        interactions: Interactions,
        *,
        context_tower: keras.Model | None = None,
        temperature: float = 0.12,
        retrieval_weight: float = 1.0,
        ranking_weight: float = 1.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        weights = (retrieval_weight, ranking_weight)
        if not (min(weights) >= 0 and max(weights) > 0):
            raise ValueError(
                "`retrieval_weight` and `ranking_weight` should be >= 0, and one of them > 0. "
                f"Received: {retrieval_weight!r} and {ranking_weight!r}."
            )
        self.interactions = interactions
        towers = {"context_tower": context_tower}
        self.retrieval = TwoTower(
            user_tower, item_tower, interactions, temperature=temperature, **towers
        )
        self.ranking = RankingModel(
            user_tower, item_tower, head, interactions, objective="ratings", **towers
        )
        self.retrieval_weight, self.ranking_weight = weights
        self._retrieval_loss = keras.metrics.Mean(name="retrieval_loss")
        self._ranking_loss = keras.metrics.Mean(name="ranking_loss")
        self.built = True

    @property
    def user_tower(self) -> keras.Model:
        return self.retrieval.user_tower

    @property
    def item_tower(self) -> keras.Model:
        return self.retrieval.item_tower

    @property
    def context_tower(self) -> keras.Model | None:
        return self.retrieval.context_tower

    @property
    def head(self) -> keras.Model:
        return self.ranking.head

    @property
    def metrics(self):
        return [self._epoch_loss, self._retrieval_loss, self._ranking_loss]

    def get_config(self):
        return model_config(
            self,
            temperature=self.retrieval.temperature,
            retrieval_weight=self.retrieval_weight,
            ranking_weight=self.ranking_weight,
        )

    @classmethod
    def from_config(cls, config):
        return model_from_config(cls, config)

    def call(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], the scores of retrieval."""
        return self.retrieval.score(user_index)

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The weighted sum of both losses of a batch from `batches.of_pairs` with `label`."""
        inputs = self.completed(inputs)
        retrieval = self.retrieval.compute_loss(inputs, training)
        ranking = self.ranking.compute_loss(inputs, training)
        self._retrieval_loss.update_state(self.of_global_batch(retrieval))
        self._ranking_loss.update_state(self.of_global_batch(ranking))
        return self.retrieval_weight * retrieval + self.ranking_weight * ranking

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self.retrieval.score(user_index)

    def frozen(self):
        return self.retrieval.frozen()

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim] float32, those of retrieval."""
        return self.retrieval.user_vectors()

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32, those of retrieval."""
        return self.retrieval.item_vectors()

    def predict_pairs(
        self,
        user_index: np.ndarray,
        item_index: np.ndarray,
        context: pd.DataFrame | None = None,
    ) -> np.ndarray:
        """Ratings, see `RankingModel.predict_pairs`."""
        return self.ranking.predict_pairs(user_index, item_index, context)


def multi_task_tower(
    interactions: Interactions,
    *,
    embedding_dim: int = 64,
    hidden: Sequence[int] = (64,),
    use_features: bool | None = None,
    use_context: bool | None = None,
    id_table: IdTable | None = None,
    seed: int = 0,
    **settings,
) -> MultiTaskModel:
    """Towers and head for a data set with ratings, from ids, side tables and the context.

    Args:
        interactions: the training interactions.
        embedding_dim: width of the vectors of users, items and contexts.
        hidden: units of the hidden layers of the head.
        use_features: whether the towers get the side tables; None for where there are any.
        use_context: whether query and head get the context; None for where there is one.
        id_table: as of `ranking_tower`.
        seed: of the weights.
        **settings: `temperature`, `retrieval_weight` and `ranking_weight` of `MultiTaskModel`.

    Raises:
        ValueError: if features or a context are asked for and there are none, or there are no
            ratings.
    """
    use_features, use_context = parts_read(interactions, use_features, use_context)
    towers = two_tower(
        interactions,
        embedding_dim=embedding_dim,
        use_features=use_features,
        use_context=use_context,
        id_table=id_table,
        seed=seed,
    )
    return MultiTaskModel(
        towers.user_tower,
        towers.item_tower,
        build_head(embedding_dim, hidden=hidden, parts=2 + use_context, seed=1000 * seed),
        interactions,
        context_tower=towers.context_tower,
        name="multi_task",
        **settings,
    )
