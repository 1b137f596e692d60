"""The served recommender whose lists come from an index of the items' vectors.

Signatures and rules are those of `ServedRecommender`. Lists of known users are those of the index;
unknown users, requests that allow some items alone, histories and columns of new users are answered
exactly.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf.serving.cell_index import CellIndex
from advrec_tf.serving.index_tuning import QUERIES, IndexReport, tune
from advrec_tf.serving.lists import LOWEST, NO_ITEM, Reference
from advrec_tf.serving.module import Case
from advrec_tf.serving.recommender import ServedRecommender
from advrec_tf.serving.scorers import PairedVectors

INDEX_FROM = 10**5
"""Items from which `export` takes an index by itself; below, exact lists are quick."""

RECALL = 0.95
"""Of the items of exact lists, the share that an index has by default."""

CHECK_SLACK = 0.05
"""What the recall of the lists of a check, of other users, may fall short of the one reported."""


class ServedByIndex(ServedRecommender):
    """Signatures as `ServedRecommender`.

    Args:
        scorer, interactions, **settings: as there.
        recall: of exact lists of length k that the index should have, for users.
        seed: of the index.

    Attributes:
        report: what the index does.

    Raises:
        ValueError: if the recall cannot be reached, see `index_tuning.tune`; or there are no two
            users.
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
        if self.num_users < 2:
            raise ValueError(
                f"`interactions` should have two users, to tune an index. Received: "
                f"{self.num_users}."
            )
        users, items, _ = scorer.arrays()
        self.index = CellIndex(items, seed=seed)
        places = np.linspace(0, self.num_users - 1, min(QUERIES, self.num_users)).astype(int)
        seen = interactions.by_user()
        self.report: IndexReport = tune(
            self.index,
            scorer,
            users[places],
            [seen[user] for user in places],
            recall=recall,
            k=self.k,
        )

    def serving_default(self, user_id):
        user_index = self.users.lookup(user_id)
        closed = self.histories.pairs(user_index)
        return self._named(*self._lists(user_index, closed, self.k))

    def recommend_index(self, user_index):
        known = (user_index >= 0) & (user_index < self.num_users)
        user_index = tf.where(known, user_index, self.num_users)
        items, scores = self._lists(user_index, self.histories.pairs(user_index), self.k)
        return {"item_index": items, "score": scores}

    def recommend(self, user_id, k, exclude_item_id, allow_item_id):
        k = self._checked(k)
        user_index = self.users.lookup(user_id)
        closed = [self.histories.pairs(user_index), self._named_pairs(exclude_item_id)]
        restricted = tf.reduce_any(allow_item_id != NO_ITEM, axis=1)

        def not_allowed(rows):
            allowed = self._among(tf.gather(allow_item_id, rows))
            return tf.gather(restricted, rows)[:, None] & ~allowed

        longest = tf.reduce_max(tf.concat([k, [1]], 0))
        found = self._lists(
            user_index, tf.concat(closed, 0), longest, exactly=restricted, shut=not_allowed
        )
        return self._cut(*found, k)

    def _lists(
        self,
        user_index: tf.Tensor,
        closed: tf.Tensor,
        k: int | tf.Tensor,
        *,
        exactly: tf.Tensor | None = None,
        shut: Callable[[tf.Tensor], tf.Tensor] | None = None,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Items and scores [batch, k]; those of unknown users and of the rows `exactly` from all
        scores.

        Args:
            closed: [pairs, 2] int32, (row, item) that may not be listed.
            shut: rows [n] int32 -> [n, num_items] bool, what else may not.
        """
        whole = user_index >= self.num_users
        whole = whole if exactly is None else whole | exactly
        queries = self.scorer.user_rows(user_index)
        items, scores = self.index.search(queries, k, closed, self.scorer.item_rows)
        rows = tf.cast(tf.where(whole)[:, 0], tf.int32)
        every = self.scorer.scores(tf.gather(user_index, rows))
        own = tf.boolean_mask(closed, tf.gather(whole, closed[:, 0]))
        place = tf.gather(tf.cumsum(tf.cast(whole, tf.int32)) - 1, own[:, 0])
        every = tf.tensor_scatter_nd_update(
            every, tf.stack([place, own[:, 1]], 1), tf.fill(tf.shape(place), LOWEST)
        )
        if shut is not None:
            every = tf.where(shut(rows), LOWEST, every)
        exact_items, exact_scores = self._best(every, k)
        return (
            tf.tensor_scatter_nd_update(items, rows[:, None], exact_items),
            tf.tensor_scatter_nd_update(scores, rows[:, None], exact_scores),
        )

    def notes(self):
        return {**super().notes(), "index": self.report.as_dict()}

    def _list_cases(self, reference: Reference) -> list[Case]:
        reference.recall = self.report.recall - CHECK_SLACK, self.k
        try:
            return super()._list_cases(reference)
        finally:
            reference.recall = None
