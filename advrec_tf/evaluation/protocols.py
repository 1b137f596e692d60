"""Protocols that change the training data before models are compared.

`cold_start` makes users with 1, 3 or 5 interactions out of users with many, so that there
is a history to check the recommendations against.
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
        choosing, withheld: two random halves of the rows taken away; settings are chosen on
            the first, results come from the second.
        users_cut_to: rows left -> user indices cut to so many.
    """

    train: Interactions
    choosing: Interactions
    withheld: Interactions
    users_cut_to: dict[int, np.ndarray]

    @property
    def users(self) -> np.ndarray:
        """All users that were cut, sorted."""
        return np.sort(np.concatenate(list(self.users_cut_to.values())))


def cold_start(
    split: Split, *, share: float = 0.2, counts: Sequence[int] = (1, 3, 5), seed: int = 0
) -> ColdStart:
    """Cut a random share of the users to `counts` training rows each, in equal groups.

    The rows kept are chosen at random, not by time: the last rows before the test item are
    often of the same sitting, and would make cold users easier than warm ones. Only users
    with at least max(counts) + 4 rows can be cut.

    Raises:
        ValueError: if `share` lies outside (0, 1], a count is below 1, or fewer users than
            counts can be cut.
    """
    if not 0 < share <= 1:
        raise ValueError(f"`share` should lie in (0, 1]. Received: {share!r}.")
    if not counts or min(counts) < 1:
        raise ValueError(f"`counts` should hold numbers >= 1. Received: {tuple(counts)!r}.")
    rng = np.random.default_rng(seed)
    train = split.train
    eligible = np.flatnonzero(train.user_counts() >= max(counts) + _LEAST_WITHHELD)
    wanted = int(round(share * train.num_users))
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
        choosing=train.select(~kept & even),
        withheld=train.select(~kept & ~even),
        users_cut_to=groups,
    )


def sparsest_users(train: Interactions, users: np.ndarray, share: float = 0.2) -> np.ndarray:
    """The given share of `users` with the fewest training rows (ties by index), sorted."""
    counts = train.user_counts()[users]
    order = np.argsort(counts, kind="stable")
    return np.sort(users[order[: max(1, int(round(share * len(users))))]])
