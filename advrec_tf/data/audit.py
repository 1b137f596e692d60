"""What interactions and splits hold that may mislead: findings of data, and leaks of a split.

`findings` and `ties`, of modules of their own, look at interactions as they were read. `audit`
counts what a split holds and what it leaks. Both only count and say; nothing is repaired here.
Times are compared between users, so they must be of one clock: positions in each user's own history
would make the figures about time meaningless.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.findings import findings
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.data.tied_times import TIED, Ties, ties

__all__ = [
    "NEVER_SEEN",
    "PARTS",
    "TIED",
    "SplitAudit",
    "Ties",
    "audit",
    "findings",
    "never_seen",
    "ties",
    "ties_of_split",
]

PARTS = ("train", "validation", "test")

NEVER_SEEN = 0.1
"""The share of test interactions with an item that is in no other part from which it warns."""


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
