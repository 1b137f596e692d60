"""Fake co-visitation: a target next to popular items, again and again."""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.sequential.fake_histories import FakeHistories, interleaved


@dataclasses.dataclass(frozen=True, kw_only=True)
class CoVisitation(FakeHistories):
    """Fake users who go back and forth between a target and popular items.

    Yang et al. 2017 (doi:10.14722/ndss.2017.23020), for models of what comes next: a history is

        popular, target, popular, target, ...

    Args:
        pool: fraction of the items, the most popular, that anchors are drawn from, by their
            popularity, in (0, 1]; at least one item.

    Raises:
        ValueError: if a number is out of range.
    """

    pool: float = 0.05

    def __post_init__(self):
        super().__post_init__()
        if not 0 < self.pool <= 1:
            raise ValueError(f"`pool` should lie in (0, 1]. Received: {self.pool!r}.")

    def histories(self, interactions, targets, *, rng):
        """See `FakeHistories.histories`."""
        rng = np.random.default_rng(rng)
        own, others = self.target_of_each(interactions, targets)
        popular = others[: max(1, int(np.ceil(self.pool * len(others))))]
        weight = interactions.item_counts()[popular] + 1.0
        anchors = rng.choice(popular, (self.num_users, self.length), p=weight / weight.sum())
        return interleaved(anchors, own)
