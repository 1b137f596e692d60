"""Who is judged: pools of honest and fake profiles for fitting and for testing detectors.

Honest users are dealt in two halves. One, with profiles of some attacks, is for fitting; the
other, with profiles of one other attack on one target at a time, is judged. Attacks stand in
two groups, and what is judged is always of the group that was not fitted on; learned attacks
are judged by detectors fitted on all attacks by rule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np

from advrec_tf.attacks import gradient, heuristic, obfuscation
from advrec_tf.attacks.heuristic import Attack
from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.data.interactions import Interactions

Builder = Callable[[int, int], Attack]
"""(profiles, fillers) -> the attack."""


def _plain(record, **settings) -> Builder:
    return lambda profiles, fillers: record(num_profiles=profiles, num_fillers=fillers, **settings)


def _hidden(wrapper) -> Builder:
    average = _plain(heuristic.AverageAttack)
    return lambda profiles, fillers: wrapper(attack=average(profiles, fillers))


GROUPS: tuple[dict[str, Builder], ...] = (
    {
        "random": _plain(heuristic.RandomAttack),
        "segment": _plain(heuristic.SegmentAttack),
        "popular": _plain(heuristic.PopularAttack),
        "probe": _plain(heuristic.ProbeAttack),
    },
    {
        "average": _plain(heuristic.AverageAttack),
        "average over popular": _plain(heuristic.AverageAttack, pool=0.2),
        "bandwagon": _plain(heuristic.BandwagonAttack),
        "love/hate": _plain(heuristic.LoveHateAttack),
        "average, noise": _hidden(obfuscation.NoiseInjection),
        "average, target shifted": _hidden(obfuscation.TargetShifting),
    },
)
"""Attacks by rule. What hides another attack stands in that one's group."""

LEARNED: dict[str, Builder] = {
    "PGA": lambda profiles, fillers: gradient.pga(num_profiles=profiles, num_fillers=fillers),
    "RevAdv": lambda profiles, fillers: gradient.revadv(num_profiles=profiles, num_fillers=fillers),
}

TRAIN_LENGTHS = (0.25, 0.5, 0.75)  # quantiles of the honest profiles' lengths
TRAIN_PROFILES = 3  # of each attack and length


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Halves:
    """Both halves of the honest users, over the same vocabularies; no user is in both."""

    fitted: Interactions
    judged: Interactions


def halves(data: Interactions, *, seed: int) -> Halves:
    """Users with rows dealt at random."""
    users = np.flatnonzero(data.user_counts() > 0)
    order = np.random.default_rng(seed).permutation(users)
    mine = np.zeros(data.num_users, bool)
    mine[order[: len(order) // 2]] = True
    chosen = mine[data.user_index]
    return Halves(fitted=data.select(chosen), judged=data.select(~chosen))


def fitting_pool(half: Interactions, attacks: dict[str, Builder], *, seed: int) -> Poisoned:
    """`half` with a few profiles of each attack, at several lengths, on random targets."""
    rng = np.random.default_rng([seed, 1])
    lengths = half.user_counts()
    lengths = lengths[lengths > 0]
    rated = np.flatnonzero(half.item_counts() > 0)
    pool: Interactions | Poisoned = half
    for name, build in attacks.items():
        for quantile in TRAIN_LENGTHS:
            fillers = max(1, int(np.quantile(lengths, quantile)) - 1)
            target = rng.choice(rated, 1)
            profiles = build(TRAIN_PROFILES, fillers).profiles(half, target, rng=rng)
            pool = inject(pool, profiles, targets=target, attack=name, rng=rng)
    return pool


def judged_pool(
    half: Interactions,
    build: Builder,
    *,
    name: str,
    known: Interactions,
    target: int,
    fillers: int,
    share: float = 0.01,
    seed: int,
) -> Poisoned:
    """`half` with fakes of one attack on one target, `share` of the users and one at least.

    Args:
        known: what the attacker knows of the data: all of it.
        fillers: items of a fake profile beside the target.
    """
    rng = np.random.default_rng([seed, 2, target])
    honest = int((half.user_counts() > 0).sum())
    count = max(1, round(share * honest))
    targets = np.array([target])
    profiles = build(count, fillers).profiles(known, targets, rng=rng)
    return inject(half, profiles, targets=targets, attack=name, rng=rng)
