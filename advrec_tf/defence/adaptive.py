"""Attackers that know the defence, within the same budget as those that do not.

`EvadingAttack` writes more profiles than it may inject and keeps those that the defender's
detector finds least suspicious; `BestResponse` tries attacks against a copy of the whole
defended system and takes the one that works best. Both are attacks like any other: they are
called with data and targets and write profiles. They know the defence's settings and the data,
not its random draws.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from advrec_tf.attacks.heuristic import Attack
from advrec_tf.attacks.injection import inject
from advrec_tf.attacks.wrappers import WrappedAttack
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.defences import Defence, DefendedRows
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.evaluation.attack_effect import ManipulationEvaluator
from advrec_tf.models.base import Recommender

Surrogate = Callable[[DefendedRows, Defence, int], Recommender]
"""(rows, defence, seed) -> a trained model; the attacker's copy of the victim."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EvadingAttack(WrappedAttack):
    """The least suspicious of `pool` times as many profiles of `attack`.

    All are injected at once into the attacker's copy of the data, and scored by the defender's
    kind of detector with a seed of the attacker's own.

    Args:
        attack: whose profiles are written; its size is the budget.
        detector: seed -> a transductive detector, as the defence holds it.
        pool: >= 2.
    """

    detector: Callable[[int], Detector]
    pool: int = 4

    def __post_init__(self):
        if self.pool < 2:
            raise ValueError(f"`pool` should be >= 2. Received: {self.pool!r}.")

    def profiles(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> np.ndarray:
        """[num_profiles, num_items] float32; see `attacks.heuristic.Attack`."""
        more = self.attack.resized(
            num_profiles=self.pool * self.num_profiles, num_fillers=self.num_fillers
        )
        written = more.profiles(data, targets, rng=rng)
        poisoned = inject(data, written, targets=targets, attack="pool", rng=rng)
        seed = int(rng.integers(2**31))
        scores = self.detector(seed).fit(poisoned.interactions).score(poisoned.interactions)
        order = np.argsort(scores[poisoned.is_fake], kind="stable")
        return written[order[: self.num_profiles]]


@dataclasses.dataclass(frozen=True, kw_only=True)
class BestResponse:
    """The candidate that raises the targets most in the attacker's copy of defence and victim.

    Every candidate is injected into a copy of the data, the defence is run on it, a surrogate is
    trained, and the targets' hit rate at `k` among real users decides (their negative mean log
    rank where hit rates tie, as at zero).

    Args:
        candidates: attacks of one size; the size of the first is the budget. Where the defence
            has a detector, the best of them stand once more as an `EvadingAttack` against it.
        defence: what the attacker knows.
        surrogate: trains the attacker's copy of the victim.
        k: of the hit rate.
        evading: how many of the candidates are tried in their evading form, >= 0.
        pool: of the evading candidates.
    """

    candidates: tuple[Attack, ...]
    defence: Defence
    surrogate: Surrogate
    k: int = 10
    evading: int = 2
    pool: int = 4

    def __post_init__(self):
        if not self.candidates:
            raise ValueError("`candidates` should hold an attack. Received none.")
        if self.evading < 0:
            raise ValueError(f"`evading` should be >= 0. Received: {self.evading!r}.")
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
        sized = tuple(
            attack.resized(num_profiles=num_profiles, num_fillers=num_fillers)
            for attack in self.candidates
        )
        return dataclasses.replace(self, candidates=sized)

    def profiles(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> np.ndarray:
        """[num_profiles, num_items] float32; see `attacks.heuristic.Attack`."""
        return self.choose(data, targets, rng=rng)[0]

    def choose(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> tuple[np.ndarray, Attack, list[float]]:
        """The profiles, the option they are from, and the hit rate each option had."""
        evaluator = ManipulationEvaluator(data, targets, ks=(self.k,))

        def tried(option: Attack) -> tuple[tuple[float, float], np.ndarray, Attack]:
            written = option.profiles(data, targets, rng=rng)
            poisoned = inject(data, written, targets=targets, attack="trial", rng=rng)
            seed = int(rng.integers(2**31))
            rows = self.defence.rows(poisoned.interactions, seed=seed)
            standing = evaluator.standing(self.surrogate(rows, self.defence, seed))
            rank = standing.rank[evaluator.applies]
            return (float((rank <= self.k).mean()), -float(np.log(rank).mean())), written, option

        found = [tried(attack) for attack in self.candidates]
        detector = getattr(self.defence, "detector", None)
        if detector is not None:
            best = sorted(found, key=lambda one: one[0], reverse=True)[: self.evading]
            found += [
                tried(EvadingAttack(attack=attack, detector=detector, pool=self.pool))
                for _, _, attack in best
            ]
        _, written, option = max(found, key=lambda one: one[0])
        return written, option, [success[0] for success, _, _ in found]
