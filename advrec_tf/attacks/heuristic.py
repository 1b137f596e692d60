"""Heuristic shilling attacks: frozen records of their budget with one interface.

`attack.profiles(interactions, targets, rng=rng)` generates the profiles of fake users. A record
says how many profiles there are and how many items each rates beside the targets; attacks differ in
which items these are (selected ones, the same in all profiles, and random fillers) and how they are
rated. Names and definitions follow Mobasher et al. 2007 (ACM TOIT 7(4)) and Burke et al. 2015
(Recommender Systems Handbook, ch. 28) where no other source is given. Obfuscation is left to
`obfuscation`, the injection of profiles as users to `injection`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Protocol

import numpy as np

from advrec_tf.attacks.rating_statistics import RatingStatistics
from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.rng import RNG

GOALS = ("push", "nuke")


class Attack(Protocol):
    """The interface of every attack, heuristic or learned."""

    @property
    def num_profiles(self) -> int: ...

    @property
    def num_fillers(self) -> int: ...

    def profiles(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """Profiles [num_profiles, num_items] float32: ratings on the scale of the data, 0 where an
        item is not rated. Each rates every target and at most `num_fillers` other items."""

    def resized(self, *, num_profiles: int, num_fillers: int) -> Attack:
        """The same attack with another budget."""


def checked_targets(interactions: Interactions, targets: np.ndarray) -> np.ndarray:
    """`targets` as [targets] int64.

    Raises:
        ValueError: if there is none, one is repeated, or one is not an item index.
    """
    found = np.atleast_1d(np.asarray(targets))
    if (
        not len(found)
        or found.dtype.kind not in "iu"
        or len(np.unique(found)) < len(found)
        or not 0 <= found.min() <= found.max() < interactions.num_items
    ):
        raise ValueError(
            f"`targets` should be distinct items, 0..{interactions.num_items - 1}. "
            f"Received: {found.tolist()}."
        )
    return found.astype(np.int64)


def target_rating(statistics: RatingStatistics, goal: str) -> float:
    """The rating of the targets: the highest to push them, the lowest to nuke them.

    Raises:
        ValueError: if the data has one rating only and the goal is to nuke.
    """
    if goal == "nuke" and statistics.low == statistics.high:
        raise ValueError(
            "`goal` should be 'push' where all ratings are equal: an interaction cannot harm "
            "its item. Received: 'nuke'."
        )
    return statistics.high if goal == "push" else statistics.low


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShillingAttack:
    """The budget, and the steps that all heuristic attacks share.

    Args:
        num_profiles: fake users, >= 1.
        num_fillers: items that each rates beside the targets, selected ones included, >= 0.
        goal: "push" or "nuke", the end of the scale at which the targets are rated.
        pool: fillers are drawn from this fraction of the items, the most rated ones; 1 is the
            whole catalogue, .2 with `AverageAttack` is average-over-popular (Hurley et al. 2009).

    Raises:
        ValueError: if an argument is out of range or the attack does not have the goal.
    """

    num_profiles: int
    num_fillers: int
    goal: str = "push"
    pool: float = 1.0

    goals: ClassVar[tuple[str, ...]] = GOALS

    def __post_init__(self):
        if self.num_profiles < 1 or self.num_fillers < 0:
            raise ValueError(
                "`num_profiles` should be >= 1 and `num_fillers` >= 0. "
                f"Received: {self.num_profiles!r} and {self.num_fillers!r}."
            )
        if self.goal not in self.goals:
            raise ValueError(
                f"`goal` of {type(self).__name__} should be one of {self.goals}. "
                f"Received: {self.goal!r}."
            )
        if not 0 < self.pool <= 1:
            raise ValueError(f"`pool` should lie in (0, 1]. Received: {self.pool!r}.")

    def resized(self, *, num_profiles: int, num_fillers: int) -> ShillingAttack:
        """The same attack with another budget."""
        return dataclasses.replace(self, num_profiles=num_profiles, num_fillers=num_fillers)

    def pool_size(self, num_items: int) -> int:
        """How many of so many items the fillers are drawn from, the targets not yet left out."""
        return max(1, round(self.pool * num_items))

    def profiles(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """[num_profiles, num_items] float32, see `Attack`.

        Raises:
            ValueError: if a target is not an item index, or there are fewer items than fillers.
        """
        rng = np.random.default_rng(rng)
        targets = checked_targets(interactions, targets)
        statistics = RatingStatistics.of(interactions)
        profiles = np.zeros((self.num_profiles, interactions.num_items), np.float32)
        selected = self._selected(interactions, statistics, targets, self.num_fillers)
        rows = np.arange(self.num_profiles)[:, None]
        profiles[rows, selected[None, :]] = self._selected_ratings(statistics, selected)
        fillers = self._fillers(statistics, np.concatenate([targets, selected]), len(selected), rng)
        profiles[rows, fillers] = statistics.on_scale(
            self._filler_ratings(statistics, fillers, rng)
        )
        profiles[:, targets] = target_rating(statistics, self.goal)
        return profiles

    def _fillers(self, statistics: RatingStatistics, taken, used: int, rng) -> np.ndarray:
        """[num_profiles, num_fillers - used] items, none of them taken."""
        count = self.num_fillers - used
        popular = statistics.by_popularity()[: self.pool_size(len(statistics.counts))]
        pool = np.setdiff1d(popular, taken)
        if len(pool) < count:
            of = "items"
            if self.pool < 1:
                of = f"the {len(popular)} most rated items, a pool of {self.pool:g} of all,"
            raise ValueError(
                f"`num_fillers` should be at most {len(pool) + used}, the number of {of} beside "
                f"the targets. Received: {self.num_fillers}."
            )
        return np.stack(
            [rng.choice(pool, count, replace=False) for _ in range(self.num_profiles)]
        ).astype(np.int64)

    def _selected(self, interactions, statistics, targets, max_count: int) -> np.ndarray:
        """At most `max_count` items that all profiles rate, none of them a target."""
        return np.zeros(0, np.int64)

    def _selected_ratings(
        self, statistics: RatingStatistics, items: np.ndarray
    ) -> np.ndarray | float:
        return statistics.high

    def _filler_ratings(self, statistics: RatingStatistics, items: np.ndarray, rng) -> np.ndarray:
        """Ratings of fillers, any shape, before they are put on the scale."""
        return rng.normal(statistics.mean, statistics.std, items.shape)


class RandomAttack(ShillingAttack):
    """Random fillers with normal ratings about the mean of all ratings; Lam & Riedl 2004 (WWW),
    RandomBot. It needs no knowledge of the items and is the control of every other attack."""


class AverageAttack(ShillingAttack):
    """Random fillers with normal ratings about the item's mean, with the standard deviation of all
    ratings; Lam & Riedl 2004, AverageBot."""

    def _filler_ratings(self, statistics, items, rng):
        return rng.normal(statistics.item_mean[items], statistics.std)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BandwagonAttack(ShillingAttack):
    """The most rated items with the highest rating, random fillers about the global mean.

    Args:
        num_selected: items with the highest rating, >= 0.
    """

    num_selected: int = 10

    def _selected(self, interactions, statistics, targets, max_count):
        popular = statistics.by_popularity()
        return popular[~np.isin(popular, targets)][: min(self.num_selected, max_count)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReverseBandwagonAttack(ShillingAttack):
    """Nuke attack: the frequently rated items with the lowest means, all with the lowest rating.

    Frequently rated are items with at least the mean number of ratings.

    Args:
        num_selected: of those items, >= 0.
    """

    goal: str = "nuke"
    num_selected: int = 10

    goals: ClassVar[tuple[str, ...]] = ("nuke",)

    def _selected(self, interactions, statistics, targets, max_count):
        known = np.flatnonzero(statistics.counts >= statistics.counts.mean())
        known = known[~np.isin(known, targets)]
        worst = known[np.argsort(statistics.item_mean[known], kind="stable")]
        return worst[: min(self.num_selected, max_count)]

    def _selected_ratings(self, statistics, items):
        return statistics.low


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentAttack(ShillingAttack):
    """Items of a user segment with the highest rating, random fillers with the lowest.

    Args:
        segment: the items of the segment; by default the `num_selected` items rated at or above
            the mean by most of the users who rate a target so, the more popular ones in ties.
        num_selected: items of the default segment, >= 0.
    """

    segment: tuple[int, ...] | None = None
    num_selected: int = 3

    def _selected(self, interactions, statistics, targets, max_count):
        if self.segment is not None:
            chosen = checked_targets(interactions, np.asarray(self.segment, np.int64))
            return chosen[~np.isin(chosen, targets)][:max_count]
        positive = interactions
        if interactions.rating is not None:
            positive = interactions.select(interactions.rating >= statistics.mean)
        users = np.unique(positive.user_index[np.isin(positive.item_index, targets)])
        counts = np.bincount(
            positive.item_index[np.isin(positive.user_index, users)],
            minlength=interactions.num_items,
        )
        order = np.lexsort((-statistics.counts, -counts))
        return order[~np.isin(order, targets)][: min(self.num_selected, max_count)]

    def _filler_ratings(self, statistics, items, rng):
        return np.full(items.shape, statistics.low)


class LoveHateAttack(ShillingAttack):
    """Random fillers at the end of the scale opposite to the targets: the highest rating to nuke,
    the lowest to push; Mobasher et al. 2007. It needs no knowledge."""

    def _filler_ratings(self, statistics, items, rng):
        return np.full(items.shape, statistics.high if self.goal == "nuke" else statistics.low)


class PopularAttack(ShillingAttack):
    """The most rated items, with one of two ratings by whether their mean is above the global one.

    O'Mahony, Hurley & Silvestre 2005 (AAAI): to push, items of a mean at or above the global one
    have one level above the lowest rating, others the lowest; to nuke, items of a lower mean have
    one level below the highest, others the highest. So profiles correlate with real users and are
    far from the target's rating. All profiles of one call are equal.
    """

    def _selected(self, interactions, statistics, targets, max_count):
        popular = statistics.by_popularity()
        popular = popular[~np.isin(popular, targets)]
        if len(popular) < max_count:
            raise ValueError(
                f"`num_fillers` should be at most {len(popular)}, the number of items beside the "
                f"targets. Received: {max_count}."
            )
        return popular[:max_count]

    def _selected_ratings(self, statistics, items):
        levels, above = statistics.levels, statistics.item_mean[items] >= statistics.mean
        if self.goal == "push":
            return np.where(above, levels[min(1, len(levels) - 1)], levels[0])
        return np.where(above, levels[-1], levels[max(-2, -len(levels))])
