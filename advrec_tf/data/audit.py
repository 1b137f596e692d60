"""What interactions and splits hold that may mislead: findings of data, and leaks of a split.

`findings` looks at interactions as they were read: units of time, zeros among ratings, ties in
time, one user with most of the data. `audit` counts what a split holds and what it leaks.
Both only count and say; nothing is repaired here. Times are compared between users, so they
must be of one clock: positions in each user's own history would make the figures about time
meaningless.
"""

from __future__ import annotations

import dataclasses
import itertools
import time

import numpy as np
import pandas as pd

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.data.ties import rank_of_ids
from advrec_tf.data.time_units import UNITS, units_of, without_unit

PARTS = ("train", "validation", "test")

TIED = 0.01
"""The share of tied neighbors, or of tied test interactions, from which an audit warns."""

NEVER_SEEN = 0.1
"""The share of test interactions with an item that is in no other part from which it warns."""

_DOMINANT = 0.2  # the fraction of all interactions from which one user is worth a sentence


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ties:
    """How far equal times leave the order of a user's interactions open.

    Attributes:
        neighbors: fraction of neighboring interactions of a user with equal times.
        ascending: fraction of these neighbors, in the order of the file, whose item id is the
            larger one: 1/2 by chance, and near 0 or 1 where the file is sorted by item.
        last: fraction of users with two interactions whose last one ties with the one before.
    """

    neighbors: float
    ascending: float
    last: float

    def __str__(self) -> str:
        said = (
            f"{self.neighbors:.1%} of neighboring interactions of a user have equal times, and "
            f"{self.last:.1%} of the users end in a tie"
        )
        if self.neighbors < 0.001:  # what few pairs have in common says nothing
            return said
        share = f"{self.ascending:.0%} of the tied pairs have ascending item ids"
        return f"{said}; {share} (50% by chance)"


def ties(interactions: Interactions) -> Ties | None:
    """The ties of interactions; None without times, or where no user has two interactions."""
    if interactions.timestamp is None:
        return None
    if not pd.Series(_moment_keys(interactions)).duplicated().any():
        several = len(interactions) and interactions.user_counts().max() > 1
        return Ties(neighbors=0.0, ascending=0.5, last=0.0) if several else None
    order = np.lexsort((interactions.timestamp, interactions.user_index))
    user, moment = interactions.user_index[order], interactions.timestamp[order]
    same_user = user[1:] == user[:-1]
    tied = same_user & (moment[1:] == moment[:-1])
    rank = rank_of_ids(interactions.items.ids)[interactions.item_index[order]]
    ascending = rank[1:] > rank[:-1]
    last = same_user & np.append(user[2:] != user[1:-1], True)
    return Ties(
        neighbors=float(tied[same_user].mean()),
        ascending=float(ascending[tied].mean()) if tied.any() else 0.5,
        last=float(tied[last].mean()),
    )


def _moment_keys(interactions: Interactions) -> np.ndarray:
    """[n] int64, equal where user and time are equal."""
    times = interactions.timestamp
    assert times is not None
    moments = times - times.min(initial=0.0)
    span = moments.max(initial=0.0) + 1.0
    if span * interactions.num_users < 2**62 and (moments == np.floor(moments)).all():
        return interactions.user_index * np.int64(span) + moments.astype(np.int64)
    moments, kinds = pd.factorize(times)
    return interactions.user_index.astype(np.int64) * len(kinds) + moments


def findings(
    interactions: Interactions, positions: np.ndarray | None = None, place: str = "row"
) -> list[str]:
    """Sentences about values that are possible and can hardly be true.

    Args:
        interactions: as they were read.
        positions: [n] int, the line or row of each; by default its position.
        place: what a position is, "line" or "row".
    """
    if not len(interactions):
        return []
    where = np.arange(len(interactions)) if positions is None else positions

    def first(mask: np.ndarray) -> str:
        return f"the first in {place} {where[mask.argmax()]}"

    found = []
    if interactions.timestamp is not None:
        found += _times(interactions.timestamp, first)
        found += _tied(interactions)
    if interactions.rating is not None:
        found += _ratings(interactions.rating)
    counts = interactions.user_counts()
    fraction = counts.max() / len(interactions)
    if fraction > _DOMINANT and (counts > 0).sum() >= 20:
        (user,) = interactions.users.ids[[counts.argmax()]].tolist()
        found.append(
            f"One user, {user!r}, has {fraction:.0%} of all interactions "
            f"({counts.max():,} of {len(interactions):,}): models may learn that user alone."
        )
    return found


