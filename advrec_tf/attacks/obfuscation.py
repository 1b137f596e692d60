"""Obfuscated attacks: wrappers that make the profiles of other attacks harder to detect.

Noise injection, user shifting and target shifting follow Williams, Mobasher, Burke et al. 2006
(WITS); a mixed attack takes its profiles from several attacks (Cao et al. 2013). Each has the
interface and the budget of the attacks it wraps: which items are rated does not change.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.heuristic import Attack, checked_targets
from advrec_tf.attacks.rating_statistics import RatingStatistics
from advrec_tf.attacks.wrappers import WrappedAttack
from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.rng import RNG


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Altered(WrappedAttack):
    """An attack whose ratings are altered after the profiles are generated."""

    def profiles(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        rng = np.random.default_rng(rng)
        targets = checked_targets(interactions, targets)
        profiles = self.attack.profiles(interactions, targets, rng=rng)
        is_target = np.zeros(interactions.num_items, bool)
        is_target[targets] = True
        statistics = RatingStatistics.of(interactions)
        altered = self._altered(profiles, is_target, statistics, rng)
        return np.where(profiles > 0, statistics.on_scale(altered), np.float32(0))

    def _altered(self, profiles, is_target, statistics: RatingStatistics, rng) -> np.ndarray:
        """Ratings [num_profiles, num_items]; only those of rated items are read."""
        raise NotImplementedError(f"{type(self).__name__} does not define `_altered`.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Random(_Altered):
    """By normal numbers of the deviation `factor`, in deviations of all ratings."""

    factor: float = 0.5

    def __post_init__(self):
        if not self.factor >= 0:
            raise ValueError(f"`factor` should be >= 0. Received: {self.factor!r}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class NoiseInjection(_Random):
    """Normal noise on every rating but those of the targets, before rounding to the scale.

    Args:
        factor: deviation of the noise, in deviations of all ratings, >= 0.
    """

    def _altered(self, profiles, is_target, statistics, rng):
        noise = rng.normal(scale=self.factor * statistics.std, size=profiles.shape)
        return profiles + np.where(is_target, 0.0, noise)


@dataclasses.dataclass(frozen=True, kw_only=True)
class UserShifting(_Random):
    """One shift for all ratings of a profile but those of the targets, as user means differ.

    Args:
        factor: deviation of the shift, in deviations of all ratings, >= 0.
    """

    def _altered(self, profiles, is_target, statistics, rng):
        shift = rng.normal(scale=self.factor * statistics.std, size=(len(profiles), 1))
        return profiles + np.where(is_target, 0.0, shift)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TargetShifting(_Altered):
    """The targets rated one level from the end of the scale.

    Args:
        fraction: of the profiles, drawn at random, whose targets are shifted, in [0, 1].
    """

    fraction: float = 1.0

    def __post_init__(self):
        if not 0 <= self.fraction <= 1:
            raise ValueError(f"`fraction` should be in [0, 1]. Received: {self.fraction!r}.")

    def _altered(self, profiles, is_target, statistics, rng):
        levels = statistics.levels
        second_high, second_low = levels[max(-2, -len(levels))], levels[min(1, len(levels) - 1)]
        inward = np.where(profiles == levels[-1], second_high, profiles)
        inward = np.where((profiles == levels[0]) & (len(levels) > 1), second_low, inward)
        chosen = rng.permutation(len(profiles)) < round(self.fraction * len(profiles))
        return np.where(is_target & chosen[:, None], inward, profiles)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MixedAttack:
    """Profiles of several attacks on the same targets.

    `num_profiles` is the sum over the attacks and `num_fillers` their maximum; resizing divides the
    profiles evenly, with the remainder to the first attacks.

    Raises:
        ValueError: if there is no attack, or there are fewer profiles than attacks.
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
        """The same attacks with another budget."""
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

    def profiles(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """[num_profiles, num_items] float32; see `heuristic.Attack`."""
        rng = np.random.default_rng(rng)
        return np.concatenate(
            [attack.profiles(interactions, targets, rng=rng) for attack in self.attacks]
        )
