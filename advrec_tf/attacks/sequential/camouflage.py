"""Fake users who look like real ones to a detector that the attacker knows."""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.sequential.edits import Edits, open_places
from advrec_tf.attacks.sequential.fake_histories import FakeHistories
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import last_windows


@dataclasses.dataclass(frozen=True, kw_only=True)
class Camouflage(FakeHistories):
    """Histories of real users with the target put where a detector minds it least.

    The adaptive attacker against a detector of fake users: of a copied history one item after the
    other is exchanged for the target, each time at the place that leaves the least suspicion. Of
    `pool` times as many such users those with the least suspicion are injected.

    Args:
        detector: anything with `suspicion(histories) -> [n]`.
        repeats: how often the target comes into a history, >= 1, at most half of it.
        pool: >= 1.

    Raises:
        ValueError: if a number is out of range.
    """

    detector: object
    repeats: int = 1
    pool: int = 4

    def __post_init__(self):
        super().__post_init__()
        if not 1 <= self.repeats <= self.length // 2 or self.pool < 1:
            raise ValueError(
                f"`repeats` should lie in 1..{self.length // 2}, half of `length`, and `pool` be "
                f">= 1. Received: {self.repeats!r} and {self.pool!r}."
            )

    def histories(self, interactions, targets, *, rng):
        """See `FakeHistories.histories`; shorter where the copied user has fewer items.

        Raises:
            ValueError: if no user has an item more than the target is to come in.
        """
        rng = np.random.default_rng(rng)
        own, _ = self.target_of_each(interactions, targets)
        own = np.tile(own, self.pool)
        items = last_windows(interactions, self.length).items
        real = items[(items != NONE).sum(1) > self.repeats]
        if not len(real):
            raise ValueError(
                f"`interactions` should have a user with {self.repeats + 1} items. Received none."
            )
        found = real[rng.integers(len(real), size=len(own))]
        for _ in range(self.repeats):
            places = open_places(found, found == own[:, None], "substitute")
            row, place = np.nonzero(places)
            edited = Edits(row=row, place=place, item=own[row], kind="substitute").applied(found)
            order = np.lexsort((self.detector.suspicion(edited), row))
            best = order[np.flatnonzero(np.diff(row[order], prepend=-1))]
            found = found.copy()
            found[row[best]] = edited[best]
        suspicion = self.detector.suspicion(found).reshape(self.pool, self.num_users)
        chosen = np.argmin(suspicion, axis=0) * self.num_users + np.arange(self.num_users)
        return found[chosen]
