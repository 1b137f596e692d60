"""The served next-item model: its encoder runs in the graph, over histories in order.

A known user is served by the last items of the training interactions, anybody by the history of a
request, whose ids stand in order of time, the latest last. Ids that are unknown, and padding, are
skipped wherever they stand.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.models.base import Recommender, log_popularity
from advrec_tf.models.blend import HistoryBlend
from advrec_tf.models.sequential.model import HistoryScores, SequenceModel
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.serving.lists import LOWEST, NO_ITEM, Reference
from advrec_tf.serving.module import Case, frozen
from advrec_tf.serving.recommender import CELLS, ServedRecommender
from advrec_tf.serving.scorers import Scorer

LEAST_BATCH = 16
"""Users that a request may hold, however long the histories are."""


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
        self.weights = [
            weight
            for network in networks_of(model)
            for weight in (*network.encoder.weights, *network.item_rows.weights)
        ]
        self.unknown = frozen(unknown, "unknown_user")
        self.windows = frozen(np.concatenate([windows.items, nobody]), "windows")
        self.gaps = None
        self._reads_gaps = getattr(model, "reads_gaps", False)
        if self._reads_gaps:
            gaps = np.concatenate([windows.gaps(), np.zeros(nobody.shape, np.float32)])
            self.gaps = frozen(gaps, "gaps")

    def scores(self, user_index):
        gap = None if self.gaps is None else tf.gather(self.gaps, user_index)
        return self.of_history(tf.gather(self.windows, user_index), gap)

    def of_history(self, history: tf.Tensor, gap: tf.Tensor | None = None) -> tf.Tensor:
        """[batch, n] int32, the latest at the right, `NONE` at the left -> [batch, num_items];
        `unknown` where there is no item."""
        read = (history, gap) if self._reads_gaps else (history,)
        scores = self._model().score_history(*read)
        there = tf.reduce_any(history != NONE, axis=1, keepdims=True)
        return tf.where(there, scores, self.unknown[None, :])

    def expected(self, history: np.ndarray) -> np.ndarray:
        """`of_history` by the model in memory, a history at a time."""
        rows = [self.of_history(tf.constant(row[None], tf.int32)).numpy() for row in history]
        return np.concatenate(rows)


class StateScorer(SequenceScorer):
    """The scores of a sequence model, which are products of a state and the items' vectors.

    Args:
        model: a trained sequence model.
        unknown: as of `SequenceScorer`.
    """

    def __init__(self, model: SequenceModel, unknown: np.ndarray):
        super().__init__(model, unknown)
        self._network = lambda: model

    def states(self, history: tf.Tensor, gap: tf.Tensor | None = None) -> tf.Tensor:
        """As `of_history` -> [batch, dim], what items are compared with."""
        return self._network().last_states(history, gap)

    def user_rows(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, dim], the states after the last items of users."""
        gap = None if self.gaps is None else tf.gather(self.gaps, user_index)
        return self.states(tf.gather(self.windows, user_index), gap)

    def item_rows(self, item_index: tf.Tensor) -> tf.Tensor:
        """[...] int32 -> [..., dim], the vectors that states are compared with."""
        return self._network().items(item_index)

    def scores_of(self, states: tf.Tensor) -> tf.Tensor:
        """[batch, dim] -> [batch, num_items]."""
        return tf.matmul(states, self._network().items(None), transpose_b=True)

    def without_history(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch] bool."""
        return tf.reduce_all(tf.gather(self.windows, user_index) == NONE, axis=1)


def networks_of(model: Recommender) -> list[SequenceModel]:
    """The sequence models that a next-item model is or is made of."""
    if isinstance(model, SequenceModel):
        return [model]
    return [network for member in getattr(model, "members", ()) for network in networks_of(member)]


class ServedSequences(ServedRecommender):
    """Signatures as `ServedRecommender`; in `recommend_from_history` the order of the ids counts,
    the latest last.

    Args:
        model: a trained sequence model, transition counts, or a blend of such models.
        repeats: whether an item of the history may be recommended again to who is known by a
            history alone.
        k, max_k: as in `ServedRecommender`.
    """

    def __init__(self, model: HistoryModel, *, repeats: bool = False, k: int = 10, max_k=100):
        data = model.interactions
        unknown = log_popularity(data)

        # Who has no history is served what is popular.
        known = HistoryScores(model, model.own_windows, data)

        def score(index: np.ndarray) -> np.ndarray:
            return np.asarray(known.score(tf.constant(index, tf.int32)))

        scorer: SequenceScorer
        if isinstance(model, SequenceModel):
            scorer = StateScorer(model, unknown)
        else:
            scorer = SequenceScorer(model, unknown)
        super().__init__(
            scorer,
            data,
            score=score,
            unknown_scores=unknown,
            k=k,
            max_k=max_k,
        )
        self.repeats = repeats
        # Attention of a few heads over all pairs of places, and some layers as wide as the hidden
        # one: what a user takes in the encoder beside the scores.
        cells = sum(
            network.length * (4 * network.length + 16 * network.encoder.output.shape[-1])
            for network in networks_of(model)
        )
        self.max_batch = max(LEAST_BATCH, min(self.max_batch, CELLS // max(cells, 1)))

    def in_order(self, item_id: tf.Tensor) -> tf.Tensor:
        """[batch, n] strings, the latest last -> [batch, 1 + n] int32, `NONE` at the left."""
        item = self.items.lookup(item_id)
        # The known ones move to the right, in their order.
        order = tf.argsort(tf.cast(item >= 0, tf.int32), axis=1, stable=True)
        history = tf.where(item >= 0, item, NONE)
        history = tf.gather(history, order, batch_dims=1)
        # A request without a place still asks for a list.
        return tf.pad(history, [[0, 0], [1, 0]], constant_values=NONE)

    def recommend_from_history(self, item_id):
        scores = self.scorer.of_history(self.in_order(item_id))
        if not self.repeats:
            scores = tf.where(self._among(item_id), LOWEST, scores)
        return self._named(*self._best(scores, self.k))

    def notes(self):
        return {**super().notes(), "repeats": self.repeats}

    def _history_cases(self, reference: Reference) -> list[Case]:
        """The histories of the sample in order, one with gaps, and two that say nothing."""
        windows = self.scorer.windows.numpy()
        known = reference.index[reference.index < self.num_users]
        rows = [windows[user][windows[user] != NONE].tolist() for user in known]
        asked = [[reference.item_ids[item] for item in row] for row in rows]
        gaps = [NO_ITEM, reference.unknown_item]
        asked += [[*gaps, *asked[0], *gaps], [reference.unknown_item], []]
        rows += [rows[0], [], []]
        longest = max(map(len, asked))
        padded = [[*row, *[NO_ITEM] * (longest - len(row))] for row in asked]
        history = np.full((len(rows), self.scorer.windows.shape[1]), NONE, np.int32)
        for row, own in zip(history, rows, strict=True):
            row[len(row) - len(own) :] = own
        scores = self.scorer.expected(history)
        if not self.repeats:
            for row, own in zip(scores, rows, strict=True):
                row[own] = LOWEST
        popular = np.array([not own for own in rows])
        signature = "recommend_from_history"
        return [
            Case(
                title="histories",
                signature=signature,
                inputs={"item_id": padded},
                expected=reference.of(scores, self.k, popular=popular),
            ),
            Case(
                title="one history",
                signature=signature,
                inputs={"item_id": padded[:1]},
                expected=reference.of(scores[:1], self.k, popular=popular[:1]),
                repeat=200,
            ),
        ]
