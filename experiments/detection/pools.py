"""Who is judged: pools of honest and fake profiles for fitting and for testing detectors.

Honest users are dealt in two halves. One, with profiles of some attacks, is for fitting; the
other, with profiles of one other attack on one target at a time, is judged. Attacks stand in
two groups, and what is judged is always of the group that was not fitted on; learned attacks
are judged by detectors fitted on all attacks by rule.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.data.interactions import Interactions

GROUPS = (
    ("random", "segment", "popular", "probe"),
    (
        "average",
        "average-over-popular",
        "bandwagon",
        "love-hate",
        "average+noise",
        "average+target-shift",
    ),
)
"""Attacks by rule, of `attacks.registry`. What hides another attack stands in that one's group."""

LEARNED = ("pga", "revadv", "aush", "legup")
"""Attacks that are optimized or written by a GAN."""

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


def fitting_pool(half: Interactions, attacks: Iterable[str], *, seed: int) -> Poisoned:
    """`half` with a few profiles of each attack, at several lengths, on random targets."""
    rng = np.random.default_rng([seed, 1])
    lengths = half.user_counts()
    lengths = lengths[lengths > 0]
    rated = np.flatnonzero(half.item_counts() > 0)
    pool: Interactions | Poisoned = half
    for name in attacks:
        for quantile in TRAIN_LENGTHS:
            fillers = max(1, int(np.quantile(lengths, quantile)) - 1)
            target = rng.choice(rated, 1)
            attack = ATTACKS[name].build(num_profiles=TRAIN_PROFILES, num_fillers=fillers)
            profiles = attack.profiles(half, target, rng=rng)
            pool = inject(pool, profiles, targets=target, attack=name, rng=rng)
    return pool


def judged_profiles(
    half: Interactions,
    name: str,
    *,
    known: Interactions,
    target: int,
    fillers: int,
    fraction: float = 0.01,
    seed: int,
) -> np.ndarray:
    """Profiles of one attack on one target, `fraction` of the users of `half` and one at least.

    Args:
        known: what the attacker knows of the data: all of it.
        fillers: items of a fake profile beside the target.
    """
    honest = int((half.user_counts() > 0).sum())
    attack = ATTACKS[name].build(num_profiles=max(1, round(fraction * honest)), num_fillers=fillers)
    return attack.profiles(known, np.array([target]), rng=np.random.default_rng([seed, 2, target]))


def judged_pool(
    half: Interactions, profiles: np.ndarray, name: str, *, target: int, seed: int
) -> Poisoned:
    """`half` with these profiles in it."""
    rng = np.random.default_rng([seed, 3, target])
    return inject(half, profiles, targets=np.array([target]), attack=name, rng=rng)
