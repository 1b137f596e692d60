"""Scores of a served next-item model: its encoder runs in the graph, over histories in order.

Which ids a request names, and lists, are left to `serving.sequences`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.models.base import Recommender
from advrec_tf.models.blend import HistoryBlend
from advrec_tf.models.sequential.history_scores import scores_of
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.serving.module import frozen
from advrec_tf.serving.scorers import Scorer

HistoryModel = SequenceModel | Transitions | HistoryBlend
"""What is asked by the items of a history in order."""


class SequenceScorer(Scorer):
    """score(u, i) = what a next-item model gives item i after the last items of user u.

    Args:
        model: a trained sequence model, transition counts, or a blend of such models.
        unknown: [num_items] float32, the scores of a user without any history.
    """

    kind, from_histories = "next item", True

    def __init__(self, model: HistoryModel, unknown: np.ndarray):
        super().__init__(name="sequence_scorer")
        windows = model.own_windows
        nobody = np.full((1, windows.length), NONE, np.int32)
        self._model = lambda: model  # behind a function, so that Keras is not saved
        self.weights = [weight for network in networks_of(model) for weight in _weights_of(network)]
        self.unknown = frozen(unknown, "unknown_user")
        self.windows = frozen(np.concatenate([windows.items, nobody]), "windows")
        self.gaps = None
        self.reads_users = getattr(model, "reads_users", False)
        if getattr(model, "reads_gaps", False):
            gaps = np.concatenate([windows.gaps(), np.zeros(nobody.shape, np.float32)])
            self.gaps = frozen(gaps, "gaps")

    def scores(self, user_index):
        gap = None if self.gaps is None else tf.gather(self.gaps, user_index)
        return self.of_history(tf.gather(self.windows, user_index), gap, user_index)

    def of_history(
        self,
        history: tf.Tensor,
        gap: tf.Tensor | None = None,
        user: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """[batch, n] int32, the latest at the right, `NONE` at the left, and whose they are [batch]
        int32, by default nobody's -> [batch, num_items]; `unknown` where there is no item."""
        scores = scores_of(self._model(), history, gap, user)
        there = tf.reduce_any(history != NONE, axis=1, keepdims=True)
        return tf.where(there, scores, self.unknown[None, :])

    def expected(self, history: np.ndarray, user: np.ndarray | None = None) -> np.ndarray:
        """`of_history` by the model in memory: [n, length] and [n] -> [n, num_items]."""
        own = None if user is None else tf.constant(user, tf.int32)
        return self.of_history(tf.constant(history, tf.int32), user=own).numpy()


class StateScorer(SequenceScorer):
    """The scores of a sequence model, which are products of a state and the items' vectors.

    Args:
        model: a trained sequence model.
        unknown: as of `SequenceScorer`.
    """

    def __init__(self, model: SequenceModel, unknown: np.ndarray):
        super().__init__(model, unknown)
        self._network = lambda: model

    def states(
        self,
        history: tf.Tensor,
        gap: tf.Tensor | None = None,
        user: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """As `of_history` -> [batch, dim], what items are compared with."""
        return self._network().last_states(history, gap, user)

    def user_rows(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, dim], the states after the last items of users."""
        gap = None if self.gaps is None else tf.gather(self.gaps, user_index)
        return self.states(tf.gather(self.windows, user_index), gap, user_index)

    def item_rows(self, item_index: tf.Tensor) -> tf.Tensor:
        """[...] int32 -> [..., dim], the vectors that states are compared with."""
        return self._network().items(item_index)

    def scores_of(self, states: tf.Tensor) -> tf.Tensor:
        """[batch, dim] -> [batch, num_items]."""
        return tf.matmul(states, self._network().items(None), transpose_b=True)

    def without_history(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch] bool."""
        return tf.reduce_all(tf.gather(self.windows, user_index) == NONE, axis=1)


def _weights_of(network: SequenceModel) -> list[tf.Variable]:
    users = network.user_rows.weights if network.reads_users else []
    return [*network.encoder.weights, *network.item_rows.weights, *users]


def networks_of(model: Recommender) -> list[SequenceModel]:
    """The sequence models that a next-item model is or is made of."""
    if isinstance(model, SequenceModel):
        return [model]
    return [network for member in getattr(model, "members", ()) for network in networks_of(member)]
