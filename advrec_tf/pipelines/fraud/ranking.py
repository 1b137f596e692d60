"""The suspicion of every user of a file, and a scorer for profiles to come.

Without labels three signs are joined: likeness to simulated attacks (`SimulatedAttackForest`),
blocks of users denser than chance (`FraudarExcess`), and overlaps that popularity does not explain
(`OverlapDetector`; left out where users are too few to compare). Where more than `MOST` of the
users look like simulated attacks, or overlap, such profiles are this file's ordinary ones, and that
sign is weighed down by as much.
With labels of some users a forest learns from those and from the users they share items with, and
every labeled user is scored by a forest that did not see its label.

`reasons` says in words what sets a user apart; the list of users is written in `job`.
"""

from __future__ import annotations

import dataclasses
import functools

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.time_units import mixes_units
from advrec_tf.defence.detectors.forest import ForestDetector
from advrec_tf.defence.detectors.fraudar import FraudarExcess
from advrec_tf.defence.detectors.neighborhood_forest import NeighborhoodForest
from advrec_tf.defence.detectors.overlap import MIN_ITEMS, OverlapDetector
from advrec_tf.defence.detectors.simulated_attack_forest import (
    LENGTH_FEATURES,
    SimulatedAttackForest,
)
from advrec_tf.defence.features import PROFILE_FEATURES, FeatureTable
from advrec_tf.defence.item_statistics import has_ratings
from advrec_tf.defence.null_model import MIN_USERS
from advrec_tf.defence.online import ONLINE_FEATURES, OnlineScorer

