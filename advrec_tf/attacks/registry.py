"""Every attack by name, with its source; studies and commands read this.

Names are words that a shell takes: lower case, hyphens, and a plus between an attack and its
obfuscation. A new attack is its module, an entry here, and a test.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from advrec_tf.attacks.copies import CopyAttack
from advrec_tf.attacks.gan import LEGUP_TRAINING, GANTraining, aush, legup
from advrec_tf.attacks.gradient import pga, revadv
from advrec_tf.attacks.heuristic import (
    Attack,
    AverageAttack,
    BandwagonAttack,
    LoveHateAttack,
    PopularAttack,
    RandomAttack,
    ReverseBandwagonAttack,
    SegmentAttack,
)
from advrec_tf.attacks.obfuscation import MixedAttack, NoiseInjection, TargetShifting, UserShifting
from advrec_tf.attacks.probe import ProbeAttack
from advrec_tf.attacks.surrogates import SurrogateModel
from advrec_tf.gan.adversarial_loss import AdversarialLoss

FAMILIES = ("heuristic", "obfuscated", "optimized", "learned")


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttackEntry:
    """An entry of the table of attacks.

    Attributes:
        build: `build(num_profiles=, num_fillers=)` -> the attack.
        family: one of `FAMILIES`.
        source: the paper.
        goal: "push" or "nuke".
        ratings: whether it needs ratings.
    """

    build: Callable[..., Attack]
    family: str
    source: str
    goal: str = "push"
    ratings: bool = False


def _around(wrapper, inner, **settings) -> Callable[..., Attack]:
    return lambda **budget: wrapper(attack=inner(**budget), **settings)


def _mixed(**budget) -> Attack:
    single = {"num_profiles": 1, "num_fillers": budget["num_fillers"]}
    parts = (RandomAttack, AverageAttack, BandwagonAttack, SegmentAttack)
    return MixedAttack(attacks=tuple(part(**single) for part in parts)).resized(**budget)


def _with(kind, **settings) -> Callable[..., Attack]:
    return lambda **budget: kind(**budget, **settings)


_NO_ADVERSARY = AdversarialLoss(weight=0.0)

ATTACKS: Mapping[str, AttackEntry] = {
    "random": AttackEntry(build=RandomAttack, family="heuristic", source="Lam & Riedl 2004"),
    "average": AttackEntry(build=AverageAttack, family="heuristic", source="Lam & Riedl 2004"),
    "bandwagon": AttackEntry(
        build=BandwagonAttack, family="heuristic", source="Mobasher et al. 2007"
    ),
    "segment": AttackEntry(build=SegmentAttack, family="heuristic", source="Mobasher et al. 2007"),
    "love-hate": AttackEntry(
        build=LoveHateAttack, family="heuristic", source="Mobasher et al. 2007"
    ),
    "popular": AttackEntry(build=PopularAttack, family="heuristic", source="O'Mahony et al. 2005"),
    "probe": AttackEntry(build=ProbeAttack, family="heuristic", source="O'Mahony et al. 2005"),
    "copy": AttackEntry(
        build=CopyAttack, family="heuristic", source="AUSH's templates without its generator"
    ),
    "copy-of-four": AttackEntry(
        build=_with(CopyAttack, num_sources=4),
        family="obfuscated",
        source="the same of four users, against detectors of copies",
    ),
    "copy-of-community": AttackEntry(
        build=_with(CopyAttack, num_sources=2, community=100),
        family="obfuscated",
        source="the same of two out of a hundred like users, against weights by coherence",
    ),
    "average-over-popular": AttackEntry(
        build=_with(AverageAttack, pool=0.2), family="obfuscated", source="Hurley et al. 2009"
    ),
    "average+noise": AttackEntry(
        build=_around(NoiseInjection, AverageAttack),
        family="obfuscated",
        source="Williams et al. 2006",
        ratings=True,
    ),
    "average+user-shift": AttackEntry(
        build=_around(UserShifting, AverageAttack),
        family="obfuscated",
        source="Williams et al. 2006",
        ratings=True,
    ),
    "average+target-shift": AttackEntry(
        build=_around(TargetShifting, AverageAttack),
        family="obfuscated",
        source="Williams et al. 2006",
        ratings=True,
    ),
    "mixed": AttackEntry(build=_mixed, family="obfuscated", source="Cao et al. 2013"),
    "pga": AttackEntry(
        build=_with(pga, surrogate=SurrogateModel(dim=16)),
        family="optimized",
        source="Li et al. 2016",
    ),
    "revadv": AttackEntry(
        build=_with(revadv, surrogate=SurrogateModel(dim=16)),
        family="optimized",
        source="Tang et al. 2020",
    ),
    "pga-ratings": AttackEntry(
        build=_with(pga, surrogate=SurrogateModel(kind="ratings", dim=16)),
        family="optimized",
        source="Li et al. 2016",
        ratings=True,
    ),
    "aush": AttackEntry(build=aush, family="learned", source="Lin et al. 2020", ratings=True),
    "aush-ablation": AttackEntry(
        build=_with(aush, training=GANTraining(loss=_NO_ADVERSARY)),
        family="learned",
        source="AUSH without its adversary",
        ratings=True,
    ),
    "legup": AttackEntry(build=legup, family="learned", source="Lin et al. 2022", ratings=True),
    "legup-ablation": AttackEntry(
        build=_with(legup, training=dataclasses.replace(LEGUP_TRAINING, loss=_NO_ADVERSARY)),
        family="learned",
        source="Leg-UP without its adversary",
        ratings=True,
    ),
    "nuke-average": AttackEntry(
        build=_with(AverageAttack, goal="nuke"),
        family="heuristic",
        source="Lam & Riedl 2004",
        goal="nuke",
        ratings=True,
    ),
    "nuke-love-hate": AttackEntry(
        build=_with(LoveHateAttack, goal="nuke"),
        family="heuristic",
        source="Mobasher et al. 2007",
        goal="nuke",
        ratings=True,
    ),
    "nuke-reverse-bandwagon": AttackEntry(
        build=ReverseBandwagonAttack,
        family="heuristic",
        source="Mobasher et al. 2007",
        goal="nuke",
        ratings=True,
    ),
}
"""Name -> entry. "random" is the control of all other attacks."""
