"""Shilling attacks written by rule: frozen records of their budget, all called alike.

`attack.profiles(data, targets, rng=rng)` writes the profiles of fake users. A record says how
many profiles there are and how many items each rates beside the targets; what differs between
attacks is which items these are (selected ones, the same in all profiles, and random fillers)
and how they are rated. Names and definitions follow Mobasher et al. 2007 (ACM TOIT 7(4)) and
Burke et al. 2015 (Recommender Systems Handbook, ch. 28) where no other source is given.
Hiding the profiles is left to `obfuscation`, making users of them to `injection`.
"""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Protocol

import numpy as np

from advrec_tf.attacks.rating_statistics import RatingFacts, facts_of
from advrec_tf.data.interactions import Interactions

GOALS = ("push", "nuke")


class Attack(Protocol):
    """What every attack offers, written by rule or learned."""

    @property
    def num_profiles(self) -> int: ...

    @property
    def num_fillers(self) -> int: ...

    def profiles(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> np.ndarray:
        """Profiles [num_profiles, num_items] float32, ratings on the scale of the data, 0 where
        an item is not rated. Each rates every target and `num_fillers` other items at most."""

    def resized(self, *, num_profiles: int, num_fillers: int) -> Attack:
        """The same attack with another budget."""


def checked_targets(data: Interactions, targets: np.ndarray) -> np.ndarray:
    """`targets` as [targets] int64.

    Raises:
        ValueError: if there is none, one is repeated, or one is no item.
    """
    found = np.atleast_1d(np.asarray(targets))
    if (
        not len(found)
        or found.dtype.kind not in "iu"
        or len(np.unique(found)) < len(found)
        or not 0 <= found.min() <= found.max() < data.num_items
    ):
        raise ValueError(
            f"`targets` should be distinct items, 0..{data.num_items - 1}. "
            f"Received: {found.tolist()}."
        )
    return found.astype(np.int64)


def target_rating(facts: RatingFacts, goal: str) -> float:
    """What the target is rated: the highest rating to push it, the lowest to nuke it.

    Raises:
        ValueError: if there is one rating only and the goal is to nuke.
    """
    if goal == "nuke" and facts.low == facts.high:
        raise ValueError(
            "`goal` should be 'push' where all ratings are alike: an interaction cannot harm "
            "the item it is with. Received: 'nuke'."
        )
    return facts.high if goal == "push" else facts.low


@dataclasses.dataclass(frozen=True, kw_only=True)
class ShillingAttack:
    """The budget, and the steps that all attacks by rule share.

    Args:
        num_profiles: fake users, >= 1.
        num_fillers: items each rates beside the targets, selected ones included, >= 0.
        goal: "push" or "nuke", towards which end of the scale the targets are rated.
        pool: fillers are drawn from this share of the items, the most rated ones; 1 is the whole
            catalogue, .2 with `AverageAttack` is average-over-popular (Hurley et al. 2009).

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
            raise ValueError(f"`pool` should be a share in (0, 1]. Received: {self.pool!r}.")

    def resized(self, *, num_profiles: int, num_fillers: int) -> ShillingAttack:
        return dataclasses.replace(self, num_profiles=num_profiles, num_fillers=num_fillers)

    def profiles(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> np.ndarray:
        """[num_profiles, num_items] float32, see `Attack`.

        Raises:
            ValueError: if a target is no item, or fewer items are left than fillers are asked.
        """
        targets = checked_targets(data, targets)
        facts = facts_of(data)
        profiles = np.zeros((self.num_profiles, data.num_items), np.float32)
        selected = self._selected(data, facts, targets, self.num_fillers)
        rows = np.arange(self.num_profiles)[:, None]
        profiles[rows, selected[None, :]] = self._selected_ratings(facts, selected)
        fillers = self._fillers(facts, np.concatenate([targets, selected]), len(selected), rng)
        profiles[rows, fillers] = facts.on_scale(self._filler_ratings(facts, fillers, rng))
        profiles[:, targets] = target_rating(facts, self.goal)
        return profiles

    def _fillers(self, facts: RatingFacts, taken, used: int, rng) -> np.ndarray:
        """[num_profiles, num_fillers - used] items, none of them taken."""
        count = self.num_fillers - used
        popular = facts.by_popularity()[: max(1, round(self.pool * len(facts.counts)))]
        pool = np.setdiff1d(popular, taken)
        if len(pool) < count:
            raise ValueError(
                f"`num_fillers` should be at most {len(pool) + used}, the items there are beside "
                f"the targets. Received: {self.num_fillers}."
            )
        return np.stack(
            [rng.choice(pool, count, replace=False) for _ in range(self.num_profiles)]
        ).astype(np.int64)

    def _selected(self, data, facts, targets, most: int) -> np.ndarray:
        """Items that all profiles rate, `most` at most, none of them a target."""
        return np.zeros(0, np.int64)

    def _selected_ratings(self, facts: RatingFacts, items: np.ndarray) -> np.ndarray | float:
        return facts.high

    def _filler_ratings(self, facts: RatingFacts, items: np.ndarray, rng) -> np.ndarray:
        """Ratings of fillers, any shape, before they are put on the scale."""
        return rng.normal(facts.mean, facts.std, items.shape)


class RandomAttack(ShillingAttack):
    """Random fillers rated about the mean of all ratings (RandomBot; Lam & Riedl 2004, WWW).
    Knows nothing of the items; the control of every other attack."""


class AverageAttack(ShillingAttack):
    """Random fillers rated about their own mean, with the deviation of all ratings (AverageBot;
    Lam & Riedl 2004)."""

    def _filler_ratings(self, facts, items, rng):
        return rng.normal(facts.item_mean[items], facts.std)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BandwagonAttack(ShillingAttack):
    """The most rated items at the top of the scale, random fillers about the global mean."""

    num_selected: int = 10

    def _selected(self, data, facts, targets, most):
        popular = facts.by_popularity()
        return popular[~np.isin(popular, targets)][: min(self.num_selected, most)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReverseBandwagonAttack(ShillingAttack):
    """Nuke among the least liked of the much rated items, all at the bottom of the scale.

    Much rated are the items with at least the mean number of ratings.
    """

    goal: str = "nuke"
    num_selected: int = 10

    goals: ClassVar[tuple[str, ...]] = ("nuke",)

    def _selected(self, data, facts, targets, most):
        known = np.flatnonzero(facts.counts >= facts.counts.mean())
        known = known[~np.isin(known, targets)]
        worst = known[np.argsort(facts.item_mean[known], kind="stable")]
        return worst[: min(self.num_selected, most)]

    def _selected_ratings(self, facts, items):
        return facts.low


@dataclasses.dataclass(frozen=True, kw_only=True)
class SegmentAttack(ShillingAttack):
    """Items that the users aimed at like at the top of the scale, fillers at the bottom.

    Args:
        segment: the items of the segment; by default the `num_selected` items liked (rated above
            the mean) by most of those who like the targets, popular ones first where they tie.
    """

    segment: tuple[int, ...] | None = None
    num_selected: int = 3

    def _selected(self, data, facts, targets, most):
        if self.segment is not None:
            chosen = checked_targets(data, np.asarray(self.segment, np.int64))
            return chosen[~np.isin(chosen, targets)][:most]
        liked = data if data.rating is None else data.select(data.rating >= facts.mean)
        fans = np.unique(liked.user_index[np.isin(liked.item_index, targets)])
        together = np.bincount(
            liked.item_index[np.isin(liked.user_index, fans)], minlength=data.num_items
        )
        order = np.lexsort((-facts.counts, -together))
        return order[~np.isin(order, targets)][: min(self.num_selected, most)]

    def _filler_ratings(self, facts, items, rng):
        return np.full(items.shape, facts.low)


class LoveHateAttack(ShillingAttack):
    """Random fillers at the end of the scale opposite to the targets': top to nuke, bottom to
    push (Mobasher et al. 2007). Needs no knowledge."""

    def _filler_ratings(self, facts, items, rng):
        return np.full(items.shape, facts.high if self.goal == "nuke" else facts.low)


class PopularAttack(ShillingAttack):
    """The most rated items, each a step apart by whether it is liked more than others.

    O'Mahony, Hurley & Silvestre 2005 (AAAI): to push, items of a mean at or above the global one
    are rated one level above the bottom, others at the bottom; to nuke, one level below the top
    for the less liked and the top for the others. So profiles correlate with real users and lie
    far from the target's rating. All profiles of one call are alike.
    """

    def _selected(self, data, facts, targets, most):
        popular = facts.by_popularity()
        popular = popular[~np.isin(popular, targets)]
        if len(popular) < most:
            raise ValueError(
                f"`num_fillers` should be at most {len(popular)}, the items there are beside the "
                f"targets. Received: {most}."
            )
        return popular[:most]

    def _selected_ratings(self, facts, items):
        levels, liked = facts.levels, facts.item_mean[items] >= facts.mean
        if self.goal == "push":
            return np.where(liked, levels[min(1, len(levels) - 1)], levels[0])
        return np.where(liked, levels[-1], levels[max(-2, -len(levels))])
