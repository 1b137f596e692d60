"""Attackers that know the defence, with the same budget as those that do not.

`EvadingAttack` generates more profiles than it may inject and keeps those that the defender's
detector finds least suspicious; `BestResponse` tries attacks against a copy of the whole defended
system, goes on from the best by trying one setting after another, and uses what works best. Both
are called like any other attack. They know the settings of the defence and the data, not the
defence's random draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from advrec_tf.attacks.heuristic import Attack
from advrec_tf.attacks.injection import inject
from advrec_tf.attacks.wrappers import WrappedAttack
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.defences import Defence, DefendedData
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.evaluation.attack_effect import ManipulationEvaluator
from advrec_tf.models.base import Recommender
from advrec_tf.ops.rng import RNG

_Trial = tuple[tuple[float, float], np.ndarray, Attack]
"""(hit rate, mean log rank negated), profiles, attack."""

Surrogate = Callable[[DefendedData, Defence, int], Recommender]
"""(data, defence, seed) -> a trained model; the attacker's copy of the victim."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvadingAttack(WrappedAttack):
    """The least suspicious of `pool` times as many profiles of `attack`.

    All are injected at once into the attacker's copy of the data and scored by the defender's
    kind of detector with a seed of the attacker's own.

    Args:
        attack: generates the profiles; its size is the budget.
        detector: seed -> a transductive detector, as the defence holds it.
        pool: >= 2.
    """

    detector: Callable[[int], Detector]
    pool: int = 4

    def __post_init__(self):
        if self.pool < 2:
            raise ValueError(f"`pool` should be >= 2. Received: {self.pool!r}.")

    def profiles(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """[num_profiles, num_items] float32; see `attacks.heuristic.Attack`."""
        rng = np.random.default_rng(rng)
        larger = self.attack.resized(
            num_profiles=self.pool * self.num_profiles, num_fillers=self.num_fillers
        )
        profiles = larger.profiles(interactions, targets, rng=rng)
        poisoned = inject(interactions, profiles, targets=targets, attack="pool", rng=rng)
        seed = int(rng.integers(2**31))
        scores = self.detector(seed).fit(poisoned.interactions).score(poisoned.interactions)
        order = np.argsort(scores[poisoned.is_fake], kind="stable")
        return profiles[order[: self.num_profiles]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BestResponse:
    """The candidate that raises the targets most in the attacker's copy of defence and victim.

    Every candidate is injected into a copy of the data, the defence is run on it, a surrogate is
    trained, and the targets' hit rate at `k` among real users decides (their negative mean log
    rank where hit rates tie, as at zero).

    Args:
        candidates: attacks of one size; the size of the first is the budget.
        defence: the defence that the attacker knows.
        surrogate: trains the attacker's copy of the victim.
        k: of the hit rate.
        num_evading: where the defence has a detector, so many of the best candidates are tried
            again as an `EvadingAttack` against it, >= 0.
        pool: of the evading candidates.
        turns: attack -> attacks like it, or None. From the best candidate on, the first of these
            that works better is gone on from, until none does or `num_tries` were tried.
        num_tries: of these attacks, >= 0.
    """

    candidates: tuple[Attack, ...]
    defence: Defence
    surrogate: Surrogate
    k: int = 10
    num_evading: int = 2
    pool: int = 4
    turns: Callable[[Attack], Sequence[Attack]] | None = None
    num_tries: int = 0

    def __post_init__(self):
        if not self.candidates:
            raise ValueError("`candidates` should hold an attack. Received none.")
        for name in ("num_evading", "num_tries"):
            if getattr(self, name) < 0:
                raise ValueError(f"`{name}` should be >= 0. Received: {getattr(self, name)!r}.")
        sizes = {attack.num_profiles for attack in self.candidates}
        if len(sizes) > 1:
            raise ValueError(
                "`candidates` should all have one number of profiles, the budget. "
                f"Received: {sorted(sizes)}."
            )

    @property
    def num_profiles(self) -> int:
        return self.candidates[0].num_profiles

    @property
    def num_fillers(self) -> int:
        return max(attack.num_fillers for attack in self.candidates)

    def resized(self, *, num_profiles: int, num_fillers: int) -> BestResponse:
        """The same attack with another budget."""
        sized = tuple(
            attack.resized(num_profiles=num_profiles, num_fillers=num_fillers)
            for attack in self.candidates
        )
        return dataclasses.replace(self, candidates=sized)

    def profiles(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """[num_profiles, num_items] float32; see `attacks.heuristic.Attack`."""
        rng = np.random.default_rng(rng)
        return self.choose(interactions, targets, rng=rng)[0]

    def choose(
        self,
        interactions: Interactions,
        targets: np.ndarray,
        *,
        rng: RNG,
        told: Callable[[Sequence[float]], None] | None = None,
    ) -> tuple[np.ndarray, Attack, list[float]]:
        """The profiles, the attack they are from, and the hit rate of every attack tried.

        Args:
            interactions, targets, rng: as of `profiles`.
            told: called after every attack that was tried with the hit rates so far.
        """
        rng = np.random.default_rng(rng)
        rates: list[float] = []
        evaluator = ManipulationEvaluator(interactions, targets, ks=(self.k,))

        def tried(attack: Attack) -> _Trial:
            profiles = attack.profiles(interactions, targets, rng=rng)
            poisoned = inject(interactions, profiles, targets=targets, attack="trial", rng=rng)
            seed = int(rng.integers(2**31))
            data = self.defence.training_data(poisoned.interactions, seed=seed)
            standing = evaluator.standing(self.surrogate(data, self.defence, seed))
            rank = standing.rank[evaluator.applies]
            success = float((rank <= self.k).mean()), -float(np.log(rank).mean())
            rates.append(success[0])
            if told is not None:
                told(rates)
            return success, profiles, attack

        found = [tried(attack) for attack in self.candidates]
        detector = getattr(self.defence, "detector", None)
        if detector is not None:
            best = sorted(found, key=lambda one: one[0], reverse=True)[: self.num_evading]
            found += [
                tried(EvadingAttack(attack=attack, detector=detector, pool=self.pool))
                for _, _, attack in best
            ]
        if self.turns is not None:
            found += self._climbed(found, tried, rng)
        _, profiles, attack = max(found, key=lambda one: one[0])
        return profiles, attack, rates

    def _climbed(self, found: list[_Trial], tried: Callable[[Attack], _Trial], rng) -> list[_Trial]:
        """What was tried from the best candidate on, see `turns`."""
        assert self.turns is not None
        best = max(found, key=lambda one: one[0])
        known, more = [attack for _, _, attack in found], []
        better = True
        while better and len(more) < self.num_tries:
            better = False
            ahead = [attack for attack in self.turns(best[2]) if attack not in known]
            for place in rng.permutation(len(ahead))[: self.num_tries - len(more)]:
                more.append(tried(ahead[place]))
                known.append(ahead[place])
                if more[-1][0] > best[0]:
                    best, better = more[-1], True
                    break
        return more
