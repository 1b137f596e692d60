"""Fraud at the level of clicks: accounts whose rows are written with their times.

Each record says how many accounts there are and how many rows each leaves; `events(...)` writes
items and times, and `inject_events` makes users of them. They differ in how human they look:

    ScriptedBots    one click a fixed interval, at any hour
    PacedBots       gaps drawn from real users' gaps, at any hour: human-like rates
    ClickFarm       people paid to work through the same targets, in shifts, account by account
    CopiedSessions  rows meant to pass as normal: the times of a real user, moved by whole days,
                    with items of that user's kind of taste, and the targets among them

Profiles without times are left to `heuristic`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.heuristic import checked_targets
from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.data.interactions import Interactions

DAY = 86_400.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClickFraud:
    """The budget of all click frauds.

    Args:
        num_accounts: >= 1.
        num_rows: rows each account leaves, the targets' among them, >= 1.

    Raises:
        ValueError: if one is smaller.
    """

    num_accounts: int
    num_rows: int

    def __post_init__(self):
        if self.num_accounts < 1 or self.num_rows < 1:
            raise ValueError(
                "`num_accounts` and `num_rows` should be >= 1. "
                f"Received: {self.num_accounts!r} and {self.num_rows!r}."
            )

    def events(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> np.ndarray:
        """Times [num_accounts, num_items] float64 of the clicks, NaN where there is none; each
        account clicks every target and `num_rows` items in all.

        Raises:
            ValueError: if the data has no times, or there are fewer rows than targets.
        """
        targets = checked_targets(data, targets)
        if data.timestamp is None:
            raise ValueError("`data` should have times. Received none.")
        if not len(targets) <= self.num_rows <= data.num_items:
            raise ValueError(
                f"`num_rows` should be {len(targets)}..{data.num_items}, to hold the targets. "
                f"Received: {self.num_rows}."
            )
        times = np.full((self.num_accounts, data.num_items), np.nan)
        plan = self._plan(data, targets, rng)
        for own in times:
            items = self._items(data, targets, plan, rng)
            own[items] = self._times(data, items, plan, rng)
        return times

    def _plan(self, data, targets, rng):
        """What all accounts have in common; drawn once."""
        return None

    def _items(self, data, targets, plan, rng) -> np.ndarray:
        """[num_rows] items, in the order of the clicks: the targets, among popular items."""
        counts = data.item_counts().astype(np.float64)
        counts[targets] = 0.0
        chance = (counts + 1e-9) / (counts + 1e-9).sum()
        fillers = rng.choice(data.num_items, self.num_rows, replace=False, p=chance)
        fillers = fillers[~np.isin(fillers, targets)][: self.num_rows - len(targets)]
        return rng.permutation(np.concatenate([targets, fillers]))

    def _times(self, data, items, plan, rng) -> np.ndarray:
        """[rows] rising times."""
        raise NotImplementedError(f"{type(self).__name__} does not define `_times`.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScriptedBots(ClickFraud):
    """A click every `interval` seconds, give or take `jitter` of it, day and night."""

    interval: float = 300.0
    jitter: float = 0.05

    def _times(self, data, items, plan, rng):
        gaps = self.interval * (1.0 + self.jitter * rng.uniform(-1.0, 1.0, len(items)))
        return _start(data, gaps.sum(), rng) + np.cumsum(gaps)


class PacedBots(ClickFraud):
    """Gaps drawn, one by one, from those of real users: the right rates, without the rhythm."""

    def _times(self, data, items, plan, rng):
        gaps = rng.choice(_real_gaps(data), len(items))
        return _start(data, gaps.sum(), rng) + np.cumsum(gaps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClickFarm(ClickFraud):
    """Workers go through the accounts in one shift of one day, on the targets and on a common
    list of items, with human pauses.

    Args:
        shift_hours: length of the shift.
        pause: median seconds between clicks.
    """

    shift_hours: float = 8.0
    pause: float = 25.0

    def _plan(self, data, targets, rng):
        """The list of items, and the moment the shift begins."""
        common = super()._items(data, targets, None, rng)
        return common, _start(data, DAY, rng) // DAY * DAY + 9 * 3600.0

    def _items(self, data, targets, plan, rng):
        return rng.permutation(plan[0])

    def _times(self, data, items, plan, rng):
        gaps = np.exp(rng.normal(np.log(self.pause), 0.6, len(items)))
        return plan[1] + rng.uniform(0.0, self.shift_hours * 3600.0) + np.cumsum(gaps)


class CopiedSessions(ClickFraud):
    """The times of a real user with rows enough, moved by whole days; items of users who share
    items with that one. Nothing in the timing of one account differs from a person's."""

    def _items(self, data, targets, plan, rng):
        user_items = data.by_user()
        able = np.flatnonzero(user_items.counts >= 1)
        items: list[int] = []
        while len(items) < self.num_rows - len(targets):
            start = user_items[int(rng.choice(able))]
            for item in rng.permutation(start):
                if item not in items and item not in targets:
                    items.append(int(item))
            if len(items) >= data.num_items - len(targets):
                break
        chosen = np.array(items[: self.num_rows - len(targets)], np.int64)
        return rng.permutation(np.concatenate([targets, chosen]))

    def _times(self, data, items, plan, rng):
        counts = data.user_counts()
        able = np.flatnonzero(counts >= min(len(items), counts.max()))
        real = np.sort(data.timestamp[data.user_index == rng.choice(able)])
        short = len(items) - len(real)
        if short > 0:  # nobody has so many: the last days again
            real = np.concatenate([real, real[-1] + DAY * np.arange(1, short + 1)])
        begin = int(rng.integers(0, len(real) - len(items) + 1))
        return real[begin : begin + len(items)] + DAY * int(rng.integers(-3, 4))


def inject_events(
    clean: Interactions | Poisoned,
    times: np.ndarray,
    *,
    targets: np.ndarray,
    attack: str,
    rng: np.random.Generator,
) -> Poisoned:
    """`clean` with a new user for each row of `times`, as by `injection.inject`, but at the
    times given.

    Args:
        times: [accounts, num_items] float64, NaN where an account leaves no row.
    """
    times = np.asarray(times, np.float64)
    data = clean.interactions if isinstance(clean, Poisoned) else clean
    poisoned = inject(
        clean, (~np.isnan(times)).astype(np.float32), targets=targets, attack=attack, rng=rng
    )
    rows = poisoned.interactions
    moved = rows.timestamp.copy()
    new = np.arange(len(data), len(rows))
    moved[new] = times[rows.user_index[new] - data.num_users, rows.item_index[new]]
    return dataclasses.replace(poisoned, interactions=dataclasses.replace(rows, timestamp=moved))


def _start(data: Interactions, duration: float, rng) -> float:
    """A moment from which `duration` still fits into the data's time, where it fits at all."""
    low, high = float(data.timestamp.min()), float(data.timestamp.max())
    return low + rng.random() * max(high - duration - low, 0.0)


def _real_gaps(data: Interactions) -> np.ndarray:
    order = np.lexsort((data.timestamp, data.user_index))
    gaps = np.diff(data.timestamp[order])[np.diff(data.user_index[order]) == 0]
    return gaps if len(gaps) else np.array([60.0])
