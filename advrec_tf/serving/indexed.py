"""The served recommender whose lists come from an index of the items' vectors.

Signatures and rules are those of `ServedRecommender` and, for next-item models, `ServedSequences`.
Lists of known users, and of next-item models those of histories, are those of the index; unknown
users, requests that allow some items alone, histories of other models and columns of new users are
answered exactly.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.serving.cell_index import CellIndex
from advrec_tf.serving.cell_table import CellTable
from advrec_tf.serving.index_tuning import QUERIES, IndexReport, tune
from advrec_tf.serving.lists import LOWEST, Reference
from advrec_tf.serving.module import Case
from advrec_tf.serving.recommender import ServedRecommender
from advrec_tf.serving.scorers import PairedVectors
from advrec_tf.serving.sequences import ServedSequences, nothing_read
from advrec_tf.serving.served_lists import longest, names_some

INDEX_FROM = 10**5
"""Items from which `export` takes an index by itself; below, exact lists are quick."""

RECALL = 0.95
"""Of the items of exact lists, the share that an index has by default."""

CHECK_SLACK = 0.05
"""What the recall of the lists of a check, of other users, may fall short of the one reported."""


class Asked(NamedTuple):
    """What a request asks the index for.

    Attributes:
        queries: [batch, dim] float32.
        whole: [batch] bool, the rows that are answered from all scores.
        every: rows [n] int32 -> [n, num_items] float32, all scores of these rows.
    """

    queries: tf.Tensor
    whole: tf.Tensor
    every: Callable[[tf.Tensor], tf.Tensor]


class IndexedLists(ServedRecommender):
    """The base: the signatures of lists by an index, of which the scorer has `user_rows`,
    `item_rows` and `scores_of`, as `PairedVectors` have.

    Attributes:
        report: what the index does.
    """

    def make_index(self, items: CellTable, *, recall: float) -> None:
        """The index of the items in cells, tuned on users.

        Raises:
            ValueError: if the recall cannot be reached, see `index_tuning.tune`; or there are no
                two users.
        """
        if self.num_users < 2:
            raise ValueError(
                f"`interactions` should have two users, to tune an index. Received: "
                f"{self.num_users}."
            )
        only_table = getattr(self.scorer, "items", None) is items
        self.index = CellIndex(items, None if only_table else self.scorer.item_rows)
        places = np.linspace(0, self.num_users - 1, min(QUERIES, self.num_users)).astype(int)
        seen = self._in_memory()[2].by_user()
        self.report: IndexReport = tune(
            self.index,
            self.scorer,
            np.asarray(self.scorer.user_rows(tf.constant(places, tf.int32))),
            [seen[user] for user in places],
            recall=recall,
            k=self.k,
        )

    def asked_by(self, user_index: tf.Tensor) -> Asked:
        """What known users ask for, and of whom there is no vector; `num_users` is nobody."""
        return Asked(
            self.scorer.user_rows(user_index),
            user_index >= self.num_users,
            lambda rows: self.scorer.scores(tf.gather(user_index, rows)),
        )

    def serving_default(self, user_id):
        user_index = self.users.lookup(user_id)
        closed = self.histories.pairs(user_index)
        lists = self._named(*self.lists(self.asked_by(user_index), closed, self.k))
        return {**lists, **self.known_user(user_index)}

    def recommend_index(self, user_index):
        known = (user_index >= 0) & (user_index < self.num_users)
        user_index = tf.where(known, user_index, self.num_users)
        closed = self.histories.pairs(user_index)
        items, scores = self.lists(self.asked_by(user_index), closed, self.k)
        return {"item_index": items, "score": scores}

    def recommend(self, user_id, k, exclude_item_id, allow_item_id):
        k = self._checked(k)
        user_index = self.users.lookup(user_id)
        closed = [self.histories.pairs(user_index), self._named_pairs(exclude_item_id)]
        asked = self.asked_by(user_index)
        found = self.lists(asked, tf.concat(closed, 0), longest(k), allow_item_id)
        known = self.known_limits(exclude_item_id, allow_item_id)
        return {**self._cut(*found, k), **known, **self.known_user(user_index)}

    def lists(
        self,
        asked: Asked,
        closed: tf.Tensor,
        k: int | tf.Tensor,
        allow_item_id: tf.Tensor | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Items and scores [batch, k].

        Args:
            closed: [pairs, 2] int32, (row, item) that may not be listed.
            allow_item_id: [batch, n] string; a row that names some is answered from all scores,
                with these alone.
        """
        queries, whole, every_of = asked
        if allow_item_id is not None:
            whole |= names_some(allow_item_id)
        items, scores = self.index.search(queries, k, closed)
        rows = tf.cast(tf.where(whole)[:, 0], tf.int32)
        every = every_of(rows)
        own = tf.boolean_mask(closed, tf.gather(whole, closed[:, 0]))
        place = tf.gather(tf.cumsum(tf.cast(whole, tf.int32)) - 1, own[:, 0])
        every = tf.tensor_scatter_nd_update(
            every, tf.stack([place, own[:, 1]], 1), tf.fill(tf.shape(place), LOWEST)
        )
        if allow_item_id is not None:
            not_allowed = self._not_allowed(tf.gather(allow_item_id, rows))
            every = tf.where(not_allowed, LOWEST, every)
        exact_items, exact_scores = self._best(every, k)
        return (
            tf.tensor_scatter_nd_update(items, rows[:, None], exact_items),
            tf.tensor_scatter_nd_update(scores, rows[:, None], exact_scores),
        )

    def notes(self):
        return {**super().notes(), "index": self.report.as_dict()}

    def _list_cases(self, reference: Reference) -> list[Case]:
        with self.recalled(reference):
            return super()._list_cases(reference)

    @contextlib.contextmanager
    def recalled(self, reference: Reference) -> Iterator[None]:
        """Lists are expected to hold most of what the reference holds, not all of it."""
        reference.recall = self.report.recall - CHECK_SLACK, self.k
        try:
            yield
        finally:
            reference.recall = None


