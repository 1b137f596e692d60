"""The probe attack: profiles grown from the answers of a recommender.

Heuristic attacks that query nothing are in `heuristic`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.heuristic import (
    AverageAttack,
    ShillingAttack,
    checked_targets,
    target_rating,
)
from advrec_tf.attacks.rating_statistics import RatingStatistics


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeAttack(ShillingAttack):
    """A profile grown from a few random items by the answers of a neighborhood recommender.

    O'Mahony et al. 2005: a few random items are rated about their mean, the recommender is queried
    with the profile, its recommendations are added with the predicted ratings, and so on. The
    recommender is user-based: similarity is the cosine of the profile with every user, the
    prediction a weighted mean.

    Args:
        rounds: queries, >= 1; each adds an equal part of the fillers.
    """

    rounds: int = 4

    def __post_init__(self):
        super().__post_init__()
        if self.rounds < 1:
            raise ValueError(f"`rounds` should be >= 1. Received: {self.rounds!r}.")

    def profiles(self, interactions, targets, *, rng):
        rng = np.random.default_rng(rng)
        targets = checked_targets(interactions, targets)
        statistics = RatingStatistics.of(interactions)
        seeds = max(1, self.num_fillers // (self.rounds + 1))
        start = AverageAttack(
            num_profiles=self.num_profiles,
            num_fillers=min(seeds, self.num_fillers),
            goal=self.goal,
            pool=self.pool,
        )
        profiles = start.profiles(interactions, targets, rng=rng)
        profiles[:, targets] = 0.0
        remaining = self.num_fillers - start.num_fillers
        available = interactions.num_items - len(targets)
        if self.num_fillers > available:
            raise ValueError(
                f"`num_fillers` should be at most {available}, the number of items beside the "
                f"targets. Received: {self.num_fillers}."
            )
        known = np.zeros((interactions.num_users, interactions.num_items), np.float32)
        known[interactions.user_index, interactions.item_index] = (
            1.0 if interactions.rating is None else interactions.rating
        )
        rated = (known > 0).astype(np.float32)
        length = np.linalg.norm(known, axis=1)
        rows = np.arange(self.num_profiles)[:, None]
        for part in np.array_split(np.arange(remaining), self.rounds):
            nearness = (profiles @ known.T) / np.maximum(length, 1e-9)
            support = nearness @ rated
            predicted = np.where(support > 0, nearness @ known / np.maximum(support, 1e-9), 0)
            # Recommended are items with a high prediction that many neighbors support.
            wanted = (predicted - statistics.low + 1.0) * support
            wanted[profiles > 0] = -np.inf
            wanted[:, targets] = -np.inf
            answers = np.argsort(-wanted, axis=1, kind="stable")[:, : len(part)]
            ratings = np.maximum(predicted[rows, answers], statistics.low)
            profiles[rows, answers] = statistics.on_scale(ratings)
        profiles[:, targets] = target_rating(statistics, self.goal)
        return profiles
