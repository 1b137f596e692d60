"""Session flooding: many quick sessions around a target."""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.sequential.fake_histories import FakeHistories


@dataclasses.dataclass(frozen=True, kw_only=True)
class SessionFlooding(FakeHistories):
    """Fake users who touch a target over and over, in one burst at a steady pace.

    The crude attack: every place holds the target with the chance `share`, at least one does, and
    other items, drawn at random, stand between. All times of a user are `pace` apart.

    Args:
        share: in (0, 1].
        pace: time between two touches, in the unit of the interactions, > 0.

    Raises:
        ValueError: if a number is out of range.
    """

    share: float = 0.5
    pace: float = 1.0

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.share <= 1 or not self.pace > 0:
            raise ValueError(
                "`share` should lie in (0, 1] and `pace` be > 0. "
                f"Received: {self.share!r} and {self.pace!r}."
            )

    def histories(self, interactions, targets, *, rng):
        """See `FakeHistories.histories`."""
        rng = np.random.default_rng(rng)
        own, others = self.target_of_each(interactions, targets)
        size = (self.num_users, self.length)
        found = rng.choice(others, size)
        touched = rng.random(size) < self.share
        touched[np.arange(self.num_users), rng.integers(self.length, size=self.num_users)] = True
        return np.where(touched, own[:, None], found).astype(np.int32)

    def times(self, interactions, *, rng):
        """[num_users, length] float64: a steady pace from that of a random interaction on."""
        rng = np.random.default_rng(rng)
        start = rng.choice(interactions.timestamp, self.num_users)
        return start[:, None] + self.pace * np.arange(self.length)[None, :]
