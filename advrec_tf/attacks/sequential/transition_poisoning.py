"""Poisoned transitions: the target becomes what most often follows the items most users end on."""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.sequential.fake_histories import FakeHistories, interleaved
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.order import ordered_by_user


@dataclasses.dataclass(frozen=True, kw_only=True)
class TransitionPoisoning(FakeHistories):
    """Fake users who spend their pairs (anchor, target) where they win the most users a pair.

    For an anchor a and a target t, `reach` is how many users have a as their last item and not t
    in their history, and `cost` how many pairs a -> t are wanting until no more than `k` - 1 items
    follow a as often as t. Anchors are bought by reach / cost, the best first, as in a knapsack,
    until the budget of num_users * (length // 2) pairs is spent; what is left of it goes to the
    anchors in the same order. That is the best answer to a model that counts what follows the last
    item, and a good one to models that learn it.

    Args:
        k: length of the lists to get into, >= 1.
        damping: exponent >= 0 of the popularity by which the attacked model divides counts, as
            `popularity` of `models.Transitions`. Then every pair bought makes the target popular
            and the others cheaper, and fewer anchors get more pairs each.

    Raises:
        ValueError: if a number is out of range.
    """

    k: int = 10
    damping: float = 0.0

    def __post_init__(self):
        super().__post_init__()
        if self.k < 1 or not self.damping >= 0:
            raise ValueError(
                f"`k` should be >= 1 and `damping` >= 0. Received: {self.k!r} and {self.damping!r}."
            )

    def histories(self, interactions, targets, *, rng):
        """See `FakeHistories.histories`."""
        rng = np.random.default_rng(rng)
        own, others = self.target_of_each(interactions, targets)
        pairs = self.length // 2
        anchors = np.empty((self.num_users, self.length), np.int32)
        for target in np.unique(own):
            chosen = np.flatnonzero(own == target)
            bought = self._bought(interactions, int(target), others, len(chosen) * pairs)
            bought = rng.permutation(bought).reshape(len(chosen), pairs)
            anchors[chosen, : 2 * pairs] = np.repeat(bought, 2, axis=1)
            anchors[chosen, 2 * pairs :] = bought[:, :1]
        return interleaved(anchors, own)

    def _bought(
        self, interactions: Interactions, target: int, others: np.ndarray, budget: int
    ) -> np.ndarray:
        """[budget] anchors, an anchor as often as it gets a pair."""
        reach, cost = anchor_values(
            interactions, target, self.k, damping=self.damping, bought=budget
        )
        order = others[np.argsort(-(reach / cost)[others], kind="stable")]
        found, left = [], budget
        for anchor in order:
            if reach[anchor] and cost[anchor] <= left:
                found.append(np.full(cost[anchor], anchor))
                left -= cost[anchor]
        found.append(np.resize(order[: max(1, int((reach[order] > 0).sum()))], left))
        return np.concatenate(found).astype(np.int32)


def anchor_values(
    interactions: Interactions, target: int, k: int, *, damping: float = 0.0, bought: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    """Reach and cost of each item as an anchor, [num_items] int64 each; costs are >= 1.

    With `damping` d, counts are compared divided by popularity^d, that of the target with the
    `bought` interactions.
    """
    num_items = interactions.num_items
    order, starts = ordered_by_user(interactions)
    user = interactions.user_index[order]
    item = interactions.item_index[order].astype(np.int64)
    has = np.zeros(interactions.num_users, bool)
    has[interactions.user_index[interactions.item_index == target]] = True
    users = np.flatnonzero((np.diff(starts) > 0) & ~has)
    reach = np.bincount(item[starts[users + 1] - 1], minlength=num_items)
    next_to = user[1:] == user[:-1]
    keys, counts = np.unique(item[:-1][next_to] * num_items + item[1:][next_to], return_counts=True)
    first, second = np.divmod(keys, num_items)
    own = np.bincount(first[second == target], counts[second == target], num_items)
    rivals = second != target
    popularity = interactions.item_counts().astype(np.float64)
    first, counts = first[rivals], counts[rivals] / popularity[second[rivals]] ** damping
    ordered = np.lexsort((-counts, first))
    first, counts = first[ordered], counts[ordered]
    rank = np.arange(len(first)) - np.searchsorted(first, first)
    to_beat = np.zeros(num_items)
    to_beat[first[rank == k - 1]] = counts[rank == k - 1]
    to_beat *= (popularity[target] + bought) ** damping
    wanting = np.floor(to_beat + 1e-9) + 1 - own
    return reach, np.maximum(wanting, 1).astype(np.int64)
