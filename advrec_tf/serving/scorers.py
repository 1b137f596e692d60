"""How a served graph gets its scores: from vectors, from item weights, or from a stored table.

Each scorer holds its numbers as variables, scores a batch of users with TensorFlow in the graph,
and says with NumPy what the right scores of a history are, for the check. Masks, lists and ids are
left to `recommender`, vectors in less than float32 to `small_tables`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import Histories
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.module import frozen


class Scorer(tf.Module):
    """Scores of users 0..num_users - 1; the index `num_users` is every unknown user.

    Attributes:
        kind: a word or two for the metadata.
        from_histories: whether `history_scores` is there.
        by_pairs: whether `pair_scores` costs no more than the pairs; else each user of them costs
            the scores of all items.
    """

    kind: str
    from_histories: bool
    by_pairs = False

    def scores(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32."""
        raise NotImplementedError

    def pair_scores(self, user_index: tf.Tensor, item_index: tf.Tensor) -> tf.Tensor:
        """[batch] and [batch] int32 -> [batch] float32."""
        users, place = tf.unique(user_index)
        return tf.gather_nd(self.scores(users), tf.stack([place, item_index], axis=1))

    def history_scores(self, profile: tf.Tensor) -> tf.Tensor:
        """[batch, num_items] of 0/1, what each user has -> [batch, num_items] float32."""
        raise NotImplementedError

    def expected_history_scores(self, profile: np.ndarray) -> np.ndarray:
        """`history_scores` by NumPy."""
        raise NotImplementedError


class PairedVectors(Scorer):
    """Scores that are products of a vector of the user and one of the item.

    A user who is known by a history alone gets the vector `history_map` makes of it (see
    `scorer_choice.history_map`).

    Attributes:
        dim: of the vectors.
        history_map: [dim, dim] float32, mean of the history's item vectors -> user vector.
    """

    kind, from_histories, by_pairs = "vectors", True, True
    dim: int
    history_map: tf.Variable

    def scores_of(self, users: tf.Tensor) -> tf.Tensor:
        """User vectors [batch, dim] -> [batch, num_items] float32."""
        raise NotImplementedError

    def user_rows(self, user_index: tf.Tensor) -> tf.Tensor:
        """[...] int32 -> [..., dim] float32."""
        raise NotImplementedError

    def item_rows(self, item_index: tf.Tensor) -> tf.Tensor:
        """[...] int32 -> [..., dim] float32."""
        raise NotImplementedError

    def totals(self, profile: tf.Tensor) -> tf.Tensor:
        """[batch, num_items] of 0/1 -> [batch, dim] float32, the sum of the items' vectors."""
        raise NotImplementedError

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """User vectors [num_users + 1, dim], item vectors [num_items, dim] and the map, float32."""
        raise NotImplementedError

    def scores(self, user_index):
        return self.scores_of(self.user_rows(user_index))

    def pair_scores(self, user_index, item_index):
        return tf.reduce_sum(self.user_rows(user_index) * self.item_rows(item_index), axis=1)

    def history_scores(self, profile):
        count = tf.maximum(tf.reduce_sum(profile, 1, keepdims=True), 1.0)
        return self.scores_of(tf.matmul(self.totals(profile) / count, self.history_map))

    def expected_history_scores(self, profile):
        _, items, history_map = self.arrays()
        count = np.maximum(profile.sum(1, keepdims=True), 1.0)
        return (profile @ items) / count @ history_map @ items.T

    def expected_query_scores(self, queries: np.ndarray) -> np.ndarray:
        """Queries [rows, d <= dim], the other dimensions 0 -> [rows, num_items], by NumPy."""
        return queries @ self.arrays()[1][:, : queries.shape[1]].T


class VectorScorer(PairedVectors):
    """score(u, i) = user_vectors[u] . item_vectors[i].

    Args:
        user_vectors: [num_users + 1, dim] float32, the unknown user last.
        item_vectors: [num_items, dim] float32.
        history_map: [dim, dim] float32, mean of the history's item vectors -> user vector.
    """

    def __init__(self, user_vectors, item_vectors, history_map):
        super().__init__(name="vector_scorer")
        given = user_vectors, item_vectors, history_map
        self._arrays = lambda: tuple(np.asarray(one) for one in given)
        self.dim = int(np.shape(item_vectors)[1])
        self.user_vectors = frozen(user_vectors, "user_vectors")
        self.item_vectors = frozen(item_vectors, "item_vectors")
        self.history_map = frozen(history_map, "history_map")

    def scores_of(self, users):
        return tf.matmul(users, self.item_vectors, transpose_b=True)

    def user_rows(self, user_index):
        return tf.gather(self.user_vectors, user_index)

    def item_rows(self, item_index):
        return tf.gather(self.item_vectors, item_index)

    def totals(self, profile):
        return tf.matmul(profile, self.item_vectors)

    def arrays(self):
        return self._arrays()


class ItemWeightScorer(Scorer):
    """score(u, i) = sum over items j of u's history of weights[j, i], as EASE has it.

    Args:
        weights: [num_items, num_items] float32.
        unknown: [num_items] float32, the scores of an unknown user.
        histories: what each user has.
    """

    kind, from_histories = "item weights", True

    def __init__(self, weights, unknown, histories: Histories):
        super().__init__(name="item_weight_scorer")
        self._weights = lambda: np.asarray(weights)
        self.weights = frozen(weights, "weights")
        self.unknown = frozen(unknown, "unknown_user")
        self.histories = histories

    def scores(self, user_index):
        known = user_index < self.histories.row_splits.shape[0] - 2
        scores = tf.matmul(self.histories.dense(user_index), self.weights)
        return tf.where(known[:, None], scores, self.unknown[None, :])

    def history_scores(self, profile):
        return tf.matmul(profile, self.weights)

    def expected_history_scores(self, profile):
        return profile @ self._weights()


class ScoreTable(Scorer):
    """score(u, i) = table[u, i]: for models that are neither of the two.

    Args:
        table: [num_users + 1, num_items] float32, the unknown user last; an item that the model
            never recommends (-infinity) has the score `LOWEST`.
    """

    kind, from_histories, by_pairs = "table of scores", False, True

    def __init__(self, table):
        super().__init__(name="score_table")
        self.table = frozen(np.maximum(table, LOWEST), "scores")

    def scores(self, user_index):
        return tf.gather(self.table, user_index)

    def pair_scores(self, user_index, item_index):
        return tf.gather_nd(self.table, tf.stack([user_index, item_index], axis=1))
