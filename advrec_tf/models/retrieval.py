"""Two-tower retrieval on TensorFlow Recommenders.

`tfrs.tasks.Retrieval` does the in-batch softmax; what this module adds around it is what
decides its quality: cosine scores with a temperature, the logQ correction for the
popularity of in-batch negatives, and a mask over everything in the batch that the user is
known to have, not only over repeats of the same item.
"""

from __future__ import annotations

import warnings

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf import _tfrs
from advrec_tf._keras import float32_layers, keras, require_keras_2
from advrec_tf.data.histories import PairTable
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.compositional import IdTable
from advrec_tf.models.context import ContextVectors, context_tower
from advrec_tf.models.factorization.samplers import require_negatives
from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.own_batches import require_pairs
from advrec_tf.models.replicas import candidates_of_all, mean_compiled_apart, mean_over_replicas
from advrec_tf.models.saving import model_config, model_from_config
from advrec_tf.models.towers import entity_towers, in_blocks
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.models.vectors import VectorRecommender

PAIR_TABLE_LIMIT = 2**29
"""Bytes allowed for the table of known pairs; above, only accidental hits are masked."""


@keras.utils.register_keras_serializable("advrec_tf")
class TwoTower(RecommenderModel):
    """Query and candidate tower under an in-batch softmax.

    Yi et al. 2019 (sampling-bias-corrected neural modeling, RecSys): example b is scored
    against every candidate c of the batch by (u_b . v_c) / temperature - log q_c with q_c
    the fraction of training interactions that are of item c.

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
        if not temperature > 0:
            raise ValueError(f"`temperature` should be > 0. Received: {temperature!r}.")
        self.user_tower = user_tower
        self.item_tower = item_tower
        self.contexts = None
        self.context_tower = context_tower
        if context_tower is not None:
            self.contexts = ContextVectors(context_tower, interactions)
        self.interactions = interactions
        self.temperature = temperature
        counts = interactions.item_counts().astype(np.float64)
        self._item_probability = (
            tf.constant(counts / max(len(interactions), 1), tf.float32) if logq else None
        )
        size = PairTable.size_in_bytes(interactions.num_users, interactions.num_items)
        if mask_known and size > PAIR_TABLE_LIMIT:
            warnings.warn(
                f"`mask_known` needs {size / 2**20:.0f} MiB for "
                f"{interactions.num_users} x {interactions.num_items} pairs, over the limit of "
                f"{PAIR_TABLE_LIMIT / 2**20:.0f} MiB: only repeats of the positive are hidden.",
                stacklevel=2,
            )
            mask_known = False
        self._known = PairTable(interactions) if mask_known else None
        with float32_layers():
            self.task = _tfrs.Retrieval(
                loss=keras.losses.CategoricalCrossentropy(from_logits=True, reduction="none"),
                temperature=temperature,
                remove_accidental_hits=True,
            )
        self.built = True

    @property
    def saves_whole(self) -> bool:
        return type(self) is TwoTower  # other towers have parts that no file describes

    @property
    def replicated(self) -> bool:
        return type(self) is TwoTower

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
            row_losses = self._losses_among_candidates(inputs, training)
            return mean_over_replicas(row_losses, inputs["weight"])
        users = inputs["user_index"]
        vectors, items, generated = candidates_of_all(
            [self.embed_items(inputs, training), inputs["item_index"], inputs["generated"]]
        )
        given = (self.embed_users(inputs, training), vectors, users, items, generated)
        return mean_compiled_apart(self._losses_among_batch, given, inputs["weight"])

    def _losses_among_batch(self, queries, vectors, users, items, generated) -> tf.Tensor:
        """[batch]: the loss of each example, whose own item is the candidate in its place.

        Args:
            queries, users: [batch, dim] and [batch] int32.
            vectors, items, generated: [candidates, dim], [candidates] int32 and bool.
        """
        positive = tf.eye(tf.size(users), tf.size(items), dtype=tf.bool)
        hidden = generated[None, :] & ~positive
        if self._known is not None:
            hidden |= self._known.known(users, items) & ~positive
        probability = None
        if self._item_probability is not None:
            probability = tf.gather(self._item_probability, items)
            # The item of a generated pair is no negative, so it needs no correction; one that
            # nobody has interacted with would otherwise get log 0.
            probability = tf.where(generated, tf.reduce_mean(probability), probability)
        with float32_layers():  # the task makes some at each call
            return self.task(
                queries,
                vectors,
                candidate_sampling_probability=probability,
                candidate_ids=items,
                score_mask=~hidden,
                compute_metrics=False,
                compute_batch_metrics=False,
            )

    def _losses_among_candidates(self, inputs: dict[str, tf.Tensor], training: bool) -> tf.Tensor:
        """[batch]: -log softmax over the batch's candidates at the example's own, `column`.

        Hidden are the user's other known positives and the places left over; log q is that
        of the candidates, which the batch brings along.
        """
        items = inputs["candidate_index"]
        candidates = self.embed_items({**inputs, "item_index": items}, training)
        users = self.embed_users(inputs, training)
        logits = tf.matmul(users, candidates, transpose_b=True) / self.temperature
        if self._item_probability is not None:
            logits -= inputs["candidate_log_q"][None, :]
        positive = inputs["column"][:, None] == tf.range(tf.size(items))[None, :]
        hidden = ~inputs["candidate_open"][None, :]
        if self._known is not None:
            hidden |= self._known.known(inputs["user_index"], items)
        logits = tf.where(hidden & ~positive, -1e9, logits)
        return tf.nn.sparse_softmax_cross_entropy_with_logits(inputs["column"], logits)

    def negative_logits(
        self, inputs: dict[str, tf.Tensor], users: tf.Tensor, items: tf.Tensor
    ) -> tf.Tensor:
        """Embedded users [batch, dim] against the batch's items as negatives, [batch, batch]:
        over the temperature, less log q; -1e9 where the user is known to have the item (the
        example's own positive among them) or the item is of a generated pair."""
        index = inputs["item_index"]
        logits = tf.matmul(users, items, transpose_b=True) / self.temperature
        if self._item_probability is not None:
            probability = tf.gather(self._item_probability, index)
            logits -= tf.math.log(tf.maximum(probability, 1e-12))[None, :]
        hidden = (index[:, None] == index[None, :]) | inputs["generated"][None, :]
        if self._known is not None:
            hidden |= self._known.known(inputs["user_index"], index)
        return tf.where(hidden, -1e9, logits)

    @property
    def mean_log_probability(self) -> float:
        """Mean over the training interactions of log q of their items, the logQ correction of an
        item that is not in training; 0 without the correction."""
        if self._item_probability is None:
            return 0.0
        probability = self._item_probability.numpy()
        known = probability[probability > 0]
        return float(np.log(known).mean())

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
