"""Weights in training: alike users count together as one, nobody counts for many, and what does
not hang together counts for little.

All weigh the training data and leave the rest to the model: EASE and least squares take weights as
they are, other models sample by them. No user loses the own profile by it. What is ranked is left
to `ranking`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.defences import Defence, DefendedData
from advrec_tf.defence.evidence.coherence import coherence, fading
from advrec_tf.defence.evidence.effective_raters import normalized_profiles


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndependenceWeights(Defence):
    """Weigh a user by one over the number of users like it, itself included.

    Another user counts for (cosine - alike) / (1 - alike) where that is positive; cosines are those
    of `effective_raters.normalized_profiles`. m copies of one profile weigh 1 / m each, together as
    much as one; a user that resembles nobody weighs 1.

    Args:
        alike: cosine from which two users start to count as one, in [0, 1).

    Raises:
        ValueError: if it is out of range.
    """

    alike: float = 0.5

    def __post_init__(self):
        if not 0 <= self.alike < 1:
            raise ValueError(f"`alike` should be in [0, 1). Received: {self.alike!r}.")

    def training_data(self, interactions, *, seed):
        weight = 1.0 / crowd_sizes(interactions, alike=self.alike)
        return DefendedData(
            interactions=interactions,
            weight=weight[interactions.user_index].astype(np.float32),
            suspicion=1.0 - weight,
        )


def crowd_sizes(interactions: Interactions, *, alike: float) -> np.ndarray:
    """[num_users] float64 >= 1, how many users each is one of; see `IndependenceWeights`."""
    rows = normalized_profiles(interactions)
    cosines = sparse.csr_array(rows @ rows.T)
    cosines.setdiag(0.0)
    cosines.data = np.clip((cosines.data - alike) / (1.0 - alike), 0.0, 1.0)
    return 1.0 + np.asarray(cosines.sum(axis=1))


@dataclasses.dataclass(frozen=True, kw_only=True)
class CapContributions(Defence):
    """No user counts for more than `quantile` of the users have interactions.

    A user with n interactions above that number c weighs c / n, so the sum of a user's weights, for
    EASE the trace of what the user adds to the Gram matrix, is at most c: the sensitivity that
    private training clips to. Long profiles are cheap for attackers; here they gain nothing.

    Args:
        quantile: of the numbers of interactions of users with any, in (0, 1].

    Raises:
        ValueError: if it is out of range.
    """

    quantile: float = 0.5

    def __post_init__(self):
        if not 0 < self.quantile <= 1:
            raise ValueError(f"`quantile` should be in (0, 1]. Received: {self.quantile!r}.")

    def training_data(self, interactions, *, seed):
        counts = interactions.user_counts()
        cap = np.quantile(counts[counts > 0], self.quantile)
        weight = np.minimum(1.0, cap / np.maximum(counts, 1))
        return DefendedData(
            interactions=interactions, weight=weight[interactions.user_index].astype(np.float32)
        )


_UNUSUAL = (0.25, 0.75)  # deviations of a user's lower measure, in a suspicious group


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoherenceWeights(Defence):
    """Weigh users and items by how well what they have, or who has them, hangs together.

    See `coherence`. An interaction weighs what its user weighs times what its item does; each is 1
    up to the first of two bounds, 0 from the second on. Where the users of an item are suspicious
    as a group, as those of a campaign's target are, its interactions with users of less than usual
    coherence weigh nothing; those with others stay. Bounds are deviations from like users and
    items of the same data, of normal variables where nobody attacks: a fifth to a quarter of honest
    users count for less than 1. They are still recommended to by all they have.

    Args:
        too_little: of a user's coherence below that of like users.
        too_much: above it: the profile is a copy.
        strangers: of an item's coherence below that of items with as many users, with an allowance
            where chance alone does not explain it.
        campaign: of a group's coherence below that of groups of as many.
        rounds: of measuring users by those that are left, >= 1.

    Raises:
        ValueError: if bounds are not positive and rising, or `rounds` is below 1; in training as
            `coherence` does.
    """

    too_little: tuple[float, float] = (1.0, 1.8)
    too_much: tuple[float, float] = (1.7, 2.6)
    strangers: tuple[float, float] = (1.2, 1.7)
    campaign: tuple[float, float] = (3.0, 5.0)
    rounds: int = 2

    def __post_init__(self):
        for name in ("too_little", "too_much", "strangers", "campaign"):
            bounds = getattr(self, name)
            if len(bounds) != 2 or not 0 < bounds[0] < bounds[1]:
                raise ValueError(
                    f"`{name}` should be two rising numbers > 0. Received: {bounds!r}."
                )
        if self.rounds < 1:
            raise ValueError(f"`rounds` should be >= 1. Received: {self.rounds!r}.")

    def training_data(self, interactions, *, seed):
        found = coherence(
            interactions,
            too_little=self.too_little,
            too_much=self.too_much,
            rounds=self.rounds,
            seed=seed,
        )
        user, item = interactions.user_index, interactions.item_index
        weight = found.user_weight[user] * fading(-found.items, self.strangers)[item]
        alone = fading(-found.groups, self.campaign)[item]
        weight = weight * np.maximum(alone, fading(-found.lower, _UNUSUAL)[user])
        return DefendedData(
            interactions=interactions,
            weight=weight.astype(np.float32),
            suspicion=1.0 - found.user_weight,
        )
