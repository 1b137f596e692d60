"""Two-tower retrieval on TensorFlow Recommenders.

The loss is the softmax of `models.in_batch`; this module has the towers, what they embed of a
batch, and the vectors that lists are made of.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras, require_keras_2
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.compositional import IdTable
from advrec_tf.models.context import ContextVectors, context_tower
from advrec_tf.models.factorization.samplers import require_negatives
from advrec_tf.models.in_batch import InBatchSoftmax
from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.own_batches import require_pairs
from advrec_tf.models.rater_counts import LogOfCount
from advrec_tf.models.replicas import (
    candidates_of_all,
    mean_compiled_apart,
    mean_over_replicas,
    same_on_replicas,
)
from advrec_tf.models.saving import model_config, model_from_config
from advrec_tf.models.towers import entity_towers, in_blocks
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.ops.distinct import distinct


@keras.utils.register_keras_serializable("advrec_tf")
class TwoTower(RecommenderModel):
    """Query and candidate tower under an in-batch softmax.

    Yi et al. 2019 (sampling-bias-corrected neural modeling, RecSys): example b is scored
    against every candidate c of the batch by (u_b . v_c) / temperature - log q_c with q_c
    the fraction of training interactions that are of item c.

    Each item of the batch is embedded and scored once, and counts as often as it occurs: the same
    loss, for a part of the time where batches are large beside the catalogue. So an adversary
    moves a vector of an item once for all its examples, as He et al. 2018 do.

    Args:
        user_tower, item_tower: functional models, index [batch] -> [batch, dim].
        interactions: the training interactions: known pairs, item frequencies, ids.
        temperature: > 0; about .1 to .2 with unit vectors.
        logq: whether to correct for item frequency.
        mask_known: hide the user's other known positives among the negatives; where the
            table of pairs would exceed `PAIR_TABLE_LIMIT` only the same item is hidden,
            with a warning.
        items_at_once: how many items the tower embeds at a time outside of training; fewer
            where an item costs much memory, as a text does.
        context_tower: encoded columns of the context -> [batch, dim]; the query is then the unit
            vector of user + context, and in an unknown context that of user + mean context.

    Raises:
        ValueError: if `temperature` is not positive.
    """

    loss_is_share = True
    mixed_precision = True
    one_vector_per_item = True
    """Whether an item has the same vector in all its places of a batch."""

    def __init__(
        self,
        user_tower: keras.Model,
        item_tower: keras.Model,
        interactions: Interactions,
        *,
        temperature: float = 0.12,
        logq: bool = True,
        mask_known: bool = True,
        items_at_once: int = 4096,
        context_tower: keras.Model | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        require_keras_2("user_tower", user_tower)
        require_keras_2("item_tower", item_tower)
        self.items_at_once = items_at_once
        self._settings = {
            "temperature": temperature,
            "logq": logq,
            "mask_known": mask_known,
            "items_at_once": items_at_once,
        }
        self.user_tower = user_tower
        self.item_tower = item_tower
        self.contexts = None
        self.context_tower = context_tower
        if context_tower is not None:
            self.contexts = ContextVectors(context_tower, interactions)
        self.interactions = interactions
        self.temperature = temperature
        self.softmax = InBatchSoftmax(
            interactions, temperature=temperature, logq=logq, mask_known=mask_known
        )
        self.built = True

    @property
    def saves_whole(self) -> bool:
        return type(self) is TwoTower  # other towers have parts that no file describes

    @property
    def replicated(self) -> bool:
        return type(self) is TwoTower

    @property
    def asynchronous(self) -> bool:
        return self.replicated

    def get_config(self):
        return model_config(self, **self._settings)

    @classmethod
    def from_config(cls, config):
        return model_from_config(cls, config)

    def call(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], the scores."""
        return self.score(user_index)

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Weighted mean cross-entropy, in nats, of a batch from `batches.of_pairs` or from
        `item_batches.of_items`, whose items stand among its candidates.

        Raises:
            ValueError: if the batch has one candidate, and so no negative; or lacks users or items.
        """
        inputs = self.completed(inputs)
        require_pairs(inputs)
        among_candidates = "candidate_index" in inputs
        require_negatives(inputs["candidate_index" if among_candidates else "item_index"])
        if among_candidates:
            candidates = {**inputs, "item_index": inputs["candidate_index"]}
            vectors = self.embed_items(candidates, training)
            queries = self.embed_users(inputs, training)
            row_losses = self.softmax.over_candidates(queries, vectors, inputs)
            return mean_over_replicas(row_losses, inputs["weight"])
        form = self._items_once if self.one_vector_per_item else self._items_by_place
        losses, vectors, *candidates = form(inputs, training)
        queries = self.embed_users(inputs, training)
        given = (queries, vectors, inputs["user_index"], *candidates)
        return mean_compiled_apart(losses, given, inputs["weight"])

    def _items_by_place(self, inputs: dict[str, tf.Tensor], training: bool):
        """A loss of `InBatchSoftmax` and what it takes of the batch's items."""
        vectors = self.embed_items(inputs, training)
        candidates = [vectors, inputs["item_index"], inputs["generated"]]
        return self.softmax.over_places, *candidates_of_all(candidates)

    def _items_once(self, inputs: dict[str, tf.Tensor], training: bool):
        """As `_items_by_place`, each item once."""
        items, generated = candidates_of_all([inputs["item_index"], inputs["generated"]])
        size = tf.minimum(tf.size(items), self.interactions.num_items)
        items, count, place = distinct(items, size, counted=~generated)
        with same_on_replicas():
            vectors = self.embed_items({**inputs, "item_index": items}, training)
        return self.softmax.over_items, vectors, items, count, place, generated

    def embed_users(self, inputs: dict[str, tf.Tensor], training: bool) -> tf.Tensor:
        """The users of a batch, [batch, dim]."""
        users = self.user_tower(inputs["user_index"], training=training)
        if self.contexts is None:
            return users
        return tf.math.l2_normalize(users + self.contexts(inputs, training), -1)

    def _queries(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, dim], in an unknown context where the model has one."""
        users = self.user_tower(user_index)
        if self.contexts is None:
            return users
        return tf.math.l2_normalize(users + self.contexts.mean(), -1)

    def embed_items(self, inputs: dict[str, tf.Tensor], training: bool) -> tf.Tensor:
        """The positives of a batch, [batch, dim]."""
        return self.item_tower(inputs["item_index"], training=training)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim] float32, divided by the temperature: dot products are logits."""
        found = in_blocks(self._queries, self.interactions.num_users)
        return found / np.float32(self.temperature)

    def new_user_vectors(
        self, users: pd.DataFrame | None = None, context: pd.DataFrame | None = None
    ) -> np.ndarray:
        """[rows, dim] float32, `user_vectors` of users who were not there in training, by their
        columns; see `new_users.NewUsers.vectors`."""
        return NewUsers.of(self).vectors(users, context)

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32."""
        return in_blocks(self.item_tower, self.interactions.num_items, self.items_at_once)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        items = self.item_tower(tf.range(self.interactions.num_items))
        return tf.matmul(self._queries(user_index), items, transpose_b=True) / self.temperature

    @property
    def count_law(self) -> LogOfCount | None:
        """Logits of a softmax, where they are corrected for how often items are candidates."""
        return LogOfCount() if self._settings["logq"] else None

    def frozen(self) -> VectorRecommender:
        """The vectors as they are now: no tower runs again for each block of users."""
        users, items = self.user_vectors(), self.item_vectors()
        return VectorRecommender(
            user_vectors=users,
            item_vectors=items,
            unknown_user=np.zeros(users.shape[1], np.float32),
            interactions=self.interactions,
        )


def two_tower(
    interactions: Interactions,
    *,
    embedding_dim: int = 128,
    hidden: tuple[int, ...] = (),
    use_features: bool = False,
    use_context: bool = False,
    temperature: float = 0.12,
    id_table: IdTable | None = None,
    seed: int = 0,
    **kwargs,
) -> TwoTower:
    """Both towers for a data set, from ids and, with `use_features`, its side tables; with
    `use_context` the query follows the context of the interaction as well. With `id_table` the
    vectors of users, items and columns of the kind `id` are composed from small tables.

    Raises:
        ValueError: if features or a context are asked for and there are none.
    """
    user_tower, item_tower = entity_towers(
        interactions,
        use_features=use_features,
        embedding_dim=embedding_dim,
        hidden=hidden,
        id_table=id_table,
        seed=seed,
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
    return TwoTower(
        user_tower,
        item_tower,
        interactions,
        temperature=temperature,
        context_tower=tower,
        name="two_tower",
        **kwargs,
    )
