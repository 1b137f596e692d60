"""Which cells the grid has, and in which order they are measured.

Parts: *attacks* on the victims that attacks are published on; *transfer* of the same profiles to
other victims; *knowledge* of the attacker; *defences*, the adaptive attacker included;
*trade_off*, one defence made stricter and laxer; *hardening*, adversarial training of a victim
that is trained by gradients; and *sizes* of attacks. Cells that do not fit the data are left out
by `study`.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping

from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.attacks.threat_model import LEVELS
from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.defence.registry import DEFENCES, STRICTNESS
from advrec_tf.pipelines.attack.cell import (
    ADAPTIVE,
    NONE,
    SURROGATE_KINDS,
    UNRESTRICTED,
    Cell,
    require_fraction,
)
from advrec_tf.pipelines.attack.setting import GROUPS, AttackSetting

SIZES = (0.003, 0.005, 0.01, 0.03, 0.05)
ADVERSARIAL = ("apr", "pgd", "noise", "vulnerability-aware")
BY_OVERLAP = "remove-suspicious-by-overlap"
HARDENING = (NONE, *ADVERSARIAL, BY_OVERLAP)

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "attacks": (NONE, *ATTACKS),
    "victims": ("biased_mf", "wrmf"),
    "other_attacks": (
        "random",
        "average",
        "segment",
        "love-hate",
        "average-over-popular",
        "aush",
    ),
    "transfer_attacks": ("random", "average", "segment", "aush", "revadv"),
    "transfer_victims": tuple(v for v in VICTIMS if v not in ("biased_mf", "wrmf")),
    "informed_attacks": ("average", "aush", "revadv"),
    "informed_victims": ("biased_mf", "wrmf"),
    "defences": tuple(d for d in DEFENCES if d not in (*ADVERSARIAL, *STRICTNESS)),
    "defended_victims": ("biased_mf",),
    "defended_attacks": (
        "random",
        "average",
        "segment",
        "average-over-popular",
        "aush",
        "copy-of-four",
        ADAPTIVE,
    ),
    "defended_groups": (),
    "strictness": (BY_OVERLAP, *STRICTNESS),
    "strict_attacks": ("segment", "aush", ADAPTIVE),
    "hardened_victims": ("mf_bpr",),
    "hardened_attacks": ("average", "segment", "aush", "revadv", ADAPTIVE),
    "sized_attacks": ("random", "average", "segment", "aush"),
    "sized_victims": ("biased_mf", "wrmf"),
    "curve_victims": ("mf_bpr", "apr"),
    "groups": GROUPS[1:],
}
"""List of names -> its default; what each is for says the help text of its option."""


def _known(name: str) -> set[str]:
    """The names that a list may hold."""
    if name.endswith("groups"):
        return {*GROUPS}
    if name.endswith("victims"):
        return {*SURROGATE_KINDS} if name == "informed_victims" else {*VICTIMS}
    if name in ("defences", "strictness"):
        return {*DEFENCES}
    if name in ("defended_attacks", "strict_attacks", "hardened_attacks"):
        return {*ATTACKS, ADAPTIVE}
    return {*ATTACKS, NONE} if name == "attacks" else {*ATTACKS}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridSettings:
    """What the grid spans.

    Attributes:
        names: list -> names; lists that are absent have their `DEFAULTS`.
        targets: targets of the first group in the first part.
        other_targets: targets of the other groups, and of the first group in the other parts.
        seeds: seeds 0, 1, ... of heuristic and obfuscated attacks in the first part.
        other_seeds: seeds of learned and optimized attacks there, and of defences, trade-off,
            hardening and sizes; the other parts have seed 0.
        size: fake profiles per real user, except in the part of sizes.

    Raises:
        ValueError: if a list or a name is unknown or the size is no fraction.
    """

    names: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    targets: int = 5
    other_targets: int = 2
    seeds: int = 2
    other_seeds: int = 1
    size: float = 0.053

    def __post_init__(self):
        require_fraction(self.size)
        for name, values in self.names.items():
            if name not in DEFAULTS:
                raise ValueError(
                    f"`names` should hold lists of {', '.join(DEFAULTS)}. Received: {name!r}."
                )
            unknown = [value for value in values if value not in _known(name)]
            if unknown:
                raise ValueError(
                    f"`{name}` should be of {', '.join(sorted(_known(name)))}. "
                    f"Received: {unknown[0]!r}."
                )
        object.__setattr__(self, "names", {**DEFAULTS, **self.names})


def cells_of(settings: GridSettings, setting: AttackSetting) -> dict[str, list[Cell]]:
    """Part -> its cells, seeds outermost in each, so that a stopped grid has whole seeds.

    Attacks that demote are tried on popular targets alone, since what nobody is shown cannot fall.

    Raises:
        ValueError: if the data has none of the groups of targets.
    """
    names, more = settings.names, settings.other_seeds
    groups = [group for group in names["groups"] if group in setting.targets]
    if not groups:
        raise ValueError(
            f"`groups` should name one of {', '.join(setting.targets)}, which these data have "
            f"items in. Received: {', '.join(names['groups'])}."
        )

    def targets(of_groups, count):
        return [(g, target) for g in of_groups for target in setting.targets.get(g, ())[:count]]

    first = targets(groups[:1], settings.targets)
    others = targets(groups[1:], settings.other_targets)
    popular = [(group, target) for group, target in first + others if group == "popular"]
    fewer = first[: settings.other_targets]
    defended = targets(names["defended_groups"] or groups[:1], settings.other_targets)

    def cells(attacks, victims, aims, *, seeds=1, **lists) -> list[Cell]:
        lists = {"defence": (NONE,), "size": (settings.size,), "knowledge": (UNRESTRICTED,)} | lists
        return [
            Cell(attack=attack, victim=v, group=group, target=t, seed=seed, **dict(zip(lists, own)))
            for seed, v, attack, (group, t), *own in itertools.product(
                range(seeds), victims, attacks, aims, *lists.values()
            )
        ]

    def is_cheap(attack):
        return attack == NONE or ATTACKS[attack].family in ("heuristic", "obfuscated")

    push = [a for a in names["attacks"] if a == NONE or ATTACKS[a].goal == "push"]
    nuke = [a for a in names["attacks"] if a not in push]
    common = [a for a in push if a == NONE or a in names["other_attacks"]]
    attacks_part = []
    for attacks, aims in ((push, first), (common, others), (nuke, popular)):
        for cheap, seeds in ((True, settings.seeds), (False, more)):
            own = [a for a in attacks if is_cheap(a) == cheap]
            attacks_part += cells(own, names["victims"], aims, seeds=seeds)

    def beside_none(part, victims, aims, **lists):
        return cells((NONE, *names[f"{part}_attacks"]), names[victims], aims, **lists)

    defences, strictness = names["defences"], names["strictness"]
    return {
        "attacks": attacks_part,
        "transfer": beside_none("transfer", "transfer_victims", fewer),
        "knowledge": cells(
            names["informed_attacks"], names["informed_victims"], fewer, knowledge=tuple(LEVELS)
        ),
        "defences": beside_none(
            "defended", "defended_victims", defended, defence=defences, seeds=more
        ),
        "trade_off": beside_none(
            "strict", "defended_victims", defended, defence=strictness, seeds=more
        ),
        "hardening": beside_none(
            "hardened", "hardened_victims", fewer, defence=HARDENING, seeds=more
        ),
        "sizes": cells(
            names["sized_attacks"], names["sized_victims"], fewer, size=SIZES, seeds=more
        ),
    }