class ServedByIndex(IndexedLists):
    """Signatures as `ServedRecommender`.

    Args:
        scorer, interactions, **settings: as there; a scorer that keeps its items as a `CellTable`
            is searched in this table.
        recall: of exact lists of length k that the index should have, for users.
        seed: of the cells, where the scorer has none.

    Raises:
        ValueError: as of `IndexedLists.make_index`.
    """

    def __init__(
        self,
        scorer: PairedVectors,
        interactions,
        *,
        recall: float = RECALL,
        seed: int = 0,
        **settings,
    ):
        super().__init__(scorer, interactions, **settings)
        items = getattr(scorer, "items", None)
        if not isinstance(items, CellTable):
            items = CellTable(_compared(scorer), seed=seed)
        self.make_index(items, recall=recall)


class ServedSequencesByIndex(IndexedLists, ServedSequences):
    """Signatures as `ServedSequences`; whoever has a history is answered by the index, by the state
    after it.

    Args:
        model: a trained sequence model; one of `small_sequences.small_network` is searched in its
            own table.
        recall: of exact lists of length k that the index should have, for users.
        seed: of the index.
        **settings: as of `ServedSequences`.

    Raises:
        ValueError: as of `IndexedLists.make_index`.
    """

    def __init__(self, model: SequenceModel, *, recall: float = RECALL, seed: int = 0, **settings):
        super().__init__(model, **settings)
        items = getattr(self.scorer, "items", None)
        self.make_index(items or CellTable(model.item_vectors(), seed=seed), recall=recall)

    def asked_by(self, user_index):
        asked = super().asked_by(user_index)
        return asked._replace(whole=asked.whole | self.scorer.without_history(user_index))

    def _lists_from_history(self, item_id, user, k, exclude_item_id=None, allow_item_id=None):
        history = self.in_order(item_id)

        def every(rows):
            own = None if user is None else tf.gather(user, rows)
            return self.scorer.of_history(tf.gather(history, rows), user=own)

        asked = Asked(
            self.scorer.states(history, user=user),
            tf.reduce_all(history == NONE, axis=1),
            every,
        )
        closed = self._closed(item_id, exclude_item_id)
        pairs = tf.zeros([0, 2], tf.int32) if closed is None else self._named_pairs(closed)
        return self.lists(asked, pairs, k, allow_item_id)

    def _lists_from_state(self, state, closed, allow_item_id, k):
        asked = Asked(
            self.recurrence.queries(state),
            nothing_read(state),
            lambda rows: self._scores_of_states(tf.gather(state, rows)),
        )
        return self.lists(asked, self._named_pairs(closed), k, allow_item_id)

    def _history_cases(self, reference):
        with self.recalled(reference):
            return super()._history_cases(reference)


def _compared(scorer: PairedVectors) -> np.ndarray:
    """The items' vectors [num_items, d], without a last dimension in which every known user is 0:
    one of popularity, which would part the cells by what no query reads."""
    users, items, _ = scorer.arrays()
    read = np.flatnonzero(users[:-1].any(axis=0))
    return items[:, : read.max(initial=0) + 1]
