"""A shilling attack that asks the system: profiles grown from its answers.

All that is written by rule alone is in `heuristic`.
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
from advrec_tf.attacks.rating_statistics import facts_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProbeAttack(ShillingAttack):
    """A profile grown from seeds by what a neighborhood recommender answers to it.

    O'Mahony et al. 2005: a few random items are rated about their mean, the system is asked what
    it would recommend to such a user, those items are rated as it predicts, and so on. The system
    asked is user-based: cosine of the profile with every user, prediction the weighted mean.

    Args:
        rounds: questions asked, >= 1; each yields an equal share of the fillers.
    """

    rounds: int = 4

    def __post_init__(self):
        super().__post_init__()
        if self.rounds < 1:
            raise ValueError(f"`rounds` should be >= 1. Received: {self.rounds!r}.")

    def profiles(self, data, targets, *, rng):
        targets = checked_targets(data, targets)
        facts = facts_of(data)
        seeds = max(1, self.num_fillers // (self.rounds + 1))
        start = AverageAttack(
            num_profiles=self.num_profiles,
            num_fillers=min(seeds, self.num_fillers),
            goal=self.goal,
            pool=self.pool,
        )
        profiles = start.profiles(data, targets, rng=rng)
        profiles[:, targets] = 0.0
        left = self.num_fillers - start.num_fillers
        if left + start.num_fillers > data.num_items - len(targets):
            raise ValueError(
                f"`num_fillers` should be at most {data.num_items - len(targets)}, the items there "
                f"are beside the targets. Received: {self.num_fillers}."
            )
        known = np.zeros((data.num_users, data.num_items), np.float32)
        known[data.user_index, data.item_index] = 1.0 if data.rating is None else data.rating
        rated = (known > 0).astype(np.float32)
        length = np.linalg.norm(known, axis=1)
        rows = np.arange(self.num_profiles)[:, None]
        for part in np.array_split(np.arange(left), self.rounds):
            nearness = (profiles @ known.T) / np.maximum(length, 1e-9)
            support = nearness @ rated
            predicted = np.where(support > 0, nearness @ known / np.maximum(support, 1e-9), 0)
            # What is recommended: liked, by enough of the neighbors to be sure of it.
            wanted = (predicted - facts.low + 1.0) * support
            wanted[profiles > 0] = -np.inf
            wanted[:, targets] = -np.inf
            answers = np.argsort(-wanted, axis=1, kind="stable")[:, : len(part)]
            ratings = np.maximum(predicted[rows, answers], facts.low)
            profiles[rows, answers] = facts.on_scale(ratings)
        profiles[:, targets] = target_rating(facts, self.goal)
        return profiles
