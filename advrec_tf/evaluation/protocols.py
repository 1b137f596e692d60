"""Evaluation protocols that change the training data before models are compared.

`cold_start` cuts users with many interactions to 0, 1, 3 or 5, so that there is a history to test
the recommendations against; `cold_items` removes every interaction of some items, so that they can
be recommended by their metadata only.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split

_MIN_REMOVED = 4


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ColdStart:
    """A split in which some users have lost most of their history.

    Attributes:
        train: the training interactions that are left.
        validation, test: two random halves of the removed interactions.
        users_cut_to: interactions left -> user indices cut to so many.
    """

    train: Interactions
    validation: Interactions
    test: Interactions
    users_cut_to: dict[int, np.ndarray]

    @property
    def users(self) -> np.ndarray:
        """All users that were cut, sorted."""
        return np.sort(np.concatenate(list(self.users_cut_to.values())))


def cold_start(
    split: Split, *, fraction: float = 0.2, counts: Sequence[int] = (1, 3, 5), seed: int = 0
) -> ColdStart:
    """Cut a random fraction of the users to `counts` training interactions, in equal groups.

    The interactions kept are drawn at random, not by time: the last ones before the test item are
    often of the same session and would make cold users easier than warm ones. Only users with at
    least max(counts) + 4 interactions can be cut.

    Args:
        split: its training part is cut; its own validation and test parts are not used.
        fraction: of the users, in (0, 1].
        counts: interactions left to the users of each group, each >= 0.
        seed: of users and interactions.

    Raises:
        ValueError: if `fraction` lies outside (0, 1], a count is negative, or fewer users than
            counts can be cut.
    """
    if not 0 < fraction <= 1:
        raise ValueError(f"`fraction` should lie in (0, 1]. Received: {fraction!r}.")
    if not counts or min(counts) < 0:
        raise ValueError(f"`counts` should hold numbers >= 0. Received: {tuple(counts)!r}.")
    rng = np.random.default_rng(seed)
    train = split.train
    eligible = np.flatnonzero(train.user_counts() >= max(counts) + _MIN_REMOVED)
    wanted = int(round(fraction * train.num_users))
    chosen = rng.permutation(eligible)[:wanted]
    if len(chosen) < len(counts):
        raise ValueError(
            f"`split` should have at least {len(counts)} users with "
            f"{max(counts) + _MIN_REMOVED} training interactions or more. Received {len(chosen)}."
        )
    groups = {count: np.sort(chosen[i :: len(counts)]) for i, count in enumerate(counts)}
    keep = np.full(train.num_users, np.iinfo(np.int64).max)
    for count, users in groups.items():
        keep[users] = count
    # Position of each interaction in a random order of its user's interactions.
    order = np.lexsort((rng.random(len(train)), train.user_index))
    starts = np.concatenate([[0], np.cumsum(train.user_counts())])
    position = np.empty(len(train), np.int64)
    position[order] = np.arange(len(train)) - starts[train.user_index[order]]
    kept = position < keep[train.user_index]
    even = (position - keep[train.user_index]) % 2 == 0
    return ColdStart(
        train=train.select(kept),
        validation=train.select(~kept & even),
        test=train.select(~kept & ~even),
        users_cut_to=groups,
    )


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ColdItems:
    """Interactions in which some items have lost all their interactions.

    Attributes:
        train: the interactions of the other items.
        validation, test: the interactions of two halves of the cold items.
        validation_items, test_items: item indices, sorted.
    """

    train: Interactions
    validation: Interactions
    test: Interactions
    validation_items: np.ndarray
    test_items: np.ndarray

    @property
    def items(self) -> np.ndarray:
        """All cold items, sorted."""
        return np.sort(np.concatenate([self.validation_items, self.test_items]))


def cold_items(
    interactions: Interactions,
    *,
    fraction: float = 0.2,
    min_interactions: int = 1,
    among: np.ndarray | None = None,
    seed: int = 0,
) -> ColdItems:
    """Remove all interactions of a random fraction of the items, in two halves.

    The items are stratified by popularity: one is drawn from each of as many slices of the items in
    the order of their popularity, and slices go to the two halves in turn. A user who loses all
    interactions stays in the vocabulary, without a history.

    Args:
        fraction: of the eligible items, in (0, 1).
        min_interactions: of an eligible item, >= 1.
        among: indices of the eligible items, such as those with a text; by default all.
        seed: of the items.

    Raises:
        ValueError: if `fraction` or `min_interactions` is out of range, or fewer than two items
            would be cold.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"`fraction` should lie in (0, 1). Received: {fraction!r}.")
    if min_interactions < 1:
        raise ValueError(f"`min_interactions` should be >= 1. Received: {min_interactions!r}.")
    counts = interactions.item_counts()
    eligible = np.flatnonzero(counts >= min_interactions)
    if among is not None:
        eligible = np.intersect1d(eligible, among)
    cold = int(round(fraction * len(eligible)))
    if cold < 2:
        raise ValueError(
            f"`fraction` should make at least 2 of the {len(eligible)} items with "
            f"{min_interactions} interactions or more cold. Received: {fraction!r}."
        )
    rng = np.random.default_rng(seed)
    ordered = eligible[np.lexsort((rng.random(len(eligible)), counts[eligible]))]
    # One item of each of `cold` slices of the popularity order, to either half in turn.
    slices = np.array_split(ordered, cold)
    drawn = np.array([items[rng.integers(len(items))] for items in slices])
    sides = (np.arange(cold) + rng.integers(2)) % 2
    sets = [np.sort(drawn[sides == side]) for side in (0, 1)]
    removed = [np.isin(interactions.item_index, items) for items in sets]
    return ColdItems(
        train=interactions.select(~removed[0] & ~removed[1]),
        validation=interactions.select(removed[0]),
        test=interactions.select(removed[1]),
        validation_items=sets[0],
        test_items=sets[1],
    )


def sparsest_users(train: Interactions, users: np.ndarray, fraction: float = 0.2) -> np.ndarray:
    """The fraction of `users` with the fewest training interactions (ties by index), sorted."""
    counts = train.user_counts()[users]
    order = np.argsort(counts, kind="stable")
    return np.sort(users[order[: max(1, int(round(fraction * len(users))))]])
