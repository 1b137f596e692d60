"""One measurement of the attack pipeline: what is attacked, how, and behind which defence.

A `Cell` names one attack on one victim behind one defence, with one target and one seed. How a
cell is measured is left to `runner`.
"""

from __future__ import annotations

import dataclasses
import difflib
from collections.abc import Sequence

import numpy as np

from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.registry import DEFENCES
from advrec_tf.pipelines.attack.setting import OWN, AttackSetting

NONE = "none"
ADAPTIVE, BEST_RESPONSE = "adaptive", "best-response"
KNOWING = (ADAPTIVE, BEST_RESPONSE)
"""Attacks that are made against one victim behind one defence."""
UNRESTRICTED = "unrestricted"
SURROGATE_KINDS = {"biased_mf": "ratings", "wrmf": "implicit"}
"""Victim -> the kind of surrogate that an attacker trains who knows the victim."""


def require_one_group(group: str | None, own_targets: Sequence[str]) -> None:
    """Refuse targets that are named twice.

    Raises:
        ValueError: if there are items of one's own beside another group.
    """
    if own_targets and group not in (None, OWN):
        raise ValueError(
            "`targets` should be left out beside `items`, which are attacked in its place. "
            f"Received: {group!r} and {', '.join(map(str, own_targets))}."
        )


_MEANING = {
    "als": "a victim of least squares, such as wrmf",
    "counts": "a victim whose scores hold the number of an item's raters, such as ease",
    "gradient": "a victim that is trained by gradients, such as mf_bpr",
    "profiles": "a victim that takes weights and scores users by their own interactions, whatever "
    "these weigh, such as ease",
    "ratings": "ratings",
    "subsets": "a victim that can be trained on a few users each, such as ease",
}
"""What a defence may need of data and victim -> how it is said."""


def require_fraction(size: float) -> None:
    """Refuse the size of an attack that is no fraction of the users.

    Raises:
        ValueError: if `size` lies outside (0, 1].
    """
    if not 0 < size <= 1:
        raise ValueError(f"`size` should be a fraction in (0, 1]. Received: {size!r}.")


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Cell:
    """One attack on one victim behind one defence, with one target and one seed.

    Attributes:
        attack: name in `ATTACKS`; "none" for no attack; "adaptive" for the best of several attacks
            on a copy of defence and victim, see `responses.ADAPTIVE_CANDIDATES`; "best-response"
            for a search over the settings of a campaign there, see `responses.best_response`.
        victim, defence: names in `VICTIMS` and `DEFENCES`.
        group: group of targets, see `setting.GROUPS`.
        target: item index.
        size: fake profiles as a fraction of the real users.
        seed: of attack, victim and defence.
        knowledge: a name in `threat_model.LEVELS`; "unrestricted" shows an attack all
            interactions and leaves it the surrogate of its registry entry.

    Raises:
        ValueError: if the size is no fraction.
    """

    attack: str
    victim: str
    defence: str = NONE
    group: str = "published"
    target: int
    size: float = 0.05
    seed: int = 0
    knowledge: str = UNRESTRICTED

    def __post_init__(self):
        require_fraction(self.size)

    def name(self) -> str:
        """The name of the cell's stage, safe in a file name."""
        parts = (self.attack, self.victim, self.defence, self.group, self.target)
        name = "-".join(map(str, (*parts, f"{self.size:g}", self.seed)))
        if self.knowledge != UNRESTRICTED:
            name += f"-{self.knowledge}"
        return name.replace("+", "_and_").replace(" ", "_")


def why_unfit(cell: Cell, setting: AttackSetting) -> str | None:
    """Why a cell cannot be measured on this data, or None if it can."""
    has_ratings = setting.split.train.rating is not None
    victim = VICTIMS[cell.victim]
    traits = victim.traits
    if "ratings" in traits and not has_ratings:
        return f"{cell.victim} needs ratings"
    if "ratings" in traits and (value := _only_rating(setting.split.train)) is not None:
        return f"every rating is {value:g}, so there is nothing for {cell.victim} to learn"
    if cell.attack in ATTACKS and ATTACKS[cell.attack].ratings and not has_ratings:
        return f"{cell.attack} needs ratings"
    offered = traits | ({"ratings"} if has_ratings else set())
    missing = sorted(DEFENCES[cell.defence].needs - offered)
    if missing:
        needed = ", ".join(_MEANING[trait] for trait in missing)
        why = (
            f"; {cell.victim}: {victim.lacks[trait]}" for trait in missing if trait in victim.lacks
        )
        return "".join([f"{cell.defence} needs {needed}", *why])
    if DEFENCES[cell.defence].trim and not {"ratings", "als"} <= traits:
        return f"{cell.defence} needs a factorization of ratings by least squares"
    if cell.knowledge != UNRESTRICTED and cell.victim not in SURROGATE_KINDS:
        return f"levels of knowledge need a surrogate of the kind of {cell.victim}"
    return None


def _only_rating(interactions: Interactions) -> float | None:
    """The rating that all interactions have, or None if they differ."""
    low, high = np.nanmin(interactions.rating), np.nanmax(interactions.rating)
    return float(low) if low == high else None


def check_names(attack: str, victim: str, defence: str, group: str, setting: AttackSetting) -> None:
    """Refuse unknown names before any work.

    Raises:
        ValueError: if a name is unknown, or the data has no such group of targets.
    """
    for kind, name, known in (
        ("attack", attack, (NONE, *ATTACKS, *KNOWING)),
        ("victim", victim, (*VICTIMS,)),
        ("defence", defence, (*DEFENCES,)),
        ("targets", group, (*setting.targets,)),
    ):
        if name not in known:
            why = " (the groups that these data have items in)" if kind == "targets" else ""
            near = difflib.get_close_matches(name, known, n=1)
            why += f". The nearest is {near[0]}" if near else ""
            raise ValueError(
                f"`{kind}` should be one of {', '.join(known)}{why}. Received: {name!r}."
            )
