"""Fake profiles cut from real ones: whom to copy, and copying without a generator.

What a generator makes of such templates is in `profile_gan`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.heuristic import ShillingAttack, checked_targets, target_rating
from advrec_tf.attacks.rating_statistics import facts_of

FEWEST_TEMPLATES = 10


def most_active(counts: np.ndarray, most: int) -> np.ndarray:
    """[<= most] users, those with the highest counts first, none without any."""
    order = np.argsort(-counts, kind="stable")[:most]
    return order[counts[order] > 0]


def users_to_copy(counts: np.ndarray, needed: int, *, fewest: int = FEWEST_TEMPLATES) -> np.ndarray:
    """Users with as many items as a profile needs; where fewer than `fewest` have so many, the most
    active tenth, `fewest` at least.

    Args:
        counts: [num_users] items that may be copied.
        needed: items; of none, one is.
    """
    enough = np.flatnonzero(counts >= max(needed, 1))
    return enough if len(enough) >= fewest else most_active(counts, max(fewest, len(counts) // 10))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CopyAttack(ShillingAttack):
    """Fillers and their ratings taken from real users: what AUSH starts from, without a generator.

    Each profile takes equal parts of the items of `sources` users, drawn among those who have
    enough (among the most active tenth where hardly anybody has; profiles are then shorter). One
    source makes a cut copy of a user; several share no taste, but give no user a double. The
    users copied from may be the most active ones, `power` of them (Wilson & Seminario 2013, ACM
    RecSys workshop).

    Args:
        sources: users a profile is made of, >= 1.
        power: draw sources among so many of the most active users; None draws among all.
    """

    sources: int = 1
    power: int | None = None

    def __post_init__(self):
        super().__post_init__()
        if self.sources < 1 or (self.power is not None and self.power < self.sources):
            raise ValueError(
                "`sources` should be >= 1 and `power` at least as much. "
                f"Received: {self.sources!r} and {self.power!r}."
            )

    def profiles(self, data, targets, *, rng):
        targets = checked_targets(data, targets)
        facts = facts_of(data)
        known = np.zeros((data.num_users, data.num_items), np.float32)
        known[data.user_index, data.item_index] = 1.0 if data.rating is None else data.rating
        known[:, targets] = 0.0
        counts = (known > 0).sum(axis=1)
        if self.power is None:
            fraction = -(-self.num_fillers // self.sources)
            users = users_to_copy(counts, fraction, fewest=max(FEWEST_TEMPLATES, self.sources))
        else:
            users = most_active(counts, self.power)
        if len(users) < self.sources:
            raise ValueError(
                f"`data` should hold {self.sources} users with ratings of other items than the "
                f"targets. Received {len(users)}."
            )
        profiles = np.zeros((self.num_profiles, data.num_items), np.float32)
        for profile in profiles:
            left = self.num_fillers
            chosen = rng.choice(users, self.sources, replace=False)
            for number, user in enumerate(chosen):
                own = np.flatnonzero((known[user] > 0) & (profile == 0))
                taken = rng.permutation(own)[: -(-left // (self.sources - number))]
                profile[taken] = known[user, taken]
                left -= len(taken)
        profiles[:, targets] = target_rating(facts, self.goal)
        return profiles
