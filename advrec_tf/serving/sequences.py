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
from advrec_tf.serving.lists import LOWEST, NO_ITEM, Reference
from advrec_tf.serving.module import Case, Together, Values, after
from advrec_tf.serving.recommender import CELLS, ServedRecommender
from advrec_tf.serving.recommender_cases import known_items, requests_by_history
from advrec_tf.serving.sequence_scorers import (
    HistoryModel,
    SequenceScorer,
    StateScorer,
    networks_of,
)
from advrec_tf.serving.small_sequences import SmallStateScorer, TableRows
from advrec_tf.serving.values import STATE_LIMIT

LEAST_BATCH = 16
"""Users that a request may hold, however long the histories are."""


def nothing_read(state: tf.Tensor) -> tf.Tensor:
    """[batch, width] -> [batch] bool, the states of who has no history."""
    return tf.reduce_all(state == 0.0, axis=1)


class ServedSequences(ServedRecommender):
    """Signatures as `ServedRecommender`; in `recommend_from_history` the order of the ids counts,
    the latest last.

    A model that reads users has one more, for a history that is newer than the training:

    recommend_from_user_history  user_id [batch] and item_id [batch, n]
        -> as `recommend_from_history`; who is unknown has the vector learned for that, and without
           a known item anybody gets the popular list

    A recurrent model (GRU4Rec) has two more, so that a request need not bring the whole history;
    the client keeps the state between them:

    start_state             item_id [batch, n], a history
        -> state [batch, layers * dim] float32, zeros where no id is known, and known_items [batch]
           int32, how many ids are known
    recommend_from_state    state as answered before, numbers in [-1, 1], others are refused;
                            item_id [batch, n], what is new, k [batch] int32 and exclude_item_id
                            [batch, n] as in `recommend`
        -> item_id and score as `recommend`, the state after the new items, and known_items of these

    Args:
        model: a trained sequence model, transition counts, or a blend of such models.
        repeats: whether an item of the history may be recommended again to who is known by a
            history or a state alone. A state does not tell what it has read: without repeats the
            new items of a request are left out, and those of `exclude_item_id`, no others.
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
        lists = self._from_history(item_id, None)
        return {**lists, "known_items": self.known_items(item_id)}

    def recommend_from_user_history(self, user_id, item_id):
        lists = self._from_history(item_id, self.users.lookup(user_id))
        return {**lists, "known_items": self.known_items(item_id)}

    def _from_history(self, item_id: tf.Tensor, user: tf.Tensor | None) -> dict[str, tf.Tensor]:
        """Lists by histories [batch, n] string, and by whose they are [batch] int32."""
        scores = self.scorer.of_history(self.in_order(item_id), user=user)
        if not self.repeats:
            scores = tf.where(self._among(item_id), LOWEST, scores)
        return self._named(*self._best(scores, self.k))

    def start_state(self, item_id):
        history = self.in_order(item_id)
        state = self.recurrence.after(history)
        return {"state": state, "known_items": self.known_items(item_id)}

    def recommend_from_state(self, state, item_id, k, exclude_item_id):
        k = self._checked(k)
        known = tf.debugging.Assert(
            tf.reduce_all(tf.abs(state) <= STATE_LIMIT),  # NaN is not, either
            [
                "`state` should hold numbers from -1 to 1, as `start_state` answers. "
                "Received others."
            ],
        )
        state = after([known], {"state": state})["state"]
        new = self.in_order(item_id)
        state = self.recurrence.advanced(state, new)
        closed = exclude_item_id
        if not self.repeats:
            closed = tf.concat([item_id, exclude_item_id], axis=1)
        longest = tf.reduce_max(tf.concat([k, [1]], 0))
        lists = self._cut(*self._lists_from_state(state, closed, longest), k)
        return {**lists, "state": state, "known_items": self.known_items(item_id)}

    def _lists_from_state(
        self, state: tf.Tensor, closed: tf.Tensor, k: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """States [batch, width] and ids that are left out [batch, n] -> items and scores [batch,
        k]."""
        scores = self._scores_of_states(state)
        return self._best(tf.where(self._among(closed), LOWEST, scores), k)

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
        if self.recurrence is not None:
            found["start_state"] = {"item_id": lists}
            found["recommend_from_state"] = {
                "state": tf.TensorSpec([None, self.recurrence.width], tf.float32),
                "item_id": lists,
                "k": tf.TensorSpec([None], tf.int32),
                "exclude_item_id": lists,
            }
        return found

    def warmup(self):
        found = super().warmup()
        item_id = found["recommend_from_history"]["item_id"]
        if self.scorer.reads_users:
            user_id = found["serving_default"]["user_id"]
            found["recommend_from_user_history"] = {"user_id": user_id, "item_id": item_id}
        if self.recurrence is not None:
            found["start_state"] = {"item_id": item_id}
            found["recommend_from_state"] = {
                "state": tf.zeros([tf.shape(item_id)[0], self.recurrence.width]),
                "item_id": item_id,
                "k": tf.fill(tf.shape(item_id)[:1], self.k),
                "exclude_item_id": tf.fill(tf.shape(item_id), NO_ITEM),
            }
        return found

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
        popular = np.array([not own for own in rows])

        def best(user=None):
            scores = self.scorer.expected(history, user)
            if not self.repeats:
                for row, own in zip(scores, rows, strict=True):
                    row[own] = LOWEST
            return scores

        scores = best()
        lists = reference.of(scores, self.k, popular=popular)
        of_users = []
        if self.scorer.reads_users:
            # The users of the histories, and unknown ones of those that are nobody's.
            user = np.append(known, np.full(len(rows) - len(known), self.num_users))
            names = [*self._in_memory()[2].users.ids.astype(str), reference.names[-1]]
            of_users = [
                Case(
                    title="histories of users",
                    signature="recommend_from_user_history",
                    inputs={"user_id": [names[place] for place in user], "item_id": padded},
                    expected=Together(
                        reference.of(best(user), self.k, popular=popular),
                        known_items(reference, padded),
                    ),
                )
            ]
        return [
            *of_users,
            *self._state_cases(history, padded, lists),
            *requests_by_history(reference, padded, scores, k=self.k, popular=popular),
        ]

    def _state_cases(self, history: np.ndarray, asked: list[list[str]], lists) -> list[Case]:
        """The same lists by the state before the last item of each history and that item.

        Args:
            history: [n, length] int32, what `asked`, ids of n equally long requests, names.
        """
        if self.recurrence is None:
            return []
        before = np.concatenate([np.full((len(history), 1), NONE, np.int32), history[:, :-1]], 1)
        states = {
            name: self.recurrence.after(tf.constant(items, tf.int32)).numpy()
            for name, items in {"before": before, "after": history}.items()
        }
        # The last name is that of the place `NONE`, -1.
        names = [*(item.decode() for item in self.item_ids.numpy()), NO_ITEM]
        newest = [[NO_ITEM, names[row[-1]]] for row in history]
        inputs = {
            "state": states["before"].tolist(),
            "item_id": newest,
            "k": [self.k] * len(asked),
            "exclude_item_id": [[NO_ITEM]] * len(asked) if self.repeats else asked,
        }
        known = (history != NONE).sum(1).astype(np.int32)
        start = Values({"state": states["after"], "known_items": known})
        newest_known = (history[:, -1] != NONE).astype(np.int32)
        end = Values({"state": states["after"], "known_items": newest_known})
        return [
            Case(
                title="histories",
                signature="start_state",
                inputs={"item_id": asked},
                expected=start,
            ),
            Case(
                title="the last item of histories",
                signature="recommend_from_state",
                inputs=inputs,
                expected=Together(lists, end),
            ),
            Case(
                title="k over the longest",
                signature="recommend_from_state",
                inputs={**inputs, "k": [self.max_k + 1] * len(asked)},
                expected=None,
            ),
            *(
                Case(
                    title=f"a state of {value:g}",
                    signature="recommend_from_state",
                    inputs={**inputs, "state": np.full_like(states["before"], value).tolist()},
                    expected=None,
                )
                for value in (np.nan, 1e30)
            ),
        ]
