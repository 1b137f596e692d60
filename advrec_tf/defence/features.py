"""What a profile looks like from outside: one number a user for each sign of an attack.

Every feature is measured against a *reference*, the rows whose item means, item degrees and
neighbors it takes: trusted history, or, where nothing is trusted, the file itself. `timing`
holds the features of timestamps, `similarity` the neighbors. What is suspicious is left to
the detectors: a feature is a measurement.

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
    top_share     share of the rows that hold the data's highest rating
    low_share     share that hold the lowest
    mud, rud, qud mean, range and lower quartile of n_i over the profile; Li & Gao 2016
    popularity    mean of log(1 + n_i)
    pop_spread    its standard deviation over the profile
    pop_shift     Kullback-Leibler divergence, bits, of the profile's shares of five classes of
                  items (equal numbers of reference rows, by degree) from the reference's; a row
                  spread as the reference is joins the profile, so that few rows shift little
    new_share     share of items that no reference row has
    length        log N_u

Where a profile is part of its own reference, its own rows count in m_i and n_i, as in the
papers. An item without a reference row has n_i = 1 and the global mean.
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
        values: [num_users, features] float64; NaN for a user without a row.
    """

    names: tuple[str, ...]
    values: np.ndarray

    @property
    def judged(self) -> np.ndarray:
        """[num_users] bool: who has a row."""
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
        places = [self.names.index(name) for name in names]
        return FeatureTable(names=tuple(names), values=self.values[:, places])


class ProfileFeatures:
    """Measures profiles against a reference: `fit` it once, call it on any interactions.

    Args:
        neighbors: k of `degsim`, >= 1.
        day: length of a day in the unit of the timestamps, for the features of the hour; None
            leaves those out.
        max_reference: `degsim` looks for neighbors among so many reference users, drawn by
            `seed`.

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
        """Take items and neighbors of `reference`; which features there are follows from it."""
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
            ValueError: if the catalogue is another one than the reference's, or ratings or
                times are missing that the reference has.
        """
        self._check(interactions)
        judged = interactions.user_counts() > 0
        columns = profile_columns(interactions, self.statistics)
        if self._rated:
            columns |= rating_columns(interactions, self.statistics)
        columns["degsim"] = self._neighbors.mean_similarity(interactions)
        if self._clock is not None:
            columns |= self._clock.columns(interactions)
        values = np.stack([columns[name] for name in self.names], axis=1)
        values[~judged] = np.nan
        return FeatureTable(names=self.names, values=values)

    def _check(self, interactions: Interactions) -> None:
        expected = len(self.statistics.degree)
        if interactions.num_items != expected:
            raise ValueError(
                f"`interactions` should have the {expected} items of the reference. "
                f"Received: {interactions!r}."
            )
        if self._rated and not has_ratings(interactions):
            raise ValueError("`interactions` should have ratings, as the reference. It has none.")
        if self._clock is not None and interactions.timestamp is None:
            raise ValueError("`interactions` should have times, as the reference. It has none.")


def rating_columns(rows: Interactions, items: ItemStatistics) -> dict[str, np.ndarray]:
    """[num_users] of each of `RATING_FEATURES`; rows without a rating are passed over, and a
    user without any rating gets zeros."""
    rated = ~np.isnan(rows.rating)
    user, item = rows.user_index[rated], rows.item_index[rated]
    rating = rows.rating[rated].astype(np.float64)
    mean = _means(user, rows.num_users)
    deviation = rating - items.mean[item]
    weighted = np.abs(deviation) / items.degree[item]
    count = np.bincount(user, minlength=rows.num_users)
    peak = np.full(rows.num_users, -np.inf)
    np.maximum.at(peak, user, rating)
    target = rating == peak[user]
    of_target = mean(rating, target)
    has_filler = np.bincount(user[~target], minlength=rows.num_users) > 0
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
        "entropy": rating_entropy(user, rating, rows.num_users),
        "top_share": mean((rating >= items.highest).astype(np.float64)),
        "low_share": mean((rating <= items.lowest).astype(np.float64)),
    }


def profile_columns(rows: Interactions, items: ItemStatistics) -> dict[str, np.ndarray]:
    """[num_users] of each of `PROFILE_FEATURES`, which need no rating."""
    user, item, number = rows.user_index, rows.item_index, rows.num_users
    count = rows.user_counts()
    mean = _means(user, number)
    degree = items.degree[item]
    popularity = mean(np.log1p(degree))
    spread = np.sqrt(mean((np.log1p(degree) - popularity[user]) ** 2))
    order = np.lexsort((degree, user))  # rows by user, then by degree
    first = np.cumsum(count) - count
    ordered = np.append(degree[order], 0.0)

    def at(place):  # degree of the row at this place of each user's ordered profile
        return np.where(count > 0, ordered[np.minimum(first + place, len(degree))], 0.0)

    last = np.maximum(count - 1, 0)
    classes = np.zeros((number, CLASSES))
    np.add.at(classes, (user, items.item_class[item]), 1.0)
    # The row of smoothing is spread as the reference is: it pulls short profiles to no shift.
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
    """(values [rows][, mask [rows]]) -> mean a user [num_users]; 0 where there is no row."""

    def mean(values, mask=None):
        rows = slice(None) if mask is None else mask
        total = np.bincount(user[rows], values[rows], minlength=num_users)
        return total / np.maximum(np.bincount(user[rows], minlength=num_users), 1)

    return mean