def _times(times: np.ndarray, first) -> list[str]:
    bounds = list(UNITS.values())
    unit = units_of(times)  # -1: no time since 1973
    names = list(UNITS)
    sizes = np.bincount(unit[unit >= 0], minlength=len(UNITS))
    if (said := without_unit(times)) is not None:
        return [said]
    main = int(sizes.argmax())
    found = []
    for other in np.flatnonzero(sizes):
        if other != main:
            odd = unit == other
            found.append(
                f"{sizes[other]:,} of {len(times):,} times look like {names[other]} where most "
                f"look like {names[main]} ({first(odd)}): the column may mix units, and the order "
                "of interactions would be wrong."
            )
    if (early := unit < 0).any() and sizes[main] > len(times) / 2:
        found.append(
            f"{early.sum():,} of {len(times):,} times lie before 1973 where most look like "
            f"{names[main]} since 1970 ({first(early)}): they may stand for an unknown time."
        )
    now = time.time() * bounds[main] / bounds[0]
    if (late := (unit == main) & (times > now + bounds[main] / 1e3)).any():
        found.append(
            f"{late.sum():,} of {len(times):,} times, read as {names[main]} since 1970, lie in "
            f"the future ({first(late)})."
        )
    return found


def _tied(interactions: Interactions) -> list[str]:
    found = ties(interactions)
    if found is None or max(found.neighbors, found.last) < TIED:
        return []
    return [
        f'{found}. A split by time orders ties by a hash; the order of the file (ties="file") '
        'can give the answer away, and the split "last_day" needs no order within a day.'
    ]


def _ratings(ratings: np.ndarray) -> list[str]:
    values, counts = np.unique(ratings[~np.isnan(ratings)], return_counts=True)
    if len(values) == 1 and counts[0] > 1:
        return [f"All {counts[0]:,} ratings are {values[0]:g}: they say nothing of preference."]
    rated = values[values > 0]
    if values.min(initial=1) != 0 or len(rated) < 3 or rated[0] < 1:
        return []
    zeros = int(counts[0])
    gap = rated[0] > np.diff(rated).min() * 1.5
    if not gap and zeros <= counts[1:].max():
        return []
    return [
        f"{zeros / counts.sum():.0%} of the ratings are 0 and the others lie in "
        f"{rated[0]:g}..{rated[-1]:g}: 0 may mean that there is no rating (`unrated=0` says so)."
    ]


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitAudit:
    """The counts of one split; those about time are None where train or test has no times.

    Attributes:
        name: of the split.
        rows, users, items: part -> interactions, distinct users, distinct items.
        users_only_in_test, items_only_in_test: ids with a test interaction and no other.
        repeated_pairs: part -> interactions whose pair stood earlier in the same part.
        shared_pairs: "train and test" and so on -> distinct pairs that lie in both parts.
        test_rows_with_future_items: test interactions at whose time some item of train had no
            training interaction yet, so that a model fitted on all of train knows an item from
            the future.
        mean_future_items: such items per test interaction, mean over all of them.
        train_rows_after_first_test: training interactions later than the earliest test one.
        ties: the ties of all three parts together, or None without times.
        tied_test: fraction of the test interactions with another interaction of the same user
            at the same time in train or validation, or None without times.
        never_seen: fraction of the test interactions whose item is in no other part.
    """

    name: str
    rows: dict[str, int]
    users: dict[str, int]
    items: dict[str, int]
    users_only_in_test: int
    items_only_in_test: int
    repeated_pairs: dict[str, int]
    shared_pairs: dict[str, int]
    test_rows_with_future_items: int | None
    mean_future_items: float | None
    train_rows_after_first_test: int | None
    ties: Ties | None = None
    tied_test: float | None = None
    never_seen: float = 0.0

    def as_dict(self) -> dict:
        """Plain types, ready for JSON."""
        return dataclasses.asdict(self)

    def warnings(self) -> list[str]:
        """A sentence for each finding that makes the figures of the split doubtful."""
        found = []
        for parts, count in self.shared_pairs.items():
            if count:
                found.append(f"{count:,} pairs of a user and an item lie in {parts}.")
        for part, count in self.repeated_pairs.items():
            if count:
                found.append(f"{count:,} interactions of {part} repeat an earlier pair of it.")
        for what in ("users", "items"):
            count = getattr(self, f"{what}_only_in_test")
            if count > 0.1 * getattr(self, what)["test"]:
                found.append(
                    f"{count:,} of the {getattr(self, what)['test']:,} {what} of test are in no "
                    "other part: a model can know nothing of them."
                )
        if self.never_seen > NEVER_SEEN:
            found.append(
                f"{self.never_seen:.1%} of the test interactions are with items that are in no "
                "other part: no model of ids can find them."
            )
        if self.tied_test is not None and self.tied_test >= TIED:
            found.append(
                f"{self.tied_test:.1%} of the test interactions have the time of another "
                "interaction of their user in train or validation: which of them is tested was "
                "decided by the rule for ties, not by time."
            )
        return found

    def summary(self) -> str:
        """The sizes of the parts in a line, and a line a warning; `str` says all."""
        sizes = ", ".join(f"{part} {self.rows[part]:,}" for part in PARTS)
        warnings = [f"  warning: {warning}" for warning in self.warnings()]
        return "\n".join([f"split {self.name}, interactions: {sizes}", *warnings])

    def __str__(self) -> str:
        lines = [f"split {self.name}"]
        for part in PARTS:
            lines.append(
                f"  {part}: {self.rows[part]:,} interactions, {self.users[part]:,} users, "
                f"{self.items[part]:,} items, {self.repeated_pairs[part]:,} repeated pairs"
            )
        lines.append(
            f"  only in test: {self.users_only_in_test:,} users, {self.items_only_in_test:,} items "
            f"({self.never_seen:.1%} of the test interactions)"
        )
        shared = ", ".join(f"{parts} {count:,}" for parts, count in self.shared_pairs.items())
        lines.append(f"  pairs in two parts: {shared}")
        if self.mean_future_items is None:
            lines.append("  no times, so nothing can be said about the future")
        else:
            lines.append(
                f"  future: {self.test_rows_with_future_items:,} test interactions with "
                f"items first trained on later ({self.mean_future_items:.1f} on average); "
                f"{self.train_rows_after_first_test:,} training interactions after the first tested"
            )
        if self.ties is not None:
            lines.append(f"  ties: {self.ties}")
        lines += [f"  warning: {warning}" for warning in self.warnings()]
        return "\n".join(lines)


