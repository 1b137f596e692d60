"""Generated interactions beside real ones: marked, weighted and limited in number.

A generator (a GAN, its ablation without the adversary, EASE, popularity, noise) gives scores;
`top_unseen` (the best) or `sample_unseen` (a random draw) turns them into interactions, and every
trainer takes both as `AugmentedInteractions`. Real interactions are never altered, and generated
ones never become negatives of real ones: their items enter a batch as their own positives only.
Augmentation without a generator is left to `augmentation_controls`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.rng import RNG


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class AugmentedInteractions:
    """Real interactions with generated ones.

    Attributes:
        real: the training interactions.
        user_index, item_index: [generated] int32, the generated interactions.
        weight: weight of a generated interaction in the loss, a real one having 1. >= 0.
        fraction: the largest number of generated interactions in a batch, as a fraction of the
            real ones in it.
        source: the generator's name, for reports.

    Raises:
        ValueError: if the columns differ in length, an index is out of range, a generated
            interaction repeats a real one, or `weight` or `fraction` lies outside its range.
    """

    real: Interactions
    user_index: np.ndarray
    item_index: np.ndarray
    weight: float = 0.3
    fraction: float = 0.2
    source: str = "generated"

    def __post_init__(self):
        if len(self.user_index) != len(self.item_index):
            raise ValueError(
                "`user_index` and `item_index` should have the same length. "
                f"Received: {len(self.user_index)} and {len(self.item_index)}."
            )
        if self.weight < 0 or not 0 < self.fraction <= 1:
            raise ValueError(
                "`weight` should be >= 0 and `fraction` in (0, 1]. "
                f"Received: {self.weight!r} and {self.fraction!r}."
            )
        generated = dataclasses.replace(
            self.real,
            user_index=self.user_index,
            item_index=self.item_index,
            rating=None,
            timestamp=None,
            context=None,
        )
        keys = [
            data.user_index.astype(np.int64) * data.num_items + data.item_index
            for data in (generated, self.real)
        ]
        repeated = np.isin(*keys)
        if repeated.any():
            raise ValueError(
                "Generated interactions should be new. "
                f"Received {repeated.sum()} that the user has."
            )

    def __len__(self) -> int:
        return len(self.user_index)


def top_unseen(
    scores: np.ndarray,
    interactions: Interactions,
    *,
    min_history: int,
    users: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Fill up short histories: each user gets the best unseen items up to `min_history` in all.

    Args:
        scores: [num_users, num_items], the generator's logits or probabilities.
        interactions: the real interactions; a user with `min_history` or more items gets none.
        min_history: real plus generated items per user, >= 1.
        users: only these user indices.

    Returns:
        (user_index, item_index), each [generated] int32.

    Raises:
        ValueError: if `scores` has the wrong shape or holds NaN, or `min_history` < 1.
    """
    expected = (interactions.num_users, interactions.num_items)
    if scores.shape != expected:
        raise ValueError(f"`scores` should have shape {expected}. Received: {scores.shape}.")
    if np.isnan(scores).any():
        raise ValueError("`scores` should be numbers. Received NaN.")
    if min_history < 1:
        raise ValueError(f"`min_history` should be >= 1. Received: {min_history!r}.")
    known = interactions.by_user()
    missing = np.maximum(min_history - known.counts, 0)
    if users is not None:
        missing[np.setdiff1d(np.arange(interactions.num_users), users)] = 0
    user_rows, item_rows = [], []
    for user in np.flatnonzero(missing):
        best = best_unseen(scores[user], known[int(user)], int(missing[user]))
        user_rows.append(np.full(len(best), user, np.int32))
        item_rows.append(best)
    if not user_rows:
        return np.zeros(0, np.int32), np.zeros(0, np.int32)
    return np.concatenate(user_rows), np.concatenate(item_rows)


def best_unseen(scores: np.ndarray, seen: np.ndarray, count: int) -> np.ndarray:
    """[count or fewer] int32, the items with the best scores [num_items] beside those `seen`."""
    own = scores.astype(np.float64)
    own[seen] = -np.inf
    count = min(count, int(np.isfinite(own).sum()))
    return np.argsort(-own, kind="stable")[:count].astype(np.int32)


def sample_unseen(
    logits: np.ndarray,
    users: np.ndarray,
    interactions: Interactions,
    counts: np.ndarray,
    *,
    rng: RNG,
) -> tuple[np.ndarray, np.ndarray]:
    """Unseen items drawn without replacement from each user's softmax.

    The largest entries of logits plus Gumbel noise (Kool et al. 2019, arXiv:1903.06059).

    Args:
        logits: [len(users), num_items]; -inf is never drawn.
        users: user indices.
        interactions: the real interactions; what a user has is never drawn.
        counts: [len(users)] int, items to draw; fewer where fewer are left.

    Returns:
        (user_index, item_index), each [generated] int32.

    Raises:
        ValueError: if the shapes do not fit, or a logit is NaN.
    """
    rng = np.random.default_rng(rng)
    expected = (len(users), interactions.num_items)
    if logits.shape != expected or np.shape(counts) != (len(users),):
        raise ValueError(
            f"`logits` should have shape {expected} and `counts` {expected[:1]}. "
            f"Received: {logits.shape} and {np.shape(counts)}."
        )
    if np.isnan(logits).any():
        raise ValueError("`logits` should be numbers. Received NaN.")
    known = interactions.by_user()
    user_rows, item_rows = [np.zeros(0, np.int32)], [np.zeros(0, np.int32)]
    for place, user in enumerate(users):
        perturbed = logits[place] + rng.gumbel(size=interactions.num_items)
        perturbed[known[user]] = -np.inf
        count = min(int(counts[place]), int(np.isfinite(perturbed).sum()))
        best = np.argsort(-perturbed, kind="stable")[:count]
        user_rows.append(np.full(count, user, np.int32))
        item_rows.append(best.astype(np.int32))
    return np.concatenate(user_rows), np.concatenate(item_rows)
