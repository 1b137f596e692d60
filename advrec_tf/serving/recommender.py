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
from advrec_tf.ops.top_k import top_k
from advrec_tf.serving import folder, recommender_cases
from advrec_tf.serving.lists import LOWEST, NO_ITEM, SAMPLE, Reference
from advrec_tf.serving.module import (
    Case,
    ServedModule,
    after,
    frozen,
    lookup_table,
    text_ids,
)
from advrec_tf.serving.new_users import ServedNewUsers
from advrec_tf.serving.scorers import PairedVectors, Scorer
from advrec_tf.serving.small_vectors import TablesReport

CELLS = 2**25
"""Scores that a request may hold at a time: users times items, 128 MiB of float32."""

MAX_USERS = 2**17
"""Users that a request may hold, however few the items are."""

_RESTRICTIONS = ("k", "exclude_item_id", "allow_item_id")


class ServedRecommender(ServedModule):
    """Signatures, every input with the batch as its first axis; lists of ids are padded with "".

    serving_default         user_id [batch]
    recommend               user_id [batch], k [batch] int32, exclude_item_id and allow_item_id
                            [batch, n]: an item of the first is not served, and where the second
                            names any no other item is
    recommend_from_history  item_id [batch, n], what a user has; not for `ScoreTable`; its answer
                            has known_items [batch] int32 too, how many of the ids are known
    recommend_from_features  k, exclude_item_id and allow_item_id as in `recommend`, and the columns
                            of a user and of the context (`ServedNewUsers.inputs`); where there are
                            `new_users`
        -> item_id [batch, k] string, score [batch, k] float32
    recommend_index         user_index [batch] int32
        -> item_index [batch, k] int32, score [batch, k] float32
    score                   user_id [batch], item_id [batch]
        -> score [batch] float32, 0 where the item is unknown; known_user and known_item [batch]
           bool

    Args:
        scorer: where the scores come from.
        interactions: the training interactions: ids, and what each user has seen.
        score: [n] int32 user indices -> [n, num_items], the scores of the model in memory; what
            the check compares with.
        unknown_scores: [num_items], the same for a user nobody knows.
        k: length of a list where the request names none, 1 <= k <= max_k.
        max_k: longest list a request may ask for.
        new_users: what makes queries of the columns of users who are not in the model; only beside
            `PairedVectors`.

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
        k: int = 10,
        max_k: int = 100,
        new_users: ServedNewUsers | None = None,
    ):
        super().__init__(name="served_recommender")
        if not 1 <= k <= max_k:
            raise ValueError(f"`k` should be in 1..max_k. Received: k={k!r}, max_k={max_k!r}.")
        data = interactions
        self.k, self.max_k = k, max_k
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
        return self._named(*self._best(self._unseen_scores(user_id), self.k))

    def recommend(self, user_id, k, exclude_item_id, allow_item_id):
        return self._restricted(self._unseen_scores(user_id), k, exclude_item_id, allow_item_id)

    def recommend_from_features(self, k, exclude_item_id, allow_item_id, **columns):
        users, known = self.new_users(columns)
        nobody = self.scorer.scores(tf.fill(tf.shape(known), self.num_users))
        scores = tf.where(known[:, None], self.scorer.scores_of(users), nobody)
        return self._restricted(scores, k, exclude_item_id, allow_item_id)

    def recommend_from_history(self, item_id):
        has = self._among(item_id)
        lists = self._named(*self._best(self._history_scores(has), self.k))
        return {**lists, "known_items": self.known_items(item_id)}

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
        scores = self.scorer.pair_scores(user, tf.maximum(item, 0))
        return {
            "score": tf.where(item >= 0, scores, 0.0),
            "known_user": user < self.num_users,
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
            "recommend_from_history": {"item_id": lists},
            "score": {"user_id": ids, "item_id": ids},
            "recommend_index": {"user_index": numbers},
        }
        if not self.scorer.from_histories:
            del found["recommend_from_history"]
        if self.new_users is not None:
            lengths = {name: found["recommend"][name] for name in _RESTRICTIONS}
            found["recommend_from_features"] = {**lengths, **self.new_users.inputs()}
        return found

    # Their parts.

    def known_items(self, item_id: tf.Tensor) -> tf.Tensor:
        """[batch, n] string -> [batch] int32, how many of the ids the model knows."""
        known = self.items.lookup(item_id) >= 0
        return tf.reduce_sum(tf.cast(known, tf.int32), axis=1)

    def _restricted(self, scores, k, exclude_item_id, allow_item_id) -> dict[str, tf.Tensor]:
        """Lists of scores [batch, num_items], each of its own k, exclusions and allowed items."""
        k = self._checked(k)
        restricted = tf.reduce_any(allow_item_id != NO_ITEM, axis=1, keepdims=True)
        closed = self._among(exclude_item_id) | (restricted & ~self._among(allow_item_id))
        index, best = self._best(
            tf.where(closed, LOWEST, scores), tf.reduce_max(tf.concat([k, [1]], 0))
        )
        return self._cut(index, best, k)

    def _checked(self, k: tf.Tensor) -> tf.Tensor:
        """The lengths of lists [batch], refused where one is out of range."""
        in_range = tf.debugging.Assert(
            tf.reduce_all((k >= 1) & (k <= self.max_k)),
            [f"`k` should be in 1..{self.max_k}. Received:", k],
        )
        return after([in_range], {"k": k})["k"]

    def _cut(self, index: tf.Tensor, best: tf.Tensor, k: tf.Tensor) -> dict[str, tf.Tensor]:
        """Lists [batch, longest], each cut to its own length k [batch]."""
        within = tf.range(tf.shape(index)[1])[None, :] < k[:, None]
        return self._named(tf.where(within, index, -1), tf.where(within, best, LOWEST))

    def _unseen_scores(self, user_id: tf.Tensor) -> tf.Tensor:
        """[batch] string -> [batch, num_items] float32, LOWEST where the user has the item."""
        user_index = self.users.lookup(user_id)
        seen = self.histories.pairs(user_index)
        return tf.tensor_scatter_nd_update(
            self.scorer.scores(user_index), seen, tf.fill(tf.shape(seen)[:1], LOWEST)
        )

    def _history_scores(self, has: tf.Tensor) -> tf.Tensor:
        """[batch, num_items] bool -> scores, same shape, LOWEST where the item is in the history;
        those of an unknown user where the history is empty."""
        nobody = tf.fill([tf.shape(has)[0]], self.num_users)
        scores = tf.where(
            tf.reduce_any(has, axis=1, keepdims=True),
            self.scorer.history_scores(tf.cast(has, tf.float32)),
            self.scorer.scores(nobody),
        )
        return tf.where(has, LOWEST, scores)

    def _among(self, item_id: tf.Tensor) -> tf.Tensor:
        """[batch, n] string -> [batch, num_items] bool, the items named; unknown ids are not."""
        places = self._named_pairs(item_id)
        ones = tf.ones(tf.shape(places)[:1])
        return tf.scatter_nd(places, ones, [tf.shape(item_id)[0], self.num_items]) > 0

    def _named_pairs(self, item_id: tf.Tensor) -> tf.Tensor:
        """[batch, n] string -> [pairs, 2] int32, (row, item) of the known items that are named."""
        item = self.items.lookup(item_id)
        row = tf.broadcast_to(tf.range(tf.shape(item)[0])[:, None], tf.shape(item))
        return tf.boolean_mask(tf.stack([row, item], axis=2), item >= 0)

    def _best(self, scores: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[batch, num_items] -> item index, -1 for none, and score, both [batch, k]."""
        if isinstance(k, int):
            available = min(k, self.num_items)
        else:
            available = tf.minimum(k, self.num_items)
        best, index = top_k(scores, available)
        index = tf.where(best > LOWEST, index, -1)
        beyond = [[0, 0], [0, k - available]]
        return (
            tf.pad(index, beyond, constant_values=-1),
            tf.pad(best, beyond, constant_values=LOWEST),
        )

    def _named(self, item_index: tf.Tensor, scores: tf.Tensor) -> dict[str, tf.Tensor]:
        ids = tf.gather(self.item_ids, tf.maximum(item_index, 0))
        return {"item_id": tf.where(item_index >= 0, ids, NO_ITEM), "score": scores}

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
        }

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
            "recommend_from_history": {"item_id": item_id[:, None]},
            "score": {"user_id": user_id, "item_id": item_id},
            "recommend_index": {"user_index": tf.constant([0])},
        }
        if self.new_users is not None:
            asked = {name: found["recommend"][name] for name in _RESTRICTIONS}
            found["recommend_from_features"] = {**asked, **self.new_users.warmup()}
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
        return recommender_cases.history_cases(
            reference, k=self.k, score=self.scorer.expected_history_scores
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
