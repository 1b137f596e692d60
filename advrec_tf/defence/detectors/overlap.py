"""Suspicion from overlaps of profiles that popularity does not explain.

The deviations z_uv of the number of items that users u and v share from what a null model expects
are those of `null_model`. Four signals come from a user's deviations; none needs a label, and only
the last one reads ratings:

    copy            the highest of c_uv (z_uv - q90) / (q90 - q50), quantiles over all other users,
                    c_uv the fraction of u's items that v has: one user is nearer than the tail of
                    the others explains and has the whole profile (a profile generated from a
                    template; AUSH, Leg-UP)
    near_neighbors  the third highest of them: several such neighbors (profiles of one campaign
                    that rate the same items)
    low_variance    how many times less the deviations vary than those of ordinary users with as
                    many items: real users have a taste and are nearer to some users than to
                    others; a profile drawn item by item is as near to all as chance makes it
    common_target   low_variance plus how high the low_variance of the group is that gave one of
                    the user's items the same rating: the fakes of a campaign all rate its target
                    alike (target items; Zhou et al. 2016). It finds fakes that are hardly
                    suspicious alone

A campaign of more than a tenth of the users shifts q90 and evades the first two signals.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, checked_labels, flagged_users
from advrec_tf.defence.null_model import MIN_USERS, Overlaps, overlaps

SIGNALS = ("copy", "near_neighbors", "low_variance", "common_target")
MIN_ITEMS = 5
"""Users with fewer items are not scored: one item is easily another user's whole overlap."""
_EXCLUDED_ABOVE, _MAX_EXCLUDED = 2.5, 0.15  # score and fraction, in the second round
_NORM_ORDER = 4  # of the signals: close to the maximum
_MIN_NEARNESS = 0.05  # before the logarithm
_MIN_GROUP = 2  # other users who gave the same rating


class OverlapDetector(Detector):
    """Unsupervised: the 4-norm of the four signals, each in units of the spread of ordinary users.

    Ordinary users are those given to `fit` that labels do not mark as fake. The unit of a signal is
    2 (q75 - q50) of its quantiles over them, which a tenth of unknown fakes among them hardly
    moves; after a first round the suspicious ones are left out and everything is measured again.
    So interactions that are neither labeled nor trusted may be fitted and then scored. Two of the
    signals are on a log scale. Users are compared with all others in the scored and in the fitted
    interactions; no label of a scored user is read. A score of 3 or above is unusual: 2 % of the
    honest users reach it on MovieLens 100K, and 11 % on FilmTrust, where most interactions are with
    forty items.

    Args:
        max_users: neighbors are looked for among so many users, drawn by `seed`.

    Attributes:
        honest_scores: [ordinary users] float64, of the ordinary users among themselves.
        signals: after `score`, [num_users, 4] float64, the scaled `SIGNALS`.
        overlaps, common_target: after `score`, the `Overlaps` and the `CommonTarget` behind them;
            None where no user has interactions.
    """

    def __init__(self, *, max_users: int = 5_000, seed: int = 0):
        if max_users < MIN_USERS:
            raise ValueError(f"`max_users` should be >= {MIN_USERS}. Received: {max_users!r}.")
        self.max_users = max_users
        self.seed = seed

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        is_fake = checked_labels(interactions, is_fake, needed=False)
        self._calibrate(interactions.select(~is_fake[interactions.user_index]))
        excluded = flagged_users(
            self.score(self._ordinary), threshold=_EXCLUDED_ABOVE, max_fraction=_MAX_EXCLUDED
        )
        self._calibrate(self._ordinary.select(~excluded[self._ordinary.user_index]))
        return self

    def _calibrate(self, ordinary: Interactions) -> None:
        self._ordinary = ordinary
        measured = self._measure(ordinary)
        scored = measured.length >= MIN_ITEMS
        if scored.sum() < MIN_USERS:
            raise ValueError(
                f"`interactions` should hold {MIN_USERS} users with {MIN_ITEMS} items to "
                f"compare. Received {int(scored.sum())}."
            )
        degree = min(2, len(np.unique(measured.length)) - 1)
        self._log_variance = np.polyfit(np.log(measured.length), np.log(measured.variance), degree)
        self._flatness_scale = _Scale.of(self._flatness(measured)[scored])
        signals, _ = self._raw_signals(ordinary, measured)
        self._scales = [_Scale.of(column) for column in signals[scored].T]
        self.honest_scores = _norm(self._scaled(signals[scored]))

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        self.signals = np.full((interactions.num_users, len(SIGNALS)), -np.inf)
        self.overlaps = self.common_target = None
        if len(interactions):
            self.overlaps = self._measure(interactions)
            signals, self.common_target = self._raw_signals(interactions, self.overlaps)
            scored = self.overlaps.length >= MIN_ITEMS
            self.signals[self.overlaps.users[scored]] = self._scaled(signals[scored])
        return _norm(self.signals)

    def _measure(self, interactions: Interactions) -> Overlaps:
        return overlaps(interactions, self._ordinary, max_users=self.max_users, seed=self.seed)

    def _flatness(self, measured: Overlaps) -> np.ndarray:
        """[n] variance of an ordinary user of as many items over the user's own."""
        expected = np.polyval(self._log_variance, np.log(measured.length))
        return np.exp(expected) / measured.variance

    def _raw_signals(
        self, interactions: Interactions, measured: Overlaps
    ) -> tuple[np.ndarray, CommonTarget]:
        near = np.log(np.maximum(measured.nearest, _MIN_NEARNESS))
        flat = self._flatness_scale(self._flatness(measured))
        groups = common_targets(interactions, measured.users, flat)
        return np.column_stack([near, flat, flat + groups.deviation]), groups

    def _scaled(self, signals: np.ndarray) -> np.ndarray:
        return np.column_stack(
            [scale(column) for scale, column in zip(self._scales, signals.T, strict=True)]
        )


