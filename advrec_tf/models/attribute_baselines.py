"""Ranking of users of whom only attributes are known, without any training.

`GroupPopularity` is the smoothed popularity among users of the same attributes;
`bootstrap_profiles` copies the history of a random user with the same attributes. They are the
baselines of a generator of profiles from attributes (`gan.attribute_profiles`).
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import Recommender
from advrec_tf.ops.rng import RNG

BINS = 5


def attribute_groups(table: pd.DataFrame, *, bins: int = BINS) -> np.ndarray:
    """Columns of a side table as groups: [users, columns] int32, -1 where a cell is missing.

    A number with more than `bins` values is cut at its quantiles into at most `bins` groups.
    """
    groups = []
    for name in table:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and column.nunique() > bins:
            column = pd.qcut(column, bins, labels=False, duplicates="drop")
        groups.append(pd.factorize(column)[0].astype(np.int32))
    return np.stack(groups, axis=1) if groups else np.zeros((len(table), 0), np.int32)


class GroupPopularity(Recommender):
    """Popularity times the preference of each attribute's group over it (naive Bayes).

        score(u, i) = log p_i + sum over attributes a of u:  log(p_ia / p_i)
        p_ia = (n_ia + strength * p_i) / (n_a + strength)

    n_ia counts the interactions of item i with users of the group a, n_a all of theirs, p_i is
    the item's fraction of all interactions (half a one added). At infinite `strength` it is
    popularity. A missing attribute says nothing.

    Args:
        groups: [users, attributes] int, -1 where missing; see `attribute_groups`.
        strength: how many interactions of the whole each group is mixed with, > 0.

    Raises:
        ValueError: if `strength` is not positive.
    """

    def __init__(self, groups: np.ndarray, *, strength: float = 1000.0):
        if not strength > 0:
            raise ValueError(f"`strength` should be > 0. Received: {strength!r}.")
        self.groups = groups
        self.strength = strength

    def fit(self, interactions: Interactions) -> GroupPopularity:
        """Count.

        Raises:
            ValueError: if `groups` does not have one entry a user.
        """
        if len(self.groups) != interactions.num_users:
            raise ValueError(
                f"`groups` should have {interactions.num_users} entries, one a user. "
                f"Received: {len(self.groups)}."
            )
        self.interactions = interactions
        counts = interactions.item_counts() + 0.5
        fraction = counts / counts.sum()
        self._scores = np.tile(np.log(fraction), (interactions.num_users, 1))
        for column in self.groups.T:
            known = column[interactions.user_index] >= 0
            counted = np.zeros((column.max(initial=-1) + 1, interactions.num_items))
            np.add.at(
                counted,
                (column[interactions.user_index[known]], interactions.item_index[known]),
                1.0,
            )
            smoothed = counted + self.strength * fraction
            smoothed /= counted.sum(1, keepdims=True) + self.strength
            gain = np.log(smoothed / fraction)
            given = column >= 0
            self._scores[given] += gain[column[given]]
        self._scores = self._scores.astype(np.float32)
        return self

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32, log of a probability up to a constant."""
        return tf.gather(self._scores, user_index)

    def scores(self) -> np.ndarray:
        """[num_users, num_items] float32."""
        return self._scores


def bootstrap_profiles(
    interactions: Interactions, groups: np.ndarray, users: np.ndarray, *, rng: RNG
) -> np.ndarray:
    """For each of `users` the profile of a random other user with most attributes in common.

    Args:
        groups: [num_users, attributes] int, -1 where missing (shared with nobody).
        users: indices of those to be given a profile; only users with interactions are copied.

    Returns:
        [len(users), num_items] float32 of 0/1.

    Raises:
        ValueError: if nobody else has interactions.
    """
    rng = np.random.default_rng(rng)
    profiles = interactions.by_user()
    donors = np.setdiff1d(np.flatnonzero(profiles.counts), users)
    if not len(donors):
        raise ValueError("`interactions` should have users beside `users`. Received none.")
    copied = np.zeros((len(users), interactions.num_items), np.float32)
    for row, user in enumerate(users):
        shared = ((groups[donors] == groups[user]) & (groups[user] >= 0)).sum(axis=1)
        alike = donors[shared == shared.max()]
        copied[row, profiles[rng.choice(alike)]] = 1.0
    return copied
