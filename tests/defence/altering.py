"""Defences that alter data by a rule, for tests of what is made of several."""

import dataclasses

import numpy as np

from advrec_tf.defence.defences import Defence, DefendedData


@dataclasses.dataclass(frozen=True, kw_only=True)
class Halve(Defence):
    """Every row weighs half; the suspicion is told."""

    told: float = 0.0

    def training_data(self, interactions, *, seed):
        return DefendedData(
            interactions=interactions,
            weight=np.full(len(interactions), 0.5, np.float32),
            suspicion=np.full(interactions.num_users, self.told),
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class DropFirst(Defence):
    """The rows of the first user go."""

    needs = frozenset({"ratings"})

    def training_data(self, interactions, *, seed):
        return DefendedData(interactions=interactions.select(interactions.user_index > 0))
