"""Protocols that change the training data before models are compared.

`cold_start` makes users with 0, 1, 3 or 5 interactions out of users with many, so that there
is a history to check the recommendations against; `cold_items` takes every row of some items
away, so that only what is said about an item can bring it to anybody.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split

_LEAST_WITHHELD = 4


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ColdStart:
    """A split in which some users have lost most of their history.

    Attributes:
        train: the training rows that are left.
        validation, withheld: two random halves of the rows taken away; settings are chosen on
            the first, results come from the second.
        users_cut_to: rows left -> user indices cut to so many.
    """

    train: Interactions
    validation: Interactions
    withheld: Interactions
    users_cut_to: dict[int, np.ndarray]

    @property
    def users(self) -> np.ndarray:
        """All users that were cut, sorted."""
        return np.sort(np.concatenate(list(self.users_cut_to.values())))


def cold_start(
    split: Split, *, fraction: float = 0.2, counts: Sequence[int] = (1, 3, 5), seed: int = 0
) -> ColdStart:
    """Cut a random share of the users to `counts` training rows each, >= 0, in equal groups.

    The rows kept are chosen at random, not by time: the last rows before the test item are
    often of the same sitting, and would make cold users easier than warm ones. Only users
    with at least max(counts) + 4 rows can be cut.

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
    eligible = np.flatnonzero(train.user_counts() >= max(counts) + _LEAST_WITHHELD)
    wanted = int(round(fraction * train.num_users))
    chosen = rng.permutation(eligible)[:wanted]
    if len(chosen) < len(counts):
        raise ValueError(
            f"`split` should have at least {len(counts)} users with "
            f"{max(counts) + _LEAST_WITHHELD} training rows or more. Received {len(chosen)}."
        )
    groups = {count: np.sort(chosen[i :: len(counts)]) for i, count in enumerate(counts)}
    keep = np.full(train.num_users, np.iinfo(np.int64).max)
    for count, users in groups.items():
        keep[users] = count
    # Position of each row in a random order of its user's rows.
    order = np.lexsort((rng.random(len(train)), train.user_index))
    starts = np.concatenate([[0], np.cumsum(train.user_counts())])
    position = np.empty(len(train), np.int64)
    position[order] = np.arange(len(train)) - starts[train.user_index[order]]
    kept = position < keep[train.user_index]
    even = (position - keep[train.user_index]) % 2 == 0
    return ColdStart(
        train=train.select(kept),
        validation=train.select(~kept & even),
        withheld=train.select(~kept & ~even),
        users_cut_to=groups,
    )


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ColdItems:
    """Interactions in which some items have lost all their rows.

    Attributes:
        train: the rows of the other items.
        validation, withheld: the rows of two halves of the cold items, each item's on one side;
            settings are chosen on the first, results come from the second.
        validation_items, withheld_items: item indices, sorted.
    """

    train: Interactions
    validation: Interactions
    withheld: Interactions
    validation_items: np.ndarray
    withheld_items: np.ndarray

    @property
    def items(self) -> np.ndarray:
        """All items that were taken away, sorted."""
        return np.sort(np.concatenate([self.validation_items, self.withheld_items]))


def cold_items(
    interactions: Interactions,
    *,
    fraction: float = 0.2,
    least: int = 1,
    among: np.ndarray | None = None,
    seed: int = 0,
) -> ColdItems:
    """Take all rows of a random share of the items away, in two halves.

    The items are drawn alike from rare and from popular ones: in the order of their rows they
    are dealt out in turns. A user whose every row is taken stays in the vocabulary, without a
    history.

    Args:
        fraction: of the items that can be drawn, in (0, 1).
        least: rows an item must have to be drawn, >= 1.
        among: item indices that can be drawn, such as those with a text; by default all.

    Raises:
        ValueError: if `fraction` or `least` is out of range, or fewer than two items would be
            cold.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"`fraction` should lie in (0, 1). Received: {fraction!r}.")
    if least < 1:
        raise ValueError(f"`least` should be >= 1. Received: {least!r}.")
    counts = interactions.item_counts()
    eligible = np.flatnonzero(counts >= least)
    if among is not None:
        eligible = np.intersect1d(eligible, among)
    cold = int(round(fraction * len(eligible)))
    if cold < 2:
        raise ValueError(
            f"`fraction` should make at least 2 of the {len(eligible)} items with {least} rows or "
            f"more cold. Received: {fraction!r}."
        )
    rng = np.random.default_rng(seed)
    ordered = eligible[np.lexsort((rng.random(len(eligible)), counts[eligible]))]
    # One item of each of `cold` slices of the popularity order, to either side in turns.
    slices = np.array_split(ordered, cold)
    drawn = np.array([items[rng.integers(len(items))] for items in slices])
    sides = (np.arange(cold) + rng.integers(2)) % 2
    sets = [np.sort(drawn[sides == side]) for side in (0, 1)]
    rows = [np.isin(interactions.item_index, items) for items in sets]
    return ColdItems(
        train=interactions.select(~rows[0] & ~rows[1]),
        validation=interactions.select(rows[0]),
        withheld=interactions.select(rows[1]),
        validation_items=sets[0],
        withheld_items=sets[1],
    )


def sparsest_users(train: Interactions, users: np.ndarray, fraction: float = 0.2) -> np.ndarray:
    """The given share of `users` with the fewest training rows (ties by index), sorted."""
    counts = train.user_counts()[users]
    order = np.argsort(counts, kind="stable")
    return np.sort(users[order[: max(1, int(round(fraction * len(users))))]])
