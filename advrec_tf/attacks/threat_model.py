"""What an attacker knows: which share of the users, and what kind of model the victim is.

Three levels, as the field counts them. *White*: all rows and the victim's kind. *Gray*: the rows
of a fifth of the users, and the kind. *Black*: the rows of a fifth, and a wrong guess at the kind.
An attack by rule asks nothing of the victim, so that gray and black are one to it. What is done
with the knowledge is left to the attacks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from advrec_tf.attacks.gradient import GradientAttack
from advrec_tf.attacks.heuristic import Attack
from advrec_tf.attacks.wrappers import WrappedAttack
from advrec_tf.data.interactions import Interactions, Vocabulary


@dataclasses.dataclass(frozen=True, kw_only=True)
class Knowledge:
    """A level.

    Attributes:
        fraction: of the users whose rows are known, in (0, 1].
        knows_victim: whether a surrogate is of the victim's kind or of the other one.
    """

    fraction: float
    knows_victim: bool


LEVELS: Mapping[str, Knowledge] = {
    "white": Knowledge(fraction=1.0, knows_victim=True),
    "gray": Knowledge(fraction=0.2, knows_victim=True),
    "black": Knowledge(fraction=0.2, knows_victim=False),
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class PartialKnowledge(WrappedAttack):
    """`attack`, shown the rows of a share of the users alone.

    Args:
        attack: whose profiles are written; its size is the budget.
        fraction: of the users with rows, drawn at random, in (0, 1]; ten of them at least.
    """

    fraction: float

    def __post_init__(self):
        if not 0 < self.fraction <= 1:
            raise ValueError(f"`fraction` should be in (0, 1]. Received: {self.fraction!r}.")

    def profiles(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> np.ndarray:
        """[num_profiles, num_items] float32; see `attacks.heuristic.Attack`."""
        return self.attack.profiles(known_rows(data, self.fraction, rng=rng), targets, rng=rng)


def known_rows(data: Interactions, fraction: float, *, rng: np.random.Generator) -> Interactions:
    """The rows of a share of the users with rows, who alone are its users; all items stay."""
    users = np.flatnonzero(data.user_counts() > 0)
    if fraction < 1:
        count = min(len(users), max(10, round(fraction * len(users))))
        users = np.sort(rng.choice(users, count, replace=False))
    kept = data.select(np.isin(data.user_index, users))
    features = kept.user_features
    return dataclasses.replace(
        kept,
        user_index=np.searchsorted(users, kept.user_index).astype(np.int32),
        users=Vocabulary(kept.users.ids[users]),
        user_features=None if features is None else features.iloc[users].reset_index(drop=True),
    )


def informed(attack: Attack, level: str, *, victim_kind: str) -> PartialKnowledge:
    """`attack` as an attacker of a level would run it.

    Args:
        level: of `LEVELS`.
        victim_kind: "implicit" or "ratings", which surrogate is of the victim's kind.

    Raises:
        ValueError: if the level or the kind is unknown.
    """
    if level not in LEVELS:
        raise ValueError(f"`level` should be one of {', '.join(LEVELS)}. Received: {level!r}.")
    other = {"implicit": "ratings", "ratings": "implicit"}
    if victim_kind not in other:
        raise ValueError(
            f"`victim_kind` should be one of {', '.join(other)}. Received: {victim_kind!r}."
        )
    knowledge = LEVELS[level]
    if isinstance(attack, GradientAttack):
        kind = victim_kind if knowledge.knows_victim else other[victim_kind]
        attack = dataclasses.replace(attack, surrogate=kind)
    return PartialKnowledge(attack=attack, fraction=knowledge.fraction)
