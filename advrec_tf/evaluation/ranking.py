"""Full-ranking evaluation: every unseen item is a candidate, every metric in one pass.

The model scores a block of users; one compiled function masks the items they have seen, takes the
top k and returns metrics per user, without Python per user. The same evaluator serves validation
inside `fit`, the results tables and the tests. What scores users may be anything that
`scorers.as_scorer` takes. Definitions, for a user with the relevant set R and hits h_1..h_k (1
where the item at that rank is in R):

    precision@k      sum h / k
    recall@k         sum h / |R|
    capped_recall@k  sum h / min(|R|, k), which a perfect list brings to 1 (Liang et al. 2018)
    f1@k             2 sum h / (k + |R|)
    hit_rate@k       1 where any h
    ndcg@k           sum h_i / log2(i + 1), over the same sum for min(|R|, k) leading hits
    map@k            sum h_i precision@i / min(|R|, k)
    mrr              1 / rank of the first relevant item, over the whole catalogue

Equal scores count against the relevant item. An item of score -inf is not ranked: the reciprocal
rank of a user whose relevant items all score -inf is 0. A user without relevant items is left out
of every mean and counted in `users_without_relevant`. Per list, over all evaluated users:

    coverage@k         fraction of the catalogue that appears in at least one list
    long_tail_share@k  fraction of the recommendations that are items outside the 20 % with the
                       most training interactions (APLT; Abdollahpouri et al. 2019)
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.scorers import as_scorer, checked_scores, name_of
from advrec_tf.ops import html

HEAD_FRACTION = 0.2
_BLOCK_CELLS = 2**22
_PER_USER = ("ndcg", "hit_rate", "recall", "capped_recall", "precision", "f1", "map")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RankingResult:
    """Metrics of one model on one set of users.

    Attributes:
        metrics: name -> mean over the evaluated users (or the list-level figure).
        per_user: name -> [users] float64, in the order of `users`.
        users: [users] int32, the evaluated user indices.
        top_items: [users, k] int32, the recommended item indices at the largest k; -1 where
            fewer than k candidates were left.
        users_without_relevant: how many users had nothing to find.
        users_per_second: evaluation speed of this call.
    """

    metrics: dict[str, float]
    per_user: dict[str, np.ndarray]
    users: np.ndarray
    top_items: np.ndarray
    users_without_relevant: int
    users_per_second: float

    def _repr_html_(self) -> str:
        return html.table(f"Ranking of {len(self.users):,} users", self.metrics.items())

    def of(self, user_index: np.ndarray) -> dict[str, float]:
        """Per-user metrics, averaged over those of the given users that were evaluated."""
        chosen = np.isin(self.users, user_index)
        if not chosen.any():
            return {}
        return {name: float(values[chosen].mean()) for name, values in self.per_user.items()}


class RankingEvaluator:
    """Ranks the catalogue for every user with a relevant item.

    Args:
        interactions: the training interactions: their items are masked as seen, and their counts
            are behind `long_tail_share`.
        relevant: interactions to be found; a pair that is masked is refused.
        also_seen: more interactions to mask (at test time the validation interactions).
        ks: cut-offs, each >= 1.
        users: evaluate only these user indices.
        item_counts: [num_items], behind `long_tail_share` in place of the counts of `interactions`.

    Raises:
        ValueError: if a cut-off is not positive, nothing is relevant, or a relevant pair is
            masked.

    Examples:
        >>> import advrec_tf as ar
        >>> split = ar.data.load("synthetic", num_users=40, num_items=30).split("last_item")
        >>> evaluator = ar.evaluation.RankingEvaluator(
        ...     split.train, split.test, also_seen=split.validation
        ... )
        >>> result = evaluator.evaluate(ar.models.Popularity().fit(split.train))
        >>> 0 <= result.metrics["ndcg@10"] <= 1
        True
    """

    def __init__(
        self,
        interactions: Interactions,
        relevant: Interactions,
        *,
        also_seen: Interactions | None = None,
        ks: Sequence[int] = (10, 20),
        users: np.ndarray | None = None,
        item_counts: np.ndarray | None = None,
    ):
        if not ks or min(ks) < 1:
            raise ValueError(f"`ks` should hold cut-offs >= 1. Received: {tuple(ks)!r}.")
        self.ks = tuple(sorted(ks))
        self.num_items = interactions.num_items
        self._interactions = interactions
        seen = interactions if also_seen is None else _concatenate(interactions, also_seen)
        found = relevant.by_user()
        known = seen.by_user()
        keys = found.users().astype(np.int64) * self.num_items + found.items
        masked = np.isin(keys, known.users().astype(np.int64) * self.num_items + known.items)
        if masked.any():
            user, item = divmod(int(keys[masked][0]), self.num_items)
            raise ValueError(
                f"`relevant` should hold no pair that is masked as seen. Received {masked.sum()}, "
                f"among them "
                f"user {interactions.users.ids[user]!r}, item {interactions.items.ids[item]!r}."
            )
        wanted = found.counts
        candidates = np.arange(interactions.num_users) if users is None else np.unique(users)
        self.users = candidates[wanted[candidates] > 0].astype(np.int32)
        self.users_without_relevant = int(len(candidates) - len(self.users))
        if not len(self.users):
            raise ValueError(
                "`relevant` should hold an interaction of at least one user. Received none."
            )
        self._seen = Histories(known)
        self._relevant = Histories(found)
        counts = interactions.item_counts() if item_counts is None else item_counts
        by_popularity = np.argsort(-counts, kind="stable")
        self._tail = np.ones(self.num_items, bool)
        self._tail[by_popularity[: int(np.ceil(HEAD_FRACTION * self.num_items))]] = False
        self._block = int(np.clip(_BLOCK_CELLS // self.num_items, 16, 4096))
        self._k = min(self.ks[-1], self.num_items)
        # Compiled once an evaluator, whatever the number of models it measures.
        self._block_metrics = tf.function(
            self._rank,
            [tf.TensorSpec([None, self.num_items], tf.float32), tf.TensorSpec([None], tf.int32)],
        ).get_concrete_function()

    def evaluate(self, model) -> RankingResult:
        """Rank by the scores of `model`, anything that `as_scorer` takes, and average.

        Raises:
            ValueError: if a score is NaN, or `score` has the wrong shape.
        """
        started = time.perf_counter()
        scorer = as_scorer(model, self._interactions)
        blocks = []
        for start in range(0, len(self.users), self._block):
            users = tf.constant(self.users[start : start + self._block])
            scores = checked_scores(scorer, users, self.num_items)
            blocks.append(self._block_metrics(scores, users))
        values = np.concatenate([block[0].numpy() for block in blocks]).astype(np.float64)
        top_items = np.concatenate([block[1].numpy() for block in blocks])
        seconds = time.perf_counter() - started
        if sum(int(block[2]) for block in blocks):
            raise ValueError(f"`score` of {name_of(scorer)} should not be NaN. Received NaN.")
        names = [f"{name}@{k}" for k in self.ks for name in _PER_USER] + ["mrr"]
        per_user = {name: values[:, i] for i, name in enumerate(names)}
        metrics = {name: float(column.mean()) for name, column in per_user.items()}
        for k in self.ks:
            listed = top_items[:, :k]
            listed = listed[listed >= 0]
            metrics[f"coverage@{k}"] = len(np.unique(listed)) / self.num_items
            metrics[f"long_tail_share@{k}"] = float(self._tail[listed].mean()) if len(listed) else 0
        return RankingResult(
            metrics=metrics,
            per_user=per_user,
            users=self.users,
            top_items=top_items,
            users_without_relevant=self.users_without_relevant,
            users_per_second=len(self.users) / seconds,
        )

    def _rank(self, scores: tf.Tensor, users: tf.Tensor):
        """[block, num_items] and [block] -> metrics [block, names], top items, count of NaN."""
        num_nan = tf.math.count_nonzero(tf.math.is_nan(scores))
        relevant = self._relevant.pairs(users)
        relevant_scores = tf.gather_nd(scores, relevant)
        seen = self._seen.pairs(users)
        minus_infinity = tf.fill(tf.shape(seen)[:1], np.float32(-np.inf))
        scores = tf.tensor_scatter_nd_update(scores, seen, minus_infinity)
        is_relevant = tf.scatter_nd(relevant, tf.ones(tf.shape(relevant)[:1]), tf.shape(scores))
        # The next float down: an item with exactly the score of a relevant one goes first.
        below = tf.math.nextafter(relevant_scores, tf.fill(tf.shape(relevant_scores), -np.inf))
        # TensorFlow's kernels take subnormal floats for zero, so the next one below zero is -tiny.
        tiny = np.finfo(np.float32).tiny
        below = tf.where(tf.abs(relevant_scores) < tiny, -tiny, below)
        lowered = tf.tensor_scatter_nd_update(scores, relevant, below)
        ranked, items = tf.math.top_k(lowered, self._k)
        hits = tf.gather(is_relevant, items, batch_dims=1) * tf.cast(ranked > -np.inf, tf.float32)

        def exactly():
            """With a relevant item halfway between its score and the next float down."""
            gap = tf.cast(relevant_scores, tf.float64) - tf.cast(below, tf.float64)
            halfway = tf.cast(below, tf.float64) + tf.where(tf.math.is_finite(gap), gap / 2, 0)
            exact = tf.tensor_scatter_nd_update(tf.cast(scores, tf.float64), relevant, halfway)
            ranked, items = tf.math.top_k(exact, self._k)
            return tf.cast(ranked, tf.float32), items

        # Where another item has the score that a relevant one was lowered to, it may stand first,
        # inside the list or at its end.
        mixed = (ranked[:, 1:] == ranked[:, :-1]) & (hits[:, 1:] != hits[:, :-1])
        reaches = (below >= tf.gather(ranked[:, -1], relevant[:, 0])) & (below > -np.inf)
        reaching = tf.math.segment_sum(tf.cast(reaches, tf.float32), relevant[:, 0])
        tied = tf.reduce_any(mixed & (ranked[:, 1:] > -np.inf))
        tied |= tf.reduce_any(reaching != tf.reduce_sum(hits, axis=1))
        top_scores, top_items = tf.cond(tied, exactly, lambda: (ranked, items))

        listed = top_scores > -np.inf
        hits = tf.gather(is_relevant, top_items, batch_dims=1) * tf.cast(listed, tf.float32)
        top_items = tf.where(listed, top_items, -1)
        count = tf.math.segment_sum(tf.ones(tf.shape(relevant)[:1]), relevant[:, 0])
        best = tf.math.segment_max(below, relevant[:, 0])
        better = tf.reduce_sum(tf.cast(lowered > best[:, None], tf.float32), axis=1)
        reciprocal_rank = tf.where(best > -np.inf, 1.0 / (1.0 + better), 0.0)
        columns = []
        for k in self.ks:
            columns += _list_metrics(hits[:, : min(k, self._k)], count, k)
        columns.append(reciprocal_rank)
        return tf.ensure_shape(tf.stack(columns, 1), [None, len(columns)]), top_items, num_nan


def _list_metrics(hits: tf.Tensor, count: tf.Tensor, k: int) -> list[tf.Tensor]:
    """hits [users, <=k] of 0/1, count [users] of relevant items -> the metrics of `_PER_USER`."""
    length = hits.shape[1]
    ranks = tf.range(1, length + 1, dtype=tf.float32)
    discount = np.log(2.0) / tf.math.log(ranks + 1.0)
    best_count = tf.minimum(count, float(k))
    ideal = tf.gather(tf.cumsum(discount), tf.minimum(tf.cast(best_count, tf.int32), length) - 1)
    found = tf.reduce_sum(hits, 1)
    precision_at_rank = tf.cumsum(hits, axis=1) / ranks
    return [
        tf.reduce_sum(hits * discount, 1) / ideal,
        tf.cast(found > 0, tf.float32),
        found / count,
        found / best_count,
        found / float(k),
        2.0 * found / (float(k) + count),
        tf.reduce_sum(hits * precision_at_rank, 1) / best_count,
    ]


def _concatenate(first: Interactions, second: Interactions) -> Interactions:
    return dataclasses.replace(
        first,
        user_index=np.concatenate([first.user_index, second.user_index]),
        item_index=np.concatenate([first.item_index, second.item_index]),
        rating=None,
        timestamp=None,
        context=None,
    )
