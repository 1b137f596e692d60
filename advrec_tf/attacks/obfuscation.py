"""Attacks made harder to tell from real users, as wrappers of other attacks.

Noise, user shifting and target shifting follow Williams, Mobasher, Burke et al. 2006 (WITS); a
mixed attack draws its profiles from several (Cao et al. 2013). Each is a frozen record around
frozen records, called as they are, and keeps their budgets: no item is rated more or less.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.heuristic import Attack, checked_targets
from advrec_tf.attacks.rating_statistics import RatingFacts, facts_of
from advrec_tf.attacks.wrappers import WrappedAttack
from advrec_tf.data.interactions import Interactions


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Altered(WrappedAttack):
    """An attack whose profiles are altered after they are written."""

    def profiles(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> np.ndarray:
        targets = checked_targets(data, targets)
        profiles = self.attack.profiles(data, targets, rng=rng)
        is_target = np.zeros(data.num_items, bool)
        is_target[targets] = True
        facts = facts_of(data)
        altered = self._altered(profiles, is_target, facts, rng)
        return np.where(profiles > 0, facts.on_scale(altered), np.float32(0))

    def _altered(self, profiles, is_target, facts: RatingFacts, rng) -> np.ndarray:
        """Ratings of the rated cells; what stands in others is not read."""
        raise NotImplementedError(f"{type(self).__name__} does not define `_altered`.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoiseInjection(_Altered):
    """Normal noise on every rating but the targets', before it is put on the scale.

    Args:
        factor: deviation of the noise, in deviations of all ratings, >= 0.
    """

    factor: float = 0.5

    def __post_init__(self):
        if not self.factor >= 0:
            raise ValueError(f"`factor` should be >= 0. Received: {self.factor!r}.")

    def _altered(self, profiles, is_target, facts, rng):
        noise = rng.normal(scale=self.factor * facts.std, size=profiles.shape)
        return profiles + np.where(is_target, 0.0, noise)


@dataclasses.dataclass(frozen=True, kw_only=True)
class UserShifting(_Altered):
    """One shift for all ratings of a profile but the targets', as users differ in their mean.

    Args:
        factor: deviation of the shift, in deviations of all ratings, >= 0.
    """

    factor: float = 0.5

    def __post_init__(self):
        if not self.factor >= 0:
            raise ValueError(f"`factor` should be >= 0. Received: {self.factor!r}.")

    def _altered(self, profiles, is_target, facts, rng):
        shift = rng.normal(scale=self.factor * facts.std, size=(len(profiles), 1))
        return profiles + np.where(is_target, 0.0, shift)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetShifting(_Altered):
    """The targets rated one level short of the end of the scale.

    Args:
        fraction: of the profiles, drawn at random, whose targets are shifted, in [0, 1].
    """

    fraction: float = 1.0

    def __post_init__(self):
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"`fraction` should be in [0, 1]. Received: {self.fraction!r}.")

    def _altered(self, profiles, is_target, facts, rng):
        levels = facts.levels
        second_high, second_low = levels[max(-2, -len(levels))], levels[min(1, len(levels) - 1)]
        inward = np.where(profiles == levels[-1], second_high, profiles)
        inward = np.where((profiles == levels[0]) & (len(levels) > 1), second_low, inward)
        chosen = rng.permutation(len(profiles)) < round(self.fraction * len(profiles))
        return np.where(is_target & chosen[:, None], inward, profiles)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixedAttack:
    """Profiles of several attacks, all on the same targets.

    `num_profiles` is the sum over the attacks and `num_fillers` the most of one; resizing shares
    the profiles out evenly, the first attacks taking what is left over.

    Raises:
        ValueError: if there is no attack, or fewer profiles are asked than attacks are.
    """

    attacks: tuple[Attack, ...]

    def __post_init__(self):
        if not self.attacks:
            raise ValueError("`attacks` should hold one attack or more. Received none.")

    @property
    def num_profiles(self) -> int:
        return sum(attack.num_profiles for attack in self.attacks)

    @property
    def num_fillers(self) -> int:
        return max(attack.num_fillers for attack in self.attacks)

    def resized(self, *, num_profiles: int, num_fillers: int) -> MixedAttack:
        if num_profiles < len(self.attacks):
            raise ValueError(
                f"`num_profiles` should be at least {len(self.attacks)}, one an attack. "
                f"Received: {num_profiles!r}."
            )
        each, more = divmod(num_profiles, len(self.attacks))
        return MixedAttack(
            attacks=tuple(
                attack.resized(num_profiles=each + (i < more), num_fillers=num_fillers)
                for i, attack in enumerate(self.attacks)
            )
        )

    def profiles(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> np.ndarray:
        return np.concatenate([attack.profiles(data, targets, rng=rng) for attack in self.attacks])
