"""The served recommender: scores, seen items and ids behind named signatures.

It follows the rules of `models.base`: items already seen are left out, and an unknown user gets
the popular items. Where fewer than k items are left a list ends in `NO_ITEM` (or index -1) with
the score `LOWEST`. How a model becomes one is in `forms`; writing it to disk is left to
`saved_model`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.serving import folder, history_cases, recommender_cases
from advrec_tf.serving.lists import LOWEST, NO_ITEM, SAMPLE, Reference
from advrec_tf.serving.module import Case, after, frozen, lookup_table, text_ids
from advrec_tf.serving.new_users import ServedNewUsers
from advrec_tf.serving.own_queries import ServedQueries
from advrec_tf.serving.scorers import PairedVectors, Scorer
from advrec_tf.serving.served_lists import LONGEST, RESTRICTIONS, ServedLists, list_lengths
from advrec_tf.serving.small_vectors import TablesReport

CELLS = 2**25
"""Scores that a request may hold at a time: users times items, 128 MiB of float32."""

MAX_USERS = 2**17
"""Users that a request may hold, however few the items are, and pairs of a user and an item."""


class ServedRecommender(ServedLists):
    """Signatures, every input with the batch as its first axis; lists of ids are padded with "".

    serving_default         user_id [batch]
    recommend               user_id [batch], k [batch] int32, exclude_item_id and allow_item_id
                            [batch, n]: an item of the first is not served, and where the second
                            names any no other item is
        -> item_id [batch, k] string, score [batch, k] float32, known_user [batch] bool; of
           `recommend` known_excluded and known_allowed [batch, n] bool, too, which of the ids that
           restrict a list are known
    recommend_from_history  item_id [batch, n], what a user has; not for `ScoreTable`
    recommend_from_history_restricted  the same, and k, exclude_item_id and allow_item_id as in
                            `recommend`
        -> item_id and score, and known_items [batch] int32, how many of the ids are known; of the
           latter known_excluded and known_allowed, too
    recommend_from_features  k, exclude_item_id and allow_item_id as in `recommend`, and the columns
                            of a user and of the context (`ServedNewUsers.inputs`); where there are
                            `new_users`
        -> item_id and score, known_excluded and known_allowed, and unknown_columns [batch, n]
           string where a column has categories, see `unknown_values`
    recommend_index         user_index [batch] int32
        -> item_index [batch, k] int32, score [batch, k] float32
    score                   user_id [batch], item_id [batch]
        -> score [batch] float32, 0 where the item is unknown; known_user and known_item [batch]
           bool
    score_from_history      item_id [batch, n], what a user has, and candidate_item_id [batch, m];
                            where there is `recommend_from_history`
        -> score [batch, m] float32, 0 where a candidate is unknown, known_candidate [batch, m]
           bool, and known_items

    Args:
        scorer: where the scores come from.
        interactions: the training interactions: ids, and what each user has seen.
        score: [n] int32 user indices -> [n, num_items], the scores of the model in memory; what
            the check compares with.
        unknown_scores: [num_items], the same for a user nobody knows.
        k, max_k: length of a list where the request names none, and the longest that it may ask
            for, as in `list_lengths`.
        new_users: what makes queries of the columns of users who need not be in the model; only
            beside `PairedVectors`.

    Attributes:
        tables: what small tables of vectors cost, a `small_vectors.TablesReport`, which `forms`
            sets; None for float32.

    Raises:
        ValueError: if k or max_k is out of range, or ids collide after `str`.
    """

    def __init__(
        self,
        scorer: Scorer,
        interactions: Interactions,
        *,
        score: Callable[[np.ndarray], np.ndarray],
        unknown_scores: np.ndarray,
        k: int | None = None,
        max_k: int = LONGEST,
        new_users: ServedNewUsers | ServedQueries | None = None,
    ):
        super().__init__(name="served_recommender")
        data = interactions
        self.k, self.max_k = list_lengths(k, max_k, data.num_items)
        self.num_users, self.num_items = data.num_users, data.num_items
        self.max_batch = min(MAX_USERS, max(64, CELLS // max(self.num_items, 1)))
        self.scorer = scorer
        self.tables: TablesReport | None = None
        self.new_users = new_users
        self._in_memory = lambda: (score, unknown_scores, data)
        # Item weights read the histories as well; then both hold the same ones.
        self.histories = getattr(scorer, "histories", None) or served_histories(data)
        self.item_ids = tf.constant(text_ids(data.items.ids, "items"), tf.string)
        self.users = lookup_table(text_ids(data.users.ids, "users"), default=data.num_users)
        self.items = lookup_table(self.item_ids, default=-1)

    # The signatures.

    def serving_default(self, user_id):
        user_index = self.users.lookup(user_id)
        lists = self._named(*self._best(self._unseen_scores(user_index), self.k))
        return {**lists, **self.known_user(user_index)}

    def recommend(self, user_id, k, exclude_item_id, allow_item_id):
        user_index = self.users.lookup(user_id)
        scores = self._unseen_scores(user_index)
        lists = self._restricted(scores, k, exclude_item_id, allow_item_id)
        return {**lists, **self.known_user(user_index)}

    def recommend_from_features(self, k, exclude_item_id, allow_item_id, **columns):
        users, known, unknown_columns = self.new_users(columns)
        nobody = self.scorer.scores(tf.fill(tf.shape(known), self.num_users))
        scores = tf.where(known[:, None], self.scorer.scores_of(users), nobody)
        lists = self._restricted(scores, k, exclude_item_id, allow_item_id)
        return {**lists, **unknown_columns}

    def recommend_from_history(self, item_id):
        lists = self._named(*self._best(self._history_scores(item_id), self.k))
        return {**lists, **self.known_items(item_id)}

    def recommend_from_history_restricted(self, item_id, k, exclude_item_id, allow_item_id):
        scores = self._history_scores(item_id)
        lists = self._restricted(scores, k, exclude_item_id, allow_item_id)
        return {**lists, **self.known_items(item_id)}

    def score_from_history(self, item_id, candidate_item_id):
        found = self._of_candidates(self._scores_after(item_id), candidate_item_id)
        return {**found, **self.known_items(item_id)}

    def recommend_index(self, user_index):
        known = (user_index >= 0) & (user_index < self.num_users)
        user_index = tf.where(known, user_index, self.num_users)
        items, seen = self.histories.padded(user_index)
        rows = tf.broadcast_to(tf.range(tf.size(user_index))[:, None], tf.shape(items))
        # The minimum with infinity leaves the item in a masked place as it is.
        scores = tf.tensor_scatter_nd_min(
            self.scorer.scores(user_index),
            tf.stack([rows, items], axis=2),
            tf.where(seen, LOWEST, np.float32(np.inf)),
        )
        item_index, scores = self._best(scores, self.k)
        return {"item_index": item_index, "score": scores}

    def score(self, user_id, item_id):
        user, item = self.users.lookup(user_id), self.items.lookup(item_id)
        if not self.scorer.by_pairs:
            users = tf.size(tf.unique(user).y)
            few = tf.debugging.Assert(
                users <= self.max_batch,
                [f"A request should name at most {self.max_batch} users. Received:", users],
            )
            user = after([few], {"user": user})["user"]
        scores = self.scorer.pair_scores(user, tf.maximum(item, 0))
        return {
            "score": tf.where(item >= 0, scores, 0.0),
            **self.known_user(user),
            "known_item": item >= 0,
        }

    def inputs(self):
        ids, lists = tf.TensorSpec([None], tf.string), tf.TensorSpec([None, None], tf.string)
        numbers = tf.TensorSpec([None], tf.int32)
        found = {
            "serving_default": {"user_id": ids},
            "recommend": {
                "user_id": ids,
                "k": numbers,
                "exclude_item_id": lists,
                "allow_item_id": lists,
            },
        }
        restrictions = {name: found["recommend"][name] for name in RESTRICTIONS}
        scores = {"score": {"user_id": ids, "item_id": ids}}
        if self.scorer.from_histories:
            found["recommend_from_history"] = {"item_id": lists}
            found["recommend_from_history_restricted"] = {"item_id": lists, **restrictions}
            scores["score_from_history"] = {"item_id": lists, "candidate_item_id": lists}
        found |= {**scores, "recommend_index": {"user_index": numbers}}
        if self.new_users is not None:
            found["recommend_from_features"] = {**restrictions, **self.new_users.inputs()}
        return found

    def largest(self, name):
        """Of `score` it is pairs that count, where a user who is in several is scored once."""
        return MAX_USERS if name == "score" else super().largest(name)

    # Their parts.

    def _unseen_scores(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32, LOWEST where the user has the item."""
        seen = self.histories.pairs(user_index)
        return tf.tensor_scatter_nd_update(
            self.scorer.scores(user_index), seen, tf.fill(tf.shape(seen)[:1], LOWEST)
        )

    def _history_scores(self, item_id: tf.Tensor) -> tf.Tensor:
        """[batch, n] string -> [batch, num_items], LOWEST where the item is in the history."""
        return tf.where(self._among(item_id), LOWEST, self._scores_after(item_id))

    def _scores_after(self, item_id: tf.Tensor) -> tf.Tensor:
        """[batch, n] string -> the scores by these histories [batch, num_items], those of an
        unknown user where no item is known."""
        has = self._among(item_id)
        nobody = tf.fill([tf.shape(has)[0]], self.num_users)
        return tf.where(
            tf.reduce_any(has, axis=1, keepdims=True),
            self.scorer.history_scores(tf.cast(has, tf.float32)),
            self.scorer.scores(nobody),
        )

    # What an export needs besides.

    def notes(self):
        _, _, data = self._in_memory()
        return {
            "kind": self.scorer.kind,
            "data_fingerprint": data.fingerprint(),
            "k": self.k,
            "max_k": self.max_k,
            "max_batch": self.max_batch,
            "num_users": self.num_users,
            "num_items": self.num_items,
            **({"dim": self.scorer.dim} if isinstance(self.scorer, PairedVectors) else {}),
            **({} if self.tables is None else {"tables": self.tables.as_dict()}),
            **({} if self.new_users is None else {"features": self.new_users.notes()}),
            **self._note_on_prior(),
        }

    def _note_on_prior(self) -> dict:
        """How columns of a new user are weighed against popularity, where they are."""
        if self.new_users is None or not self.new_users.prior.any():
            return {}
        return {"new_user_scale": self.new_users.scale}

    def warmup(self):
        """One request a signature, for the first user and item."""
        _, _, data = self._in_memory()
        user_id = tf.constant([str(user) for user in data.users.ids[:1]], tf.string)
        item_id = tf.constant([str(item) for item in data.items.ids[:1]], tf.string)
        nothing = tf.fill(tf.stack([tf.size(user_id), 1]), NO_ITEM)
        found = {
            "serving_default": {"user_id": user_id},
            "recommend": {
                "user_id": user_id,
                "k": tf.fill(tf.shape(user_id), self.k),
                "exclude_item_id": nothing,
                "allow_item_id": nothing,
            },
            "score": {"user_id": user_id, "item_id": item_id},
            "recommend_index": {"user_index": tf.constant([0])},
        }
        restrictions = {name: found["recommend"][name] for name in RESTRICTIONS}
        if self.scorer.from_histories:
            history = {"item_id": item_id[:, None]}
            found["recommend_from_history"] = history
            found["recommend_from_history_restricted"] = {**history, **restrictions}
            found["score_from_history"] = {**history, "candidate_item_id": item_id[:, None]}
        if self.new_users is not None:
            found["recommend_from_features"] = {**restrictions, **self.new_users.warmup()}
        return {name: found[name] for name in self.inputs() if name in found}

    def assets(self):
        _, _, data = self._in_memory()
        if data.item_text is None:
            return {}
        ids = [str(item) for item in data.items.ids]
        return {folder.ITEM_TEXT.name: folder.item_text_lines(ids, data.item_text)}

    def cases(self, user_ids=None):
        """Every signature, its limits, and one user for its latency.

        Args:
            user_ids: external ids to ask for, known or not; by default `SAMPLE` of the known.
        """
        score, unknown_scores, data = self._in_memory()
        # Each case keeps the scores of its users.
        most = min(SAMPLE, self.max_batch - 4, max(8, 2**24 // max(self.num_items, 1)))
        reference = Reference(score, unknown_scores, data, user_ids=user_ids, most=most)
        cases = [*self._list_cases(reference), *self._score_cases(reference)]
        if self.scorer.from_histories:
            cases += self._history_cases(reference)
        if self.new_users is not None:
            cases += self._feature_cases(reference)
        return cases

    def _list_cases(self, reference: Reference) -> list[Case]:
        return recommender_cases.list_cases(reference, k=self.k, max_k=self.max_k)

    def _score_cases(self, reference: Reference) -> list[Case]:
        return recommender_cases.score_cases(reference)

    def _history_cases(self, reference: Reference) -> list[Case]:
        return history_cases.history_cases(
            reference, k=self.k, max_k=self.max_k, score=self.scorer.expected_history_scores
        )

    def _feature_cases(self, reference: Reference) -> list[Case]:
        columns, queries, known = self.new_users.sample()
        scores = self.scorer.expected_query_scores(queries)
        return recommender_cases.feature_cases(
            reference, columns, scores, known=known, max_k=self.max_k
        )


def served_histories(interactions: Interactions) -> Histories:
    """What each user has, as variables of a checkpoint."""
    histories = Histories(interactions.by_user())
    histories.items = frozen(histories.items, "seen_items")
    histories.row_splits = frozen(histories.row_splits, "seen_row_splits")
    return histories
