"""Full-ranking evaluation: every unseen item is a candidate, every metric in one pass.

The model scores a block of users; one compiled function masks the items they have seen, takes the
top k and returns metrics per user, without Python per user (`user_lists`); users who are scored by
vectors are ranked over large catalogues without their scores being stored (`vector_lists`). The
same evaluator serves validation inside `fit`, the results tables and the tests. What scores users
may be anything that `scorers.as_scorer` takes. Definitions, for a user with the relevant set R and
hits h_1..h_k (1 where the item at that rank is in R):

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
from collections.abc import Iterator, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.same_ids import checked_users, require_same_ids
from advrec_tf.data.split_parts import Split
from advrec_tf.evaluation.scorers import as_scorer, checked_scores, name_of
from advrec_tf.evaluation.user_lists import UserLists
from advrec_tf.evaluation.vector_lists import VectorLists
from advrec_tf.ops import html

HEAD_FRACTION = 0.2
_BLOCK_CELLS = 2**22


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
        ValueError: if a cut-off is not positive, nothing is relevant, a relevant pair is masked,
            `users` are no indices, or `relevant` or `also_seen` has other users or items.

    Examples:
        >>> import advrec_tf as ar
        >>> split = ar.data.load("synthetic", num_users=40, num_items=30).split("last_item")
        >>> evaluator = ar.evaluation.RankingEvaluator.of_split(split)
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
        for name, others in (("`relevant`", relevant), ("`also_seen`", also_seen)):
            if others is not None:
                require_same_ids(interactions, others, ("`interactions`", name))
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
        candidates = np.arange(interactions.num_users)
        if users is not None:
            candidates = checked_users(users, interactions.num_users)
        self.users = candidates[wanted[candidates] > 0].astype(np.int32)
        self.users_without_relevant = int(len(candidates) - len(self.users))
        if not len(self.users):
            raise ValueError(
                "`relevant` should hold an interaction of at least one user. Received none."
            )
        counts = interactions.item_counts() if item_counts is None else item_counts
        by_popularity = np.argsort(-counts, kind="stable")
        self._tail = np.ones(self.num_items, bool)
        self._tail[by_popularity[: int(np.ceil(HEAD_FRACTION * self.num_items))]] = False
        self._block = int(np.clip(_BLOCK_CELLS // self.num_items, 16, 4096))
        self._lists = UserLists(Histories(known), Histories(found), self.ks)
        self._by_vectors = VectorLists(self._lists)

    @classmethod
    def of_split(cls, split: Split, part: str = "test", **settings) -> RankingEvaluator:
        """An evaluator of a part of a split, with what precedes it masked.

        Args:
            split: in memory or of a stream.
            part: "test", where the validation interactions are masked as well, or "validation".
            **settings: `ks` and `users`.

        Raises:
            ValueError: if there is no such part, or as the constructor does.
        """
        if part not in ("validation", "test"):
            raise ValueError(f"`part` should be 'validation' or 'test'. Received: {part!r}.")
        return cls(
            split.seen(),
            getattr(split, part),
            also_seen=split.validation if part == "test" else None,
            item_counts=split.train.item_counts(),
            **settings,
        )

    def evaluate(self, model) -> RankingResult:
        """Rank by the scores of `model`, anything that `as_scorer` takes, and average.

        Raises:
            ValueError: if a score is NaN, `score` has the wrong shape, or `model` has
                `interactions` of other users or items than the evaluator.
        """
        started = time.perf_counter()
        scorer = as_scorer(model, self._interactions, users=self.users)
        if self._by_vectors.takes(scorer, self.users):
            blocks = self._by_vectors.rank(scorer, self.users)
        else:
            blocks = self._blocks(scorer)
        found = list(blocks)
        values = np.concatenate([block[0] for block in found]).astype(np.float64)
        top_items = np.concatenate([block[1] for block in found])
        seconds = time.perf_counter() - started
        per_user = {name: values[:, i] for i, name in enumerate(self._lists.names)}
        metrics = {name: float(column.mean()) for name, column in per_user.items()}
        for k in self.ks:
            listed = top_items[:, :k]
            listed = listed[listed >= 0]
            covered = np.zeros(self.num_items, bool)
            covered[listed] = True
            metrics[f"coverage@{k}"] = int(covered.sum()) / self.num_items
            metrics[f"long_tail_share@{k}"] = float(self._tail[listed].mean()) if len(listed) else 0
        return RankingResult(
            metrics=metrics,
            per_user=per_user,
            users=self.users,
            top_items=top_items,
            users_without_relevant=self.users_without_relevant,
            users_per_second=len(self.users) / seconds,
        )

    def _blocks(self, scorer) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Metrics [block, names] and top items [block, k] by whole rows of scores."""
        num_nan = 0
        for start in range(0, len(self.users), self._block):
            users = tf.constant(self.users[start : start + self._block])
            scores = checked_scores(scorer, users, self.num_items)
            values, top_items, nan = self._lists.of_scores(scores, users)
            num_nan += int(nan)
            yield values.numpy(), top_items.numpy()
        if num_nan:
            raise ValueError(f"`score` of {name_of(scorer)} should not be NaN. Received NaN.")


def _concatenate(first: Interactions, second: Interactions) -> Interactions:
    return dataclasses.replace(
        first,
        user_index=np.concatenate([first.user_index, second.user_index]),
        item_index=np.concatenate([first.item_index, second.item_index]),
        rating=None,
        timestamp=None,
        context=None,
    )
