"""How far fake profiles moved the items they target, and what else they changed.

All measures are of real users who have not rated the target in the clean data, over the full
ranking of the items they have not rated; the scores of fake users are never read. For the rank r
of target t for user u (1 is best, equal scores count against the target), averaged over the users
of a target and then over targets:

    target_hit_rate@k  1 where r <= k             target_ndcg@k  1 / log2(r + 1) where r <= k
    target_rank        r

    prediction_shift   score of the target after minus before, in the unit of the scores
    score_shift        the same in deviations of the user's scores before, for models whose
                       scores have no unit
    list_overlap@k     fraction of a user's k items after that were among the k before, over all
                       real users, without the targets

Collateral accuracy, the ranking of real users' test interactions, is left to `ranking`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.same_ids import checked_users
from advrec_tf.evaluation.scorers import as_scorer, checked_scores, name_of

_BLOCK_CELLS = 2**22


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TargetStanding:
    """Ranks and scores of the targets by one model.

    Attributes:
        targets: [targets] int32.
        rank: [targets, users] int32, 0 where the user has rated the target.
        score: [targets, users] float32, of the target.
        spread: [users] float32, deviation of the user's scores of unrated items.
        top_items: [users, k] int32, the lists with the targets left out; -1 where none is left.
    """

    targets: np.ndarray
    rank: np.ndarray
    score: np.ndarray
    spread: np.ndarray
    top_items: np.ndarray


class ManipulationEvaluator:
    """Ranks targets for the real users of a clean data set.

    Args:
        interactions: the clean data, before any injection; a victim's first users are its users.
        targets: [targets] int, item indices.
        ks: cut-offs, each >= 1.
        users: [n] int, measure these users only (a segment).

    Raises:
        ValueError: if a cut-off or a target is out of range, `users` are no indices, or all users
            have rated a target.
    """

    def __init__(
        self,
        interactions: Interactions,
        targets: Sequence[int] | np.ndarray,
        *,
        ks: Sequence[int] = (10, 20, 50),
        users: np.ndarray | None = None,
    ):
        if not ks or min(ks) < 1:
            raise ValueError(f"`ks` should hold cut-offs >= 1. Received: {tuple(ks)!r}.")
        targets = np.asarray(targets)
        if (
            not len(targets)
            or targets.dtype.kind not in "iu"
            or not 0 <= targets.min() <= targets.max() < interactions.num_items
        ):
            raise ValueError(
                f"`targets` should be items, 0..{interactions.num_items - 1}. "
                f"Received: {targets.tolist()}."
            )
        self.ks = tuple(sorted(ks))
        self.targets = targets.astype(np.int32)
        self.num_items = interactions.num_items
        self.users = np.arange(interactions.num_users)
        if users is not None:
            self.users = checked_users(users, interactions.num_users)
        self._interactions = interactions
        self._seen = interactions.by_user()
        self.applies = np.stack(
            [
                ~np.isin(self.users, interactions.user_index[interactions.item_index == target])
                for target in self.targets
            ]
        )
        if not self.applies.any(axis=1).all():
            empty = int(self.targets[~self.applies.any(axis=1)][0])
            raise ValueError(
                "`users` should hold a user who has not rated the target, for every target. "
                f"Received none for item {empty}."
            )

    def standing(self, model) -> TargetStanding:
        """Ranks, scores and lists of one model, anything that `scorers.as_scorer` takes.

        Raises:
            ValueError: if `score` has the wrong shape or gives NaN.
        """
        block = int(np.clip(_BLOCK_CELLS // self.num_items, 16, 4096))
        k = min(self.ks[-1], self.num_items)
        scorer = as_scorer(model, self._interactions, users=self.users)
        ranks, scores, spreads, tops = [], [], [], []
        for start in range(0, len(self.users), block):
            users = self.users[start : start + block]
            found = np.array(checked_scores(scorer, users, self.num_items))
            if np.isnan(found).any():
                raise ValueError(f"`score` of {name_of(scorer)} should not be NaN. Received NaN.")
            seen = np.zeros(found.shape, bool)
            for row, user in enumerate(users):
                seen[row, self._seen[user]] = True
            spreads.append(np.std(found, axis=1, where=~seen))
            of_target = found[:, self.targets]
            scores.append(of_target.T)
            found[seen] = -np.inf
            # The target itself is one of the items not below it, so the best rank is 1.
            ranks.append(
                np.stack([(found >= of_target[:, [i]]).sum(1) for i in range(len(self.targets))])
            )
            found[:, self.targets] = -np.inf
            top = tf.math.top_k(found, k)
            tops.append(np.where(np.isfinite(top.values), top.indices, -1))
        rank = np.where(self.applies, np.concatenate(ranks, axis=1), 0)
        return TargetStanding(
            targets=self.targets,
            rank=rank.astype(np.int32),
            score=np.concatenate(scores, axis=1),
            spread=np.concatenate(spreads),
            top_items=np.concatenate(tops).astype(np.int32),
        )

    def metrics(
        self, after: TargetStanding, before: TargetStanding | None = None
    ) -> dict[str, float]:
        """Means over targets; with `before`, of the clean model, also shifts and overlaps."""
        return _mean_over(self.per_target(after, before)) | (
            {} if before is None else self._overlaps(after, before)
        )

    def per_target(
        self, after: TargetStanding, before: TargetStanding | None = None
    ) -> dict[int, dict[str, float]]:
        """Target -> its measures, over the users who have not rated it."""
        result = {}
        for i, target in enumerate(self.targets):
            users = self.applies[i]
            rank = after.rank[i, users].astype(np.float64)
            measures = {"target_rank": float(rank.mean())}
            for k in self.ks:
                hit = rank <= k
                measures[f"target_hit_rate@{k}"] = float(hit.mean())
                measures[f"target_ndcg@{k}"] = float(np.where(hit, 1 / np.log2(rank + 1), 0).mean())
            if before is not None:
                shift = after.score[i, users] - before.score[i, users]
                measures["prediction_shift"] = float(shift.mean())
                spread = np.maximum(before.spread[users], np.finfo(np.float32).tiny)
                measures["score_shift"] = float((shift / spread).mean())
            result[int(target)] = measures
        return result

    def _overlaps(self, after: TargetStanding, before: TargetStanding) -> dict[str, float]:
        overlaps = {}
        for k in self.ks:
            new, old = after.top_items[:, :k], before.top_items[:, :k]
            common = (new[:, :, None] == old[:, None, :]) & (new >= 0)[:, :, None]
            length = np.maximum((old >= 0).sum(1), 1)
            overlaps[f"list_overlap@{k}"] = float((common.sum((1, 2)) / length).mean())
        return overlaps


def _mean_over(targets: Mapping[int, Mapping[str, float]]) -> dict[str, float]:
    names = next(iter(targets.values()))
    return {name: float(np.mean([t[name] for t in targets.values()])) for name in names}