def _norm(signals: np.ndarray) -> np.ndarray:
    """[n, signals] -> [n]: the norm of order `_NORM_ORDER` of what is above the median."""
    return np.linalg.norm(np.maximum(signals, 0.0), ord=_NORM_ORDER, axis=1)


@dataclasses.dataclass(frozen=True)
class _Scale:
    """Deviations from the median in units of twice its distance to the upper quartile."""

    median: float
    unit: float

    @classmethod
    def of(cls, values: np.ndarray) -> _Scale:
        median, quartile = np.quantile(values, (0.5, 0.75))
        return cls(float(median), max(2.0 * float(quartile - median), 1e-9))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return (values - self.median) / self.unit


@dataclasses.dataclass(frozen=True, eq=False)
class CommonTarget:
    """For each of some users the most suspicious group that rated one of its items alike.

    Attributes:
        deviation: [n] float64, >= 0, of the group's suspicion from that of as many random users.
        size: [n] int, the number of other users in the group; 0 where there is no group.
        item: [n] int, the index of the item that they rated alike.
    """

    deviation: np.ndarray
    size: np.ndarray
    item: np.ndarray


def common_targets(
    interactions: Interactions, users: np.ndarray, suspicion: np.ndarray
) -> CommonTarget:
    """The users who gave one of a user's items the same rating.

    For each item and rating the deviation of the other users who gave it is the sum of their
    suspicion over the root of their number. Suspicion enters as uniform ranks of unit variance,
    less a quadratic fit in the log of the number of interactions. Groups of fewer than
    `_MIN_GROUP` others are left out. Without ratings the group of an item is all its users.

    Args:
        users: [n] int, the scored users.
        suspicion: [n] float64, theirs, on any scale.
    """
    count = len(users)
    rank = np.empty(count)
    rank[np.argsort(suspicion, kind="stable")] = np.arange(count)
    uniform = ((rank + 0.5) / count - 0.5) * np.sqrt(12.0)
    terms = np.vander(np.log(interactions.user_counts()[users]), 3)
    score = np.zeros(interactions.num_users)
    score[users] = uniform - terms @ np.linalg.lstsq(terms, uniform, rcond=None)[0]
    values, code = np.zeros(1), np.zeros(len(interactions), np.int64)
    if interactions.rating is not None:
        values, code = np.unique(interactions.rating, return_inverse=True)
    group = interactions.item_index.astype(np.int64) * len(values) + code
    user, group = np.unique(np.stack([interactions.user_index, group]), axis=1)
    size = np.bincount(group)[group] - 1
    total = np.bincount(group, score[user])[group] - score[user]
    deviation = total / np.sqrt(np.maximum(size, 1))
    deviation[(size < _MIN_GROUP) | (deviation < 0)] = 0.0
    # The last entry of each user, in the order of deviations, is its highest.
    order = np.lexsort((deviation, user))
    last = order[np.searchsorted(user[order], users, side="right") - 1]
    found = deviation[last] > 0
    return CommonTarget(deviation[last], np.where(found, size[last], 0), group[last] // len(values))
