"""Weights of users in training: alike users count together as one, and nobody counts for many.

Both weigh rows of the training data and leave the rest to the model: EASE and least squares take
weights as they are, other models sample by them. What is ranked is left to `ranking`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.defences import Defence, DefendedData
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