MOST = 0.05
RING = 1.5  # a block half as dense again as chance, an excess of 1/3, is suspicious: 1/2
OVERLAP = 7.0  # from half of it on an overlap is suspicious: 1 % of the users of MovieLens 100K
FEWEST = 10
FOLDS = 5


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Verdicts:
    """What was found out about every user of a file.

    Attributes:
        suspicion: [num_users] float64 in [0, 1]; users are flagged from 1/2 on. -inf for a user
            without a row.
        signs: name -> [num_users] float64, what the suspicion is joined from.
        table: features of the users, for the reasons.
        importance: feature -> how much the forest reads it.
        labeled: how many users had a label.
        scorer: for profiles to come.
        weighed: sign -> in (0, 1), what it counts of itself; signs that count in full are absent.
        overlap: what it has found, for the reasons; None where it was not asked.
        mixed_times: whether the times look like more than one unit, so that what rests on them may
            be wrong.
    """

    suspicion: np.ndarray
    signs: dict[str, np.ndarray]
    table: FeatureTable
    importance: dict[str, float]
    labeled: int
    scorer: OnlineScorer
    weighed: dict[str, float] = dataclasses.field(default_factory=dict)
    overlap: OverlapDetector | None = None
    mixed_times: bool = False

    @property
    def flagged(self) -> np.ndarray:
        """[num_users] bool."""
        return self.suspicion >= 0.5

    @functools.cached_property
    def usual(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(values of the judged users, sorted by feature; medians; robust deviations)."""
        values = np.sort(self.table.values[self.table.measured], axis=0)
        middle = np.median(values, axis=0)
        spread = 1.4826 * np.median(np.abs(values - middle), axis=0)
        spread = np.where(spread > 1e-12, spread, np.maximum(values.std(axis=0), 1e-12))
        return values, middle, spread


def online_columns(interactions: Interactions) -> tuple[str, ...]:
    """The features that the served forest reads."""
    possible = ONLINE_FEATURES if has_ratings(interactions) else PROFILE_FEATURES
    return tuple(name for name in possible if name not in LENGTH_FEATURES)


def detect(
    interactions: Interactions,
    *,
    labels: np.ndarray | None = None,
    day: float | None = 86_400.0,
    seed: int = 0,
) -> Verdicts:
    """Score every user.

    Args:
        interactions: the file.
        labels: [num_users] float, 1 fake, 0 honest, NaN unknown; None where there are none.
        day: length of a day in the unit of the timestamps; None where it is unknown.

    Raises:
        ValueError: if fewer than 2 fakes or 2 * `FOLDS` honest users are labeled and have rows;
            without labels, if fewer than `FEWEST` users have two items.
        ImportError: if scikit-learn is missing.
    """
    if labels is None:
        found = _without_labels(interactions, day=day, seed=seed)
    else:
        found = _with_labels(interactions, labels, day=day, seed=seed)
    times = interactions.timestamp
    return dataclasses.replace(found, mixed_times=times is not None and mixes_units(times))


def _without_labels(rows: Interactions, *, day, seed) -> Verdicts:
    items = rows.by_user().counts
    if (items > 1).sum() < FEWEST:
        raise ValueError(
            f"`interactions` should hold at least {FEWEST} users with two items or more, to tell "
            f"unusual ones from. Received {(items > 1).sum()} of {(items > 0).sum()} users."
        )
    taught = SimulatedAttackForest(seed=seed, day=day).fit(rows)
    likeness = taught.score(rows)
    judged = likeness > -np.inf
    ring = np.minimum(1.0, RING * FraudarExcess(seed=seed).fit(rows).score(rows))
    signs, found = {"like_simulated_attacks": likeness, "ring": ring}, None
    if (items >= MIN_ITEMS).sum() >= 2 * MIN_USERS:
        found = OverlapDetector(seed=seed).fit(rows)
        signs["overlap"] = np.minimum(1.0, found.score(rows) / OVERLAP)
    shares = {name: (signs[name][judged] >= 0.5).mean() for name in signs if name != "ring"}
    weighed = {name: float(MOST / fraction) for name, fraction in shares.items() if fraction > MOST}
    joined = np.max([weighed.get(name, 1.0) * sign for name, sign in signs.items()], axis=0)
    suspicion = np.where(judged, joined, -np.inf)
    columns = online_columns(rows)
    scorer = OnlineScorer(
        rows.items, taught.features.statistics, columns, taught.forest_on(columns)
    )
    return Verdicts(
        suspicion=suspicion,
        signs=signs,
        table=taught.table,
        importance=dict(zip(taught.table.names, taught.forest.feature_importances_, strict=True)),
        labeled=0,
        scorer=scorer,
        weighed=weighed,
        overlap=found,
    )


def _with_labels(rows: Interactions, labels: np.ndarray, *, day, seed) -> Verdicts:
    known = ~np.isnan(labels) & (rows.user_counts() > 0)
    fake = np.nan_to_num(labels).astype(bool)
    fakes, honest = int((known & fake).sum()), int((known & ~fake).sum())
    if fakes < 2 or honest < 2 * FOLDS:
        raise ValueError(
            f"`labels` should name at least 2 fakes and {2 * FOLDS} honest users who have rows in "
            f"the file. Received: {fakes} and {honest}."
        )

    def fitted_on(users):
        chosen = rows.select(users[rows.user_index])
        return NeighborhoodForest(seed=seed, day=day).fit(chosen, fake)

    rng, fold = np.random.default_rng(seed), np.full(rows.num_users, -1)
    for kind in (fake, ~fake):  # each fold has its share of either
        own = np.flatnonzero(known & kind)
        fold[rng.permutation(own)] = np.arange(len(own)) % FOLDS
    suspicion = np.full(rows.num_users, -np.inf)
    for number in range(FOLDS):
        held = known & (fold == number)
        if held.any():
            mine = rows.select(held[rows.user_index])
            suspicion[held] = fitted_on(known & ~held).score(mine)[held]
    others = ~known & (rows.user_counts() > 0)
    everybody = fitted_on(known)
    if others.any():
        mine = rows.select(others[rows.user_index])
        suspicion[others] = everybody.score(mine)[others]
    columns = online_columns(rows)
    online = ForestDetector(columns=columns, seed=seed, day=day)
    online.fit(rows.select(known[rows.user_index]), fake)
    table = everybody.measure(rows)
    importance = everybody.forest.feature_importances_[: len(table.names)]
    return Verdicts(
        suspicion=suspicion,
        signs={"forest": suspicion},
        table=table,
        importance=dict(zip(table.names, importance, strict=True)),
        labeled=int(known.sum()),
        scorer=OnlineScorer(rows.items, online.features.statistics, columns, online.forest),
    )
