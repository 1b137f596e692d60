"""Threat models: which fraction of the users an attacker knows, and which kind of victim.

Three levels. *White box*: all interactions and the victim's kind. *Gray box*: the interactions of a
fifth of the users, and the kind. *Black box*: the interactions of a fifth of the users, and a wrong
guess of the kind. A heuristic attack does not depend on the victim, so gray and black are the same
for it. How the knowledge is used is left to the attacks.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from advrec_tf.attacks.gradient import GradientAttack
from advrec_tf.attacks.heuristic import Attack
from advrec_tf.attacks.wrappers import WrappedAttack
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.ops.rng import RNG


@dataclasses.dataclass(frozen=True, kw_only=True)
class Knowledge:
    """A level of knowledge.

    Attributes:
        fraction: of the users whose interactions are known, in (0, 1].
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
    """`attack` with the interactions of a fraction of the users only.

    Args:
        attack: generates the profiles; its size is the budget.
        fraction: of the users with interactions, drawn at random, in (0, 1]; at least ten users.
    """

    fraction: float

    def __post_init__(self):
        if not 0 < self.fraction <= 1:
            raise ValueError(f"`fraction` should be in (0, 1]. Received: {self.fraction!r}.")

    def profiles(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """[num_profiles, num_items] float32; see `attacks.heuristic.Attack`."""
        rng = np.random.default_rng(rng)
        known = known_interactions(interactions, self.fraction, rng=rng)
        return self.attack.profiles(known, targets, rng=rng)


def known_interactions(interactions: Interactions, fraction: float, *, rng: RNG) -> Interactions:
    """The interactions of a random fraction of the users, over those users and all items."""
    rng = np.random.default_rng(rng)
    users = np.flatnonzero(interactions.user_counts() > 0)
    if fraction < 1:
        count = min(len(users), max(10, round(fraction * len(users))))
        users = np.sort(rng.choice(users, count, replace=False))
    kept = interactions.select(np.isin(interactions.user_index, users))
    features = kept.user_features
    return dataclasses.replace(
        kept,
        user_index=np.searchsorted(users, kept.user_index).astype(np.int32),
        users=Vocabulary(kept.users.ids[users]),
        user_features=None if features is None else features.iloc[users].reset_index(drop=True),
    )


def informed(attack: Attack, level: str, *, victim_kind: str) -> PartialKnowledge:
    """`attack` with the knowledge of a level.

    Args:
        level: of `LEVELS`.
        victim_kind: "implicit" or "ratings", the kind of surrogate that matches the victim.

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
        surrogate = dataclasses.replace(attack.surrogate, kind=kind)
        attack = dataclasses.replace(attack, surrogate=surrogate)
    return PartialKnowledge(attack=attack, fraction=knowledge.fraction)