def audit(split: Split) -> SplitAudit:
    """Counts over the three parts; a few sorts, no loop over users."""
    parts = {name: getattr(split, name) for name in PARTS}
    distinct = {name: np.unique(pair_keys(part)) for name, part in parts.items()}
    return SplitAudit(
        name=split.name,
        rows={name: len(part) for name, part in parts.items()},
        users={name: int((part.user_counts() > 0).sum()) for name, part in parts.items()},
        items={name: int((part.item_counts() > 0).sum()) for name, part in parts.items()},
        users_only_in_test=_only_in_test([part.user_counts() for part in parts.values()]),
        items_only_in_test=_only_in_test([part.item_counts() for part in parts.values()]),
        repeated_pairs={name: len(part) - len(distinct[name]) for name, part in parts.items()},
        shared_pairs={
            f"{one} and {other}": len(
                np.intersect1d(distinct[one], distinct[other], assume_unique=True)
            )
            for one, other in itertools.combinations(PARTS, 2)
        },
        **_future(split.train, split.test),
        ties=ties_of_split(split),
        tied_test=_tied_test(split),
        never_seen=never_seen(split.trainval(), split.test),
    )


def ties_of_split(split: Split) -> Ties | None:
    """The ties of all three parts together; None as `ties`.

    The parts one after the other are not in the order of the file, so `ascending` is that of the
    training part, where neighbors are.
    """
    everything = split.everything()
    found = ties(everything) if len(everything) else None
    train = None if found is None else ties(split.train)
    if found is None or train is None:
        return found
    return dataclasses.replace(found, ascending=train.ascending)


def never_seen(known: Interactions, targets: Interactions) -> float:
    """Fraction of the targets whose item has no known interaction; 0 of no targets.

    A model of ids can say nothing of them, so 1 less this share bounds every hit rate.
    """
    if not len(targets):
        return 0.0
    return float((known.item_counts()[targets.item_index] == 0).mean())


def _only_in_test(counts: list[np.ndarray]) -> int:
    train, validation, test = counts
    return int(((test > 0) & (train + validation == 0)).sum())


def _tied_test(split: Split) -> float | None:
    known, test = split.trainval(), split.test
    if known.timestamp is None or test.timestamp is None or not len(test):
        return None
    moments = np.unique(np.concatenate([known.timestamp, test.timestamp]))

    def keys(part: Interactions, times: np.ndarray) -> np.ndarray:
        moment = np.searchsorted(moments, times)
        return part.user_index.astype(np.int64) * len(moments) + moment

    return float(np.isin(keys(test, test.timestamp), keys(known, known.timestamp)).mean())


def _future(train: Interactions, test: Interactions) -> dict:
    names = ("test_rows_with_future_items", "mean_future_items", "train_rows_after_first_test")
    if train.timestamp is None or test.timestamp is None or not len(test):
        return dict.fromkeys(names)
    first = np.full(train.num_items, np.inf)
    np.minimum.at(first, train.item_index, train.timestamp)
    first = np.sort(first[train.item_counts() > 0])
    later = len(first) - np.searchsorted(first, test.timestamp, side="right")
    after = (train.timestamp > test.timestamp.min()).sum()
    return dict(zip(names, (int((later > 0).sum()), float(later.mean()), int(after)), strict=True))
