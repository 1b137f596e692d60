"""Every user of a file ranked by suspicion, with reasons, and a scorer for profiles to come.

Without labels three signs are joined: likeness to simulated attacks (`SimulatedAttackForest`),
blocks of
users denser than chance (`FraudarExcess`), and overlaps that popularity does not explain
(`OverlapDetector`; left out where users are too few to compare). Where more than `MOST` of the
users look like simulated attacks, or overlap, such profiles are this file's ordinary ones, and that
sign is weighed down by as much.
With labels of some users a forest learns from those, company included, and every labeled user
is scored by a forest that did not see its label.
"""

from __future__ import annotations

import csv
import dataclasses
import functools
import os

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.forest import ForestDetector
from advrec_tf.defence.detectors.fraudar import FraudarExcess
from advrec_tf.defence.detectors.neighborhood_forest import NeighborhoodForest
from advrec_tf.defence.detectors.overlap import MIN_ITEMS, SIGNALS, OverlapDetector
from advrec_tf.defence.detectors.simulated_attack_forest import (
    LENGTH_FEATURES,
    SimulatedAttackForest,
)
from advrec_tf.defence.features import PROFILE_FEATURES, FeatureTable
from advrec_tf.defence.item_statistics import has_ratings
from advrec_tf.defence.null_model import MIN_USERS
from advrec_tf.defence.online import ONLINE_FEATURES, OnlineScorer
from advrec_tf.ops.files import atomic_file

MOST = 0.05
RING = 1.5  # a block half as dense again as chance, an excess of 1/3, is suspicious: 1/2
OVERLAP = 7.0  # from half of it on an overlap is suspicious: 1 % of the users of MovieLens 100K
FEWEST = 10
FOLDS = 5
REASONS = 3
UNUSUAL = 2.0  # robust deviations from the median user

WORDS = {
    "rdma": "ratings off the items' means, most on little rated items",
    "wdma": "ratings off the items' means on little rated items",
    "fmtd": "gap between the top-rated items and the others, in ratings",
    "mean_var": "spread of the other ratings about the items' means",
    "hv": "ratings unlike those that user and item averages explain",
    "entropy": "variety of the ratings, bits",
    "top_share": "share of ratings at the top of the scale",
    "low_share": "share of ratings at the bottom of the scale",
    "mud": "mean number of raters of the items",
    "rud": "range of the numbers of raters of the items",
    "qud": "number of raters of the lower quarter of the items",
    "popularity": "mean log popularity of the items",
    "pop_spread": "spread of the items' log popularity",
    "pop_shift": "mix of popular and rare items unlike the file's, bits",
    "new_share": "share of items that nobody else has",
    "degsim": "likeness to the nearest other users",
    "gap": "pause between rows, in powers of ten of the usual",
    "burstiness": "burstiness (-1 is a clock)",
    "memory": "likeness of a pause to the next one",
    "span": "time from first to last row, in powers of ten of the usual pause",
    "rush": "share of the rows within one short window",
    "hour_entropy": "spread over the hours of the day, bits above chance",
    "lockstep": "share of rows where another user did the same at the same time",
}


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
    """

    suspicion: np.ndarray
    signs: dict[str, np.ndarray]
    table: FeatureTable
    importance: dict[str, float]
    labeled: int
    scorer: OnlineScorer
    weighed: dict[str, float] = dataclasses.field(default_factory=dict)
    overlap: OverlapDetector | None = None

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
        return _without_labels(interactions, day=day, seed=seed)
    return _with_labels(interactions, labels, day=day, seed=seed)


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


def reasons(verdicts: Verdicts, interactions: Interactions, user: int) -> list[str]:
    """What sets a user apart most, in words with numbers; the strongest first.

    A feature counts from `UNUSUAL` robust deviations off the median on, by the deviation times
    how much the forest reads it. Before them stand a ring and an overlap, where they flag.
    """
    table = verdicts.table
    found = []
    ring = verdicts.signs.get("ring")
    if ring is not None and ring[user] >= 0.5:
        excess = 1.0 / (1.0 - ring[user] / RING)
        found.append(f"in a block of users and items {excess:.1f} times as dense as chance makes")
    if verdicts.overlap is not None and verdicts.signs["overlap"][user] >= 0.5:
        found.append(_overlap_in_words(verdicts.overlap, interactions, user))
    ordered, middle, spread = verdicts.usual
    off = (table.values[user] - middle) / spread
    weight = np.array([verdicts.importance.get(name, 0.0) for name in table.names])
    strength = np.where(np.abs(off) >= UNUSUAL, np.minimum(np.abs(off), 10.0) * weight, 0.0)
    for place in np.argsort(-strength, kind="stable"):
        if len(found) >= REASONS or not strength[place] > 0:
            break
        name, value = table.names[place], table.values[user, place]
        if name not in WORDS:
            continue
        above = off[place] > 0
        below = np.searchsorted(ordered[:, place], value, side="left" if above else "right")
        passed = below / len(ordered) if above else 1.0 - below / len(ordered)
        side = f"{'more' if above else 'less'} than {min(passed, 0.99):.0%}"
        found.append(f"{WORDS[name]}: {value:.3g} (usual {middle[place]:.3g}; {side} of users)")
    if found:
        return found
    flagged = verdicts.suspicion[user] >= 0.5
    return [f"no single feature stands out{'; their combination does' if flagged else ''}"]


def _overlap_in_words(overlap: OverlapDetector, interactions: Interactions, user: int) -> str:
    """The strongest of the signs of `defence.overlap`."""
    place = int(np.searchsorted(overlap.overlaps.users, user))
    measured, target = overlap.overlaps, overlap.common_target
    sign = SIGNALS[int(np.argmax(overlap.signals[user]))]
    length = int(measured.length[place])
    if sign in ("copy", "near_neighbors"):
        whom = measured.closest[place]
        others = ", hardly fewer those of others" if sign == "near_neighbors" else ""
        return (
            f"{int(measured.common[place])} of its {length} items are also those of {whom}"
            f"{others}; popularity explains {measured.expected[place]:.0f}"
        )
    words = f"its {length} items go together no better than if drawn by popularity"
    if sign == "common_target" and target.size[place]:
        item = interactions.items.ids[target.item[place]]
        others = f"{int(target.size[place])} others who"
        alike = f"have item {item}" if interactions.rating is None else f"rated item {item} alike"
        words += f", nor do those of the {others} {alike}"
    return words


def write_ranking(
    verdicts: Verdicts,
    interactions: Interactions,
    path: str | os.PathLike,
    *,
    overwrite: bool = False,
) -> int:
    """A CSV of all users with rows, the most suspicious first; returns how many.

    Columns: rank, user_id, suspicion, flagged, rows, one a sign, reasons.
    """
    counts = interactions.user_counts()
    users = np.flatnonzero(counts > 0)
    order = users[np.argsort(-verdicts.suspicion[users], kind="stable")]
    flagged = verdicts.flagged
    with (
        atomic_file(path, overwrite=overwrite) as unfinished,
        open(unfinished, "w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(
            ["rank", "user_id", "suspicion", "flagged", "rows", *verdicts.signs, "reasons"]
        )
        for rank, user in enumerate(order, start=1):
            writer.writerow(
                [
                    rank,
                    interactions.users.ids[user],
                    f"{verdicts.suspicion[user]:.4f}",
                    int(flagged[user]),
                    int(counts[user]),
                    *(f"{sign[user]:.4f}" for sign in verdicts.signs.values()),
                    "; ".join(reasons(verdicts, interactions, int(user))),
                ]
            )
    return len(order)
