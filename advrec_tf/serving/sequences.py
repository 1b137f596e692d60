"""The served next-item model: lists by histories in order, and by states of a recurrent one.

A known user is served by the last items of the training interactions, anybody by the history of a
request, whose ids stand in order of time, the latest last. Ids that are unknown, and padding, are
skipped wherever they stand.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.models.base import log_popularity
from advrec_tf.models.sequential.history_scores import HistoryScores
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.models.sequential.recurrence import recurrence_of
from advrec_tf.serving import sequence_cases
from advrec_tf.serving.lists import LOWEST, Reference
from advrec_tf.serving.module import Case, after
from advrec_tf.serving.recommender import CELLS, ServedRecommender
from advrec_tf.serving.sequence_scorers import (
    HistoryModel,
    SequenceScorer,
    StateScorer,
    networks_of,
)
from advrec_tf.serving.served_lists import LONGEST, RESTRICTIONS, longest
from advrec_tf.serving.small_sequences import SmallStateScorer, TableRows
from advrec_tf.serving.values import STATE_LIMIT

LEAST_BATCH = 16
"""Users that a request may hold, however long the histories are."""

_OF_USERS = ("recommend_from_history_restricted", "score_from_history")
"""Signatures that take `user_id`, too, of a model that reads users."""


def nothing_read(state: tf.Tensor) -> tf.Tensor:
    """[batch, width] -> [batch] bool, the states of who has no history."""
    return tf.reduce_all(state == 0.0, axis=1)


class ServedSequences(ServedRecommender):
    """Signatures as `ServedRecommender`; in `recommend_from_history` the order of the ids counts,
    the latest last.

    A model that reads users has one more, for a history that is newer than the training:

    recommend_from_user_history  user_id [batch] and item_id [batch, n]
        -> as `recommend_from_history`, and known_user [batch] bool; who is unknown has the vector
           learned for that, and without a known item anybody gets the popular list

    There `recommend_from_history_restricted` and `score_from_history` take user_id [batch] and
    answer with known_user as well; "" is nobody's.

    A recurrent model (GRU4Rec) has two more, so that a request need not bring the whole history;
    the client keeps the state between them:

    start_state             item_id [batch, n], a history
        -> state [batch, layers * dim] float32, zeros where no id is known, and known_items [batch]
           int32, how many ids are known
    recommend_from_state    state as answered before, numbers in [-1, 1], others are refused;
                            item_id [batch, n], what is new; k [batch] int32, exclude_item_id and
                            allow_item_id [batch, n] as in `recommend`
        -> item_id and score as `recommend`, the state after the new items, known_items of these,
           known_excluded and known_allowed

    Args:
        model: a trained sequence model, transition counts, or a blend of such models.
        repeats: whether an item of the history may be recommended again to who is known by a
            history or a state alone. A state does not tell what it has read: without repeats the
            new items of a request are left out, and those of `exclude_item_id`, no others.
        k, max_k: as in `ServedRecommender`.
    """

    def __init__(
        self, model: HistoryModel, *, repeats: bool = False, k: int | None = None, max_k=LONGEST
    ):
        data = model.interactions
        unknown = log_popularity(data)

        # Who has no history is served what is popular.
        known = HistoryScores(model, model.own_windows, data)

        def score(index: np.ndarray) -> np.ndarray:
            return np.asarray(known.score(tf.constant(index, tf.int32)))

        scorer: SequenceScorer
        if isinstance(model, SequenceModel):
            in_cells = isinstance(model.item_rows, TableRows)
            scorer = (SmallStateScorer if in_cells else StateScorer)(model, unknown)
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
        self.recurrence = recurrence_of(model)
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
        lists = self._named(*self._lists_from_history(item_id, None, self.k))
        return {**lists, **self.known_items(item_id)}

    def recommend_from_user_history(self, user_id, item_id):
        user = self.users.lookup(user_id)
        lists = self._named(*self._lists_from_history(item_id, user, self.k))
        return {**lists, **self.known_items(item_id), **self.known_user(user)}

    def recommend_from_history_restricted(
        self, item_id, k, exclude_item_id, allow_item_id, user_id=None
    ):
        k = self._checked(k)
        user, known_user = self._whose(user_id)
        found = self._lists_from_history(item_id, user, longest(k), exclude_item_id, allow_item_id)
        known = {**self.known_items(item_id), **self.known_limits(exclude_item_id, allow_item_id)}
        return {**self._cut(*found, k), **known, **known_user}

    def score_from_history(self, item_id, candidate_item_id, user_id=None):
        user, known = self._whose(user_id)
        scores = self.scorer.of_history(self.in_order(item_id), user=user)
        found = self._of_candidates(scores, candidate_item_id)
        return {**found, **self.known_items(item_id), **known}

    def _whose(self, user_id: tf.Tensor | None) -> tuple[tf.Tensor | None, dict[str, tf.Tensor]]:
        """The users of a request whose model reads them, and which are known."""
        if user_id is None:
            return None, {}
        user = self.users.lookup(user_id)
        return user, self.known_user(user)

    def _lists_from_history(
        self,
        item_id: tf.Tensor,
        user: tf.Tensor | None,
        k: int | tf.Tensor,
        exclude_item_id: tf.Tensor | None = None,
        allow_item_id: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Items and scores [batch, k] by histories [batch, n] string, and by whose they are [batch]
        int32."""
        scores = self.scorer.of_history(self.in_order(item_id), user=user)
        closed = self._closed(item_id, exclude_item_id)
        if closed is not None:
            scores = tf.where(self._among(closed), LOWEST, scores)
        if allow_item_id is not None:
            scores = tf.where(self._not_allowed(allow_item_id), LOWEST, scores)
        return self._best(scores, k)

    def _closed(self, item_id: tf.Tensor, exclude_item_id: tf.Tensor | None) -> tf.Tensor | None:
        """[batch, n] string, what may not be listed: what is excluded and, without repeats, what
        the request says that a user has; None where there is nothing of the kind."""
        parts = [] if self.repeats else [item_id]
        parts += [] if exclude_item_id is None else [exclude_item_id]
        return tf.concat(parts, axis=1) if parts else None

    def start_state(self, item_id):
        history = self.in_order(item_id)
        state = self.recurrence.after(history)
        return {"state": state, **self.known_items(item_id)}

    def recommend_from_state(self, state, item_id, k, exclude_item_id, allow_item_id):
        k = self._checked(k)
        known = tf.debugging.Assert(
            tf.reduce_all(tf.abs(state) <= STATE_LIMIT),  # NaN is not, either
            [
                "`state` should hold numbers from -1 to 1, as `start_state` answers. "
                "Received others."
            ],
        )
        state = after([known], {"state": state})["state"]
        state = self.recurrence.advanced(state, self.in_order(item_id))
        closed = self._closed(item_id, exclude_item_id)
        lists = self._cut(*self._lists_from_state(state, closed, allow_item_id, longest(k)), k)
        known = {**self.known_items(item_id), **self.known_limits(exclude_item_id, allow_item_id)}
        return {**lists, "state": state, **known}

    def _lists_from_state(
        self, state: tf.Tensor, closed: tf.Tensor, allow_item_id: tf.Tensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """States [batch, width], ids that are left out and ids that alone are allowed [batch, n] ->
        items and scores [batch, k]."""
        shut = self._among(closed) | self._not_allowed(allow_item_id)
        return self._best(tf.where(shut, LOWEST, self._scores_of_states(state)), k)

    def _scores_of_states(self, state: tf.Tensor) -> tf.Tensor:
        """[batch, width] -> [batch, num_items]; those of nobody where nothing was read."""
        assert self.recurrence is not None  # where the signature of states is
        scores = self.scorer.scores_of(self.recurrence.queries(state))
        return tf.where(nothing_read(state)[:, None], self.scorer.unknown[None, :], scores)

    def inputs(self):
        found = super().inputs()
        lists = found["recommend_from_history"]["item_id"]
        if self.scorer.reads_users:
            user_id = found["serving_default"]["user_id"]
            found["recommend_from_user_history"] = {"user_id": user_id, "item_id": lists}
            for name in _OF_USERS:
                found[name]["user_id"] = user_id
        if self.recurrence is not None:
            found["start_state"] = {"item_id": lists}
            found["recommend_from_state"] = {
                "state": tf.TensorSpec([None, self.recurrence.width], tf.float32),
                "item_id": lists,
                **{name: found["recommend"][name] for name in RESTRICTIONS},
            }
        return found

    def warmup(self):
        found = super().warmup()
        item_id = found["recommend_from_history"]["item_id"]
        if self.scorer.reads_users:
            user_id = found["serving_default"]["user_id"]
            found["recommend_from_user_history"] = {"user_id": user_id, "item_id": item_id}
            for name in _OF_USERS:
                found[name]["user_id"] = user_id
        if self.recurrence is not None:
            found["start_state"] = {"item_id": item_id}
            found["recommend_from_state"] = {
                "state": tf.zeros([tf.shape(item_id)[0], self.recurrence.width]),
                "item_id": item_id,
                **{name: found["recommend"][name] for name in RESTRICTIONS},
            }
        return found

    def notes(self):
        return {**super().notes(), "repeats": self.repeats}

    def _history_cases(self, reference: Reference) -> list[Case]:
        return sequence_cases.history_cases(self, reference)
