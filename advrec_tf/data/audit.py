"""What a split holds and what it leaks: counts per part, cold ids, shared pairs, the future.

Read-only; nothing is repaired here. Times are compared between users, so they must be of one
clock: positions in each user's own history would make the figures about time meaningless.
"""

from __future__ import annotations

import dataclasses
import itertools

import numpy as np

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split

PARTS = ("train", "validation", "test")


@dataclasses.dataclass(frozen=True, kw_only=True)
class SplitAudit:
    """The counts of one split; those about time are None where train or test has no times.

    Attributes:
        name: of the split.
        rows, users, items: part -> rows, distinct users, distinct items.
        users_only_in_test, items_only_in_test: ids with a test row and no other row.
        repeated_pairs: part -> rows whose pair stood earlier in the same part.
        shared_pairs: "train and test" and so on -> distinct pairs that lie in both parts.
        test_rows_with_future_items: test rows at whose time some item of train had no training
            row yet, so that a model fitted on all of train knows an item from the future.
        mean_future_items: such items per test row, mean over all test rows.
        train_rows_after_first_test: training rows later than the earliest test row.
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

    def as_dict(self) -> dict:
        """Plain types, ready for JSON."""
        return dataclasses.asdict(self)

    def __str__(self) -> str:
        lines = [f"split {self.name}"]
        for part in PARTS:
            lines.append(
                f"  {part}: {self.rows[part]:,} rows, {self.users[part]:,} users, "
                f"{self.items[part]:,} items, {self.repeated_pairs[part]:,} repeated pairs"
            )
        lines.append(
            f"  only in test: {self.users_only_in_test:,} users, {self.items_only_in_test:,} items"
        )
        shared = ", ".join(f"{parts} {count:,}" for parts, count in self.shared_pairs.items())
        lines.append(f"  pairs in two parts: {shared}")
        if self.mean_future_items is None:
            lines.append("  no times, so nothing can be said about the future")
        else:
            lines.append(
                f"  future: {self.test_rows_with_future_items:,} test rows with items first "
                f"trained on later ({self.mean_future_items:.1f} a test row); "
                f"{self.train_rows_after_first_test:,} training rows after the first test row"
            )
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
    )


def _only_in_test(counts: list[np.ndarray]) -> int:
    train, validation, test = counts
    return int(((test > 0) & (train + validation == 0)).sum())


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
