"""A campaign and its settings: what an attacker varies who can try the defence beforehand.

`CampaignAttack` are copies of real users of which there may be fewer, and shorter ones, than the
budget allows, with fillers that all accounts share, and a community chosen at random or around a
user who has the target. `turned` lists the campaigns one setting away. Which of them works is
searched by `defence.adaptive.BestResponse`. Times are left to `injection`, which spreads them as
real ones.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from advrec_tf.attacks.copies import CopyAttack
from advrec_tf.attacks.heuristic import checked_targets
from advrec_tf.attacks.rating_statistics import RatingStatistics

SETTINGS: Mapping[str, Sequence] = {
    "accounts": (0.2, 0.4, 0.7, 1.0),
    "length": (0.15, 0.3, 0.6, 1.0),
    "shared": (0.0, 0.25, 0.5, 0.75),
    "num_sources": (1, 2, 4, 8),
    "community": (25, 50, 100, 200, None),
    "around_target": (False, True),
    "mean_ratings": (False, True),
}
"""Field of `CampaignAttack` -> its settings, in order."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class CampaignAttack(CopyAttack):
    """Copies of users within a budget that need not be spent.

    Args:
        accounts: fraction of `num_profiles` that is registered, in (0, 1]; at least one.
        length: fraction of `num_fillers` that each rates, in (0, 1].
        shared: fraction of a profile's fillers that all profiles have, in [0, 1): the items that
            most of them had copied.
        around_target: the community is that of a user who has a target, where there is one.
        mean_ratings: fillers are rated by their mean, not as the user rated them who was copied.

    Raises:
        ValueError: if a fraction is out of range, or as `CopyAttack` does.
    """

    accounts: float = 1.0
    length: float = 1.0
    shared: float = 0.0
    around_target: bool = False
    mean_ratings: bool = False

    def __post_init__(self):
        super().__post_init__()
        if not (0 < self.accounts <= 1 and 0 < self.length <= 1 and 0 <= self.shared < 1):
            raise ValueError(
                "`accounts` and `length` should be in (0, 1] and `shared` in [0, 1). "
                f"Received: {self.accounts!r}, {self.length!r}, {self.shared!r}."
            )

    def profiles(self, interactions, targets, *, rng):
        """[at most num_profiles, num_items] float32; see `attacks.heuristic.Attack`."""
        rng = np.random.default_rng(rng)
        targets = checked_targets(interactions, targets)
        statistics = RatingStatistics.of(interactions)
        copies = CopyAttack(
            num_profiles=max(1, round(self.accounts * self.num_profiles)),
            num_fillers=max(1, round(self.length * self.num_fillers)),
            goal=self.goal,
            num_sources=self.num_sources,
            community=self.community,
            center=self._center(interactions, targets, rng),
        )
        profiles = copies.profiles(interactions, targets, rng=rng)
        fillers = profiles.copy()
        fillers[:, targets] = 0.0
        if self.shared:
            _share(fillers, statistics, self.shared, rng)
        if self.mean_ratings:
            mean = statistics.on_scale(statistics.item_mean)
            fillers = np.where(fillers > 0, mean, 0.0).astype(np.float32)
        fillers[:, targets] = profiles[:, targets]
        return fillers

    def _center(self, interactions, targets, rng) -> int | None:
        holders = np.unique(interactions.user_index[np.isin(interactions.item_index, targets)])
        if not self.around_target or self.community is None or not len(holders):
            return None
        return int(rng.choice(holders))


def _share(fillers: np.ndarray, statistics: RatingStatistics, shared: float, rng) -> None:
    """Put the items that most profiles hold into all, in the place of others; in place."""
    count = int(np.median((fillers > 0).sum(axis=1)))
    core = np.argsort(-(fillers > 0).sum(axis=0), kind="stable")[: round(shared * count)]
    mean = statistics.on_scale(statistics.item_mean)
    for profile in fillers:
        missing = core[profile[core] == 0]
        others = np.setdiff1d(np.flatnonzero(profile), core)
        dropped = rng.permutation(others)[: len(missing)]
        added = missing[: len(dropped)]  # the budget of fillers stays
        profile[dropped], profile[added] = 0.0, mean[added]


def turned(attack: CampaignAttack) -> list[CampaignAttack]:
    """The campaigns one step of one setting away, of the same budget; those that make no sense,
    such as more sources than a community has, are left out."""
    found = []
    for name, values in SETTINGS.items():
        place = values.index(getattr(attack, name))
        for other in (place - 1, place + 1):
            if not 0 <= other < len(values):
                continue
            try:
                found.append(dataclasses.replace(attack, **{name: values[other]}))
            except ValueError:
                continue
    return found
