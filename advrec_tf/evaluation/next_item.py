"""Next-item evaluation: histories in, the whole catalogue ranked, by `ranking.RankingEvaluator`.

Each query of `data.next_item` stands where a user stands there, so that the metrics, the treatment
of equal scores and the paired values per query are the same. With one target a query `hit_rate@k`
is the HR@k of the literature, `map@k` its MRR@k.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.next_item import NextItemQueries
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation.ranking import RankingEvaluator, RankingResult
from advrec_tf.evaluation.scorers import as_scorer, name_of, require_own_indices
from advrec_tf.models.sequential.history_scores import scores_of


class NextItemEvaluator:
    """Ranks the catalogue for every query.

    A model with `score_history(histories) -> [batch, num_items]` is given the histories, [batch,
    n] int32 item indices, -1 on the left of shorter ones; it cuts them to its own window. Any
    other is asked by `score(user_index)` and knows of a history what it was trained on.

    Args:
        queries: histories and targets.
        train: the training interactions; their counts are behind `never_seen` and
            `long_tail_share`.
        ks: cut-offs, each >= 1.
        repeats: whether items of the history are ranked, too, as where people click again; by
            default they are left out, and targets that stand in their history with them.
        length: histories are cut to their last so many items before a model sees them; by default
            the longest there is.

    Attributes:
        never_seen: fraction of the targets that have no training interaction.
        targets_in_history: how many targets were left out since they stand in their history.

    Raises:
        ValueError: if `length` < 1, the catalogues differ, or no target is left.
    """

    def __init__(
        self,
        queries: NextItemQueries,
        train: Interactions,
        *,
        ks: tuple[int, ...] = (5, 10),
        repeats: bool = False,
        length: int | None = None,
    ):
        if queries.num_items != train.num_items:
            raise ValueError(
                "`queries` should be of the catalogue of `train`. Received "
                f"{queries.num_items} items beside {train.num_items}."
            )
        longest = max(1, int(queries.lengths.max()))
        if length is not None and length < 1:
            raise ValueError(f"`length` should be >= 1. Received: {length!r}.")
        self.length = longest if length is None else min(length, longest)
        self.queries, self._train = queries, train
        counts = train.item_counts()
        self.never_seen = float((counts[queries.target_item] == 0).mean())
        history = queries.pairs()
        if repeats:
            history = (history[0][:0], history[1][:0])
        there = self._keys(*history)
        known = np.isin(self._keys(queries.target_query, queries.target_item), there)
        self.targets_in_history = int(known.sum())
        if known.all():
            raise ValueError(
                "`queries` should have a target that does not stand in its history. Received "
                f"{len(known)} targets that all do; `repeats=True` ranks them."
            )
        asked = Vocabulary(np.arange(len(queries)))

        def pairs(query, item) -> Interactions:
            return Interactions(user_index=query, item_index=item, users=asked, items=train.items)

        self._evaluator = RankingEvaluator(
            pairs(*history),
            pairs(queries.target_query[~known], queries.target_item[~known]),
            ks=ks,
            item_counts=counts,
        )

    def evaluate(self, model) -> RankingResult:
        """Rank for all queries; `users` of the result are queries.

        Raises:
            ValueError: if a score is NaN, the scores have the wrong shape, or `model` has
                `interactions` of another catalogue.
        """
        return self._evaluator.evaluate(_QueryScorer(model, self))

    def _keys(self, query: np.ndarray, item: np.ndarray) -> np.ndarray:
        return query.astype(np.int64) * self.queries.num_items + item


class _QueryScorer:
    """`score(query)` by the history of a query, or by its user."""

    def __init__(self, model, evaluator: NextItemEvaluator):
        self._queries, self._length = evaluator.queries, evaluator.length
        self._by_history = callable(getattr(model, "score_history", None))
        self._model = model
        if self._by_history:
            require_own_indices(model, evaluator._train, users=np.zeros(0, np.int32))
        else:
            self._model = as_scorer(model, evaluator._train)
        self.name = name_of(model)

    def score(self, query: tf.Tensor) -> tf.Tensor:
        chosen = np.asarray(query)
        users = tf.constant(self._queries.user_index[chosen], tf.int32)
        if self._by_history:
            histories = self._queries.padded(chosen, self._length)
            return scores_of(self._model, tf.constant(histories), user=users)
        return self._model.score(users)
