"""Fake profiles copied from real ones, without a generator.

Generators that start from such templates are in `gan`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.heuristic import ShillingAttack, checked_targets, target_rating
from advrec_tf.attacks.rating_statistics import RatingStatistics
from advrec_tf.ops.rng import RNG

MIN_TEMPLATES = 10


def most_active(counts: np.ndarray, max_users: int) -> np.ndarray:
    """[<= max_users] users with a count above 0, those with the highest counts first."""
    order = np.argsort(-counts, kind="stable")[:max_users]
    return order[counts[order] > 0]


def template_users(
    counts: np.ndarray, num_items: int, *, min_users: int = MIN_TEMPLATES
) -> np.ndarray:
    """Users with at least `num_items` items, and with one.

    Where fewer than `min_users` have so many: the most active tenth, and at least `min_users`.

    Args:
        counts: [num_users] number of items that may be copied.
    """
    enough = np.flatnonzero(counts >= max(num_items, 1))
    return (
        enough
        if len(enough) >= min_users
        else most_active(counts, max(min_users, len(counts) // 10))
    )


def nearest_users(
    held: np.ndarray,
    count: int,
    *,
    rng: RNG,
    users: np.ndarray,
    center: np.ndarray | None = None,
) -> np.ndarray:
    """[<= count] of `users`: one drawn at random, and those nearest to it, the nearest first.

    Args:
        held: [users, num_items] bool, no row empty.
        users: [users] int, what stands for each row.
        center: [num_items] bool, the items to be near to, in the place of those of a user drawn.
    """
    rng = np.random.default_rng(rng)
    if center is None or not center.any():
        center = held[rng.integers(len(users))]
    common = held @ center.astype(np.float32)
    cosine = common / np.sqrt(held.sum(axis=1) * center.sum())
    return users[np.argsort(-cosine, kind="stable")[:count]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class CopyAttack(ShillingAttack):
    """Fillers and their ratings copied from real users: AUSH's templates without its generator.

    Each profile takes equal parts of the items of `num_sources` users, drawn among the
    `template_users`; profiles are shorter where those have too few items. One source makes a
    truncated copy of a user; several share no taste but make no near duplicate of a user. Sources
    may be power users (Wilson & Seminario 2013, ACM RecSys workshop). Sources out of one community
    make profiles that hang together, each by itself and all with each other, so that the target
    looks like an item of that community: what an attacker does who knows of `CoherenceWeights`.

    Args:
        num_sources: users that a profile is made of, >= 1.
        num_power_users: draw sources among so many of the most active users; None draws among all.
        community: keep of these so many that are nearest to one of them, drawn at random, by the
            cosine of their sets of items; None keeps all.
        center: the user index that a community is near to, in the place of one drawn.
    """

    num_sources: int = 1
    num_power_users: int | None = None
    community: int | None = None
    center: int | None = None

    def __post_init__(self):
        super().__post_init__()
        pools = (self.num_power_users, self.community)
        if self.num_sources < 1 or any(p is not None and p < self.num_sources for p in pools):
            raise ValueError(
                "`num_sources` should be >= 1 and `num_power_users` at least as much, as should "
                f"`community`. Received: {self.num_sources!r}, {pools[0]!r} and {pools[1]!r}."
            )

    def profiles(self, interactions, targets, *, rng):
        rng = np.random.default_rng(rng)
        targets = checked_targets(interactions, targets)
        statistics = RatingStatistics.of(interactions)
        known = np.zeros((interactions.num_users, interactions.num_items), np.float32)
        known[interactions.user_index, interactions.item_index] = (
            1.0 if interactions.rating is None else interactions.rating
        )
        known[:, targets] = 0.0
        counts = (known > 0).sum(axis=1)
        if self.num_power_users is None:
            items_of_each = -(-self.num_fillers // self.num_sources)
            min_users = max(MIN_TEMPLATES, self.num_sources)
            users = template_users(counts, items_of_each, min_users=min_users)
        else:
            users = most_active(counts, self.num_power_users)
        if len(users) < self.num_sources:
            raise ValueError(
                f"`interactions` should hold {self.num_sources} users with ratings of items that "
                f"are no targets. Received {len(users)}."
            )
        if self.community is not None:
            center = None if self.center is None else known[self.center] > 0
            users = nearest_users(
                known[users] > 0, self.community, rng=rng, users=users, center=center
            )
        profiles = np.zeros((self.num_profiles, interactions.num_items), np.float32)
        for profile in profiles:
            remaining = self.num_fillers
            chosen = rng.choice(users, self.num_sources, replace=False)
            for number, user in enumerate(chosen):
                own = np.flatnonzero((known[user] > 0) & (profile == 0))
                taken = rng.permutation(own)[: -(-remaining // (self.num_sources - number))]
                profile[taken] = known[user, taken]
                remaining -= len(taken)
        profiles[:, targets] = target_rating(statistics, self.goal)
        return profiles
