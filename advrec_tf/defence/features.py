"""Features of profiles: one number per user for each known sign of an attack.

Every feature is measured against a *reference*, the interactions whose item means, item degrees and
neighbors it uses: trusted history, or, where nothing is trusted, the data itself. The features of
timestamps are in `timing`, the neighbors in `similarity`. What is suspicious is left to the
detectors.

For a user u with ratings r_ui of N_u items, item means m_i and degrees n_i of the reference:

    rdma          sum |r_ui - m_i| / n_i / N_u      rating deviation from mean agreement;
                                                    Chirita, Nejdl & Zamfir 2005
    wdma          sum |r_ui - m_i| / n_i^2 / N_u    weighted; Burke et al. 2006
    wda           sum |r_ui - m_i| / n_i            weighted degree of agreement; Burke et al. 2006
    degsim        mean similarity to the k nearest reference users; Chirita et al. 2005
    length_var    |N_u - N| / sum_v (N_v - N)^2, N the mean of N_v; Burke et al. 2006
    fmtd          |mean of r_ui over P_T - mean over P_F|, P_T the items u rated highest, P_F
                  the others (0 where there are none); filler mean target difference,
                  Burke et al. 2006
    mean_var      mean over P_F of (r_ui - m_i)^2; filler mean variance, Burke et al. 2006
    hv            sum (r_ui - m_i - m_u + m)^2 / sum (r_ui - m_u)^2; UnRAP, Bryan et al. 2008
    entropy       of the ratings' distribution, bits; Cao et al. 2013
    top_share     fraction of the interactions with the highest rating of the data
    low_share     fraction with the lowest
    mud, rud, qud mean, range and lower quartile of n_i over the profile; Li & Gao 2016
    popularity    mean of log(1 + n_i)
    pop_spread    its standard deviation over the profile
    pop_shift     Kullback-Leibler divergence, bits, of the profile's frequencies of five classes of
                  items (equal numbers of reference interactions, by degree) from those of the
                  reference, with one pseudo-interaction distributed as the reference
    new_share     fraction of items without a reference interaction
    length        log N_u

Where a profile is part of its own reference, its own interactions count in m_i and n_i, as in the
papers. An item without a reference interaction has n_i = 1 and the global mean.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence import timing
from advrec_tf.defence.item_statistics import (
    CLASSES,
    ItemStatistics,
    has_ratings,
    item_statistics,
)
from advrec_tf.defence.similarity import Neighbors

RATING_FEATURES = (
    "rdma",
    "wdma",
    "wda",
    "fmtd",
    "mean_var",
    "hv",
    "entropy",
    "top_share",
    "low_share",
)
PROFILE_FEATURES = (
    "length_var",
    "mud",
    "rud",
    "qud",
    "popularity",
    "pop_spread",
    "pop_shift",
    "new_share",
    "length",
)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class FeatureTable:
    """Features of every user of some interactions.

    Attributes:
        names: [features] of the columns.
        values: [num_users, features] float64; NaN for a user without interactions.
    """

    names: tuple[str, ...]
    values: np.ndarray

    @property
    def measured(self) -> np.ndarray:
        """[num_users] bool: users with interactions."""
        return ~np.isnan(self.values[:, 0])

    def column(self, name: str) -> np.ndarray:
        """[num_users] float64 of one feature."""
        return self.values[:, self.names.index(name)]

    def only(self, names: tuple[str, ...]) -> FeatureTable:
        """The same users with these columns.

        Raises:
            ValueError: if there is no such column.
        """
        missing = [name for name in names if name not in self.names]
        if missing:
            raise ValueError(
                f"`names` should be among {', '.join(self.names)}. Received: {', '.join(missing)}."
            )
        columns = [self.names.index(name) for name in names]
        return FeatureTable(names=tuple(names), values=self.values[:, columns])


class ProfileFeatures:
    """Measures profiles against a reference: `fit` it once, call it on any interactions.

    Args:
        neighbors: k of `degsim`, >= 1.
        day: length of a day in the unit of the timestamps, for the feature of the hours; None
            leaves it out.
        max_reference: `degsim` looks for neighbors among so many reference users, drawn by `seed`.
        seed: of the reference users.

    Attributes:
        names: of the features, known after `fit`.
        statistics: the `ItemStatistics` of the reference.
    """

    def __init__(
        self,
        *,
        neighbors: int = 20,
        day: float | None = 86_400.0,
        max_reference: int = 5_000,
        seed: int = 0,
    ):
        if neighbors < 1 or max_reference < 2:
            raise ValueError(
                "`neighbors` should be >= 1 and `max_reference` >= 2. "
                f"Received: {neighbors!r} and {max_reference!r}."
            )
        self.neighbors = neighbors
        self.day = day
        self.max_reference = max_reference
        self.seed = seed

    def fit(self, reference: Interactions) -> ProfileFeatures:
        """Use the items and neighbors of `reference`; its columns decide on the features."""
        self.statistics = item_statistics(reference)
        self._rated = has_ratings(reference)
        self._neighbors = Neighbors(
            reference, k=self.neighbors, max_users=self.max_reference, seed=self.seed
        )
        self.names = (RATING_FEATURES if self._rated else ()) + PROFILE_FEATURES + ("degsim",)
        self._clock = None
        if reference.timestamp is not None:
            self._clock = timing.Clock.of(reference, day=self.day)
            self.names += self._clock.names
        return self

    def __call__(self, interactions: Interactions) -> FeatureTable:
        """The features of every user.

        Raises:
            ValueError: if the items differ from the reference's, or ratings or times are missing
                that the reference has.
        """
        self._check(interactions)
        measured = interactions.user_counts() > 0
        columns = profile_columns(interactions, self.statistics)
        if self._rated:
            columns |= rating_columns(interactions, self.statistics)
        columns["degsim"] = self._neighbors.mean_similarity(interactions)
        if self._clock is not None:
            columns |= self._clock.columns(interactions)
        values = np.stack([columns[name] for name in self.names], axis=1)
        values[~measured] = np.nan
        return FeatureTable(names=self.names, values=values)

    def _check(self, interactions: Interactions) -> None:
        expected = len(self.statistics.degree)
        if interactions.num_items != expected:
            raise ValueError(
                f"`interactions` should have the {expected} items of the reference. "
                f"Received: {interactions!r}."
            )
        if self._rated and not has_ratings(interactions):
            raise ValueError(
                "`interactions` should have ratings, as the reference has. Received none."
            )
        if self._clock is not None and interactions.timestamp is None:
            raise ValueError(
                "`interactions` should have times, as the reference has. Received none."
            )


def rating_columns(interactions: Interactions, items: ItemStatistics) -> dict[str, np.ndarray]:
    """[num_users] of each of `RATING_FEATURES`; interactions without a rating are skipped, and a
    user without any rating has zeros."""
    num_users = interactions.num_users
    rated = ~np.isnan(interactions.rating)
    user, item = interactions.user_index[rated], interactions.item_index[rated]
    rating = interactions.rating[rated].astype(np.float64)
    mean = _means(user, num_users)
    deviation = rating - items.mean[item]
    weighted = np.abs(deviation) / items.degree[item]
    count = np.bincount(user, minlength=num_users)
    peak = np.full(num_users, -np.inf)
    np.maximum.at(peak, user, rating)
    target = rating == peak[user]
    of_target = mean(rating, target)
    has_filler = np.bincount(user[~target], minlength=num_users) > 0
    own = mean(rating)
    odd = mean((deviation - own[user] + items.global_mean) ** 2)
    spread = mean((rating - own[user]) ** 2)
    return {
        "rdma": mean(weighted),
        "wdma": mean(weighted / items.degree[item]),
        "wda": mean(weighted) * count,
        "fmtd": np.where(has_filler, np.abs(of_target - mean(rating, ~target)), 0.0),
        "mean_var": mean(deviation**2, ~target),
        "hv": np.divide(odd, spread, out=np.zeros_like(odd), where=spread > 0),
        "entropy": rating_entropy(user, rating, num_users),
        "top_share": mean((rating >= items.highest).astype(np.float64)),
        "low_share": mean((rating <= items.lowest).astype(np.float64)),
    }


def profile_columns(interactions: Interactions, items: ItemStatistics) -> dict[str, np.ndarray]:
    """[num_users] of each of `PROFILE_FEATURES`, which need no ratings."""
    user, item = interactions.user_index, interactions.item_index
    num_users, count = interactions.num_users, interactions.user_counts()
    mean = _means(user, num_users)
    degree = items.degree[item]
    popularity = mean(np.log1p(degree))
    spread = np.sqrt(mean((np.log1p(degree) - popularity[user]) ** 2))
    order = np.lexsort((degree, user))  # interactions by user, then by degree
    first = np.cumsum(count) - count
    ordered = np.append(degree[order], 0.0)

    def at(position):  # the degree at this position of each user's ordered profile
        return np.where(count > 0, ordered[np.minimum(first + position, len(degree))], 0.0)

    last = np.maximum(count - 1, 0)
    classes = np.zeros((num_users, CLASSES))
    np.add.at(classes, (user, items.item_class[item]), 1.0)
    # The pseudo-interaction pulls short profiles to a shift of 0.
    fraction = (classes + items.class_fraction) / (count + 1.0)[:, None]
    return {
        "length_var": np.abs(count - items.mean_length) / max(items.length_sum, 1.0),
        "mud": mean(degree),
        "rud": at(last) - at(np.zeros_like(last)),
        "qud": at(last // 4),
        "popularity": popularity,
        "pop_spread": spread,
        "pop_shift": np.sum(fraction * np.log2(fraction / items.class_fraction), axis=1),
        "new_share": mean((~items.seen[item]).astype(np.float64)),
        "length": np.log(np.maximum(count, 1)),
    }


def rating_entropy(user: np.ndarray, rating: np.ndarray, num_users: int) -> np.ndarray:
    """[num_users] float64, bits, of each user's distribution over the values of ratings."""
    values, code = np.unique(rating, return_inverse=True)
    counts = np.zeros((num_users, max(len(values), 1)))
    np.add.at(counts, (user, code), 1.0)
    fraction = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1.0)
    logs = np.log2(fraction, out=np.zeros_like(fraction), where=fraction > 0)
    return -np.sum(fraction * logs, axis=1) + 0.0


def _means(user: np.ndarray, num_users: int):
    """(values [n][, mask [n]]) -> mean of each user [num_users]; 0 for a user without values."""

    def mean(values, mask=None):
        kept = slice(None) if mask is None else mask
        total = np.bincount(user[kept], values[kept], minlength=num_users)
        return total / np.maximum(np.bincount(user[kept], minlength=num_users), 1)

    return mean
