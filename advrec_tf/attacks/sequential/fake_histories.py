"""The base of attacks by fake users whose items stand in a chosen order."""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.heuristic import checked_targets
from advrec_tf.attacks.injection import Poisoned
from advrec_tf.attacks.sequential.injection import inject_histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.rng import RNG


@dataclasses.dataclass(frozen=True, kw_only=True)
class FakeHistories:
    """The budget: how many fake users, and how many items each touches.

    Args:
        num_users: >= 1.
        length: interactions of each, those with the targets included, >= 2.

    Raises:
        ValueError: if one is smaller.
    """

    num_users: int
    length: int

    def __post_init__(self):
        if self.num_users < 1 or self.length < 2:
            raise ValueError(
                "`num_users` should be >= 1 and `length` >= 2. "
                f"Received: {self.num_users!r} and {self.length!r}."
            )

    def histories(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """[num_users, length] int32, item indices in order, the latest at the right.

        Args:
            interactions: what the attacker knows of the data.
            targets: [targets] int, the items to promote.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `histories`.")

    def times(self, interactions: Interactions, *, rng: RNG) -> np.ndarray | None:
        """[num_users, length] float64, or None for times like those of real users."""
        return None

    def poison(
        self,
        interactions: Interactions | Poisoned,
        targets: np.ndarray,
        *,
        rng: RNG,
    ) -> Poisoned:
        """The interactions with the fake users in them.

        Raises:
            ValueError: if a target is not an item index, or there is nothing else to touch.
        """
        rng = np.random.default_rng(rng)
        known = interactions
        if isinstance(interactions, Poisoned):
            known = interactions.interactions
        histories = self.histories(known, targets, rng=rng)
        times = None
        if known.timestamp is not None:
            times = self.times(known, rng=rng)
        name = type(self).__name__
        return inject_histories(
            interactions, histories, targets=targets, attack=name, rng=rng, times=times
        )

    def target_of_each(
        self, interactions: Interactions, targets: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The targets in turn, one for each fake user, [num_users]; and the other items by
        popularity, [others], the most popular first.

        Raises:
            ValueError: if a target is not an item index, or there is no other item.
        """
        targets = checked_targets(interactions, targets)
        others = np.argsort(-interactions.item_counts(), kind="stable")
        others = others[~np.isin(others, targets)]
        if not len(others):
            raise ValueError("`targets` should leave other items. Received: all of them.")
        return targets[np.arange(self.num_users) % len(targets)], others


def interleaved(anchors: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Anchors [users, length], of which every second is replaced by the user's target, so that the
    target follows an anchor and an anchor follows the target."""
    found = anchors.astype(np.int32).copy()
    found[:, 1::2] = targets[:, None]
    return found
