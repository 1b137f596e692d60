"""Click fraud: accounts whose interactions are generated with their times.

Each record says how many accounts there are and how many clicks each makes; `events(...)` generates
items and times, and `inject_events` makes users of them. They differ in how human they look:

    ScriptedBots    one click a fixed interval, at any hour
    PacedBots       gaps drawn from real users' gaps, at any hour: human-like rates
    ClickFarm       paid workers who click the same targets, in shifts, account by account
    CopiedSessions  the times of a real user, moved by whole days, with items of users who share
                    items with that one, and the targets among them

Profiles without times are left to `heuristic`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.attacks.heuristic import checked_targets
from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.rng import RNG

DAY = 86_400.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClickFraud:
    """The budget of all click frauds.

    Args:
        num_accounts: >= 1.
        num_clicks: clicks of each account, those on the targets included, >= 1.

    Raises:
        ValueError: if one is smaller.
    """

    num_accounts: int
    num_clicks: int

    def __post_init__(self):
        if self.num_accounts < 1 or self.num_clicks < 1:
            raise ValueError(
                "`num_accounts` and `num_clicks` should be >= 1. "
                f"Received: {self.num_accounts!r} and {self.num_clicks!r}."
            )

    def events(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """Times [num_accounts, num_items] float64 of the clicks, NaN where there is none; each
        account clicks `num_clicks` items, every target among them.

        Raises:
            ValueError: if the interactions have no times, or there are fewer clicks than targets.
        """
        rng = np.random.default_rng(rng)
        targets = checked_targets(interactions, targets)
        if interactions.timestamp is None:
            raise ValueError("`interactions` should have times. Received none.")
        if not len(targets) <= self.num_clicks <= interactions.num_items:
            raise ValueError(
                f"`num_clicks` should be {len(targets)}..{interactions.num_items}, to hold the "
                f"targets. Received: {self.num_clicks}."
            )
        times = np.full((self.num_accounts, interactions.num_items), np.nan)
        plan = self._plan(interactions, targets, rng)
        for own in times:
            items = self._items(interactions, targets, plan, rng)
            own[items] = self._times(interactions, items, plan, rng)
        return times

    def _plan(self, interactions, targets, rng):
        """What all accounts share; drawn once."""
        return None

    def _items(self, interactions, targets, plan, rng) -> np.ndarray:
        """[num_clicks] items, in the order of the clicks: the targets, among popular items."""
        counts = interactions.item_counts().astype(np.float64)
        counts[targets] = 0.0
        chance = (counts + 1e-9) / (counts + 1e-9).sum()
        fillers = rng.choice(interactions.num_items, self.num_clicks, replace=False, p=chance)
        fillers = fillers[~np.isin(fillers, targets)][: self.num_clicks - len(targets)]
        return rng.permutation(np.concatenate([targets, fillers]))

    def _times(self, interactions, items, plan, rng) -> np.ndarray:
        """[clicks] rising times."""
        raise NotImplementedError(f"{type(self).__name__} does not define `_times`.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScriptedBots(ClickFraud):
    """A click every `interval` seconds, at any hour.

    Args:
        interval: seconds between clicks, > 0.
        jitter: largest deviation of an interval, as a fraction of it.
    """

    interval: float = 300.0
    jitter: float = 0.05

    def _times(self, interactions, items, plan, rng):
        gaps = self.interval * (1.0 + self.jitter * rng.uniform(-1.0, 1.0, len(items)))
        return _start(interactions, gaps.sum(), rng) + np.cumsum(gaps)


class PacedBots(ClickFraud):
    """Gaps drawn independently from those of real users: their rates without their rhythm."""

    def _times(self, interactions, items, plan, rng):
        gaps = rng.choice(_real_gaps(interactions), len(items))
        return _start(interactions, gaps.sum(), rng) + np.cumsum(gaps)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClickFarm(ClickFraud):
    """Workers use the accounts in one shift of one day, on the targets and a common list of items.

    Args:
        shift_hours: length of the shift.
        pause: median seconds between clicks; pauses are log-normal.
    """

    shift_hours: float = 8.0
    pause: float = 25.0

    def _plan(self, interactions, targets, rng):
        """The list of items, and the time at which the shift begins."""
        common = super()._items(interactions, targets, None, rng)
        return common, _start(interactions, DAY, rng) // DAY * DAY + 9 * 3600.0

    def _items(self, interactions, targets, plan, rng):
        return rng.permutation(plan[0])

    def _times(self, interactions, items, plan, rng):
        gaps = np.exp(rng.normal(np.log(self.pause), 0.6, len(items)))
        return plan[1] + rng.uniform(0.0, self.shift_hours * 3600.0) + np.cumsum(gaps)


class CopiedSessions(ClickFraud):
    """The times of a real user with enough interactions, moved by whole days, with items of real
    users. The timing of one account does not differ from that of a person."""

    def _items(self, interactions, targets, plan, rng):
        user_items = interactions.by_user()
        able = np.flatnonzero(user_items.counts >= 1)
        items: list[int] = []
        while len(items) < self.num_clicks - len(targets):
            start = user_items[int(rng.choice(able))]
            for item in rng.permutation(start):
                if item not in items and item not in targets:
                    items.append(int(item))
            if len(items) >= interactions.num_items - len(targets):
                break
        chosen = np.array(items[: self.num_clicks - len(targets)], np.int64)
        return rng.permutation(np.concatenate([targets, chosen]))

    def _times(self, interactions, items, plan, rng):
        counts = interactions.user_counts()
        able = np.flatnonzero(counts >= min(len(items), counts.max()))
        real = np.sort(interactions.timestamp[interactions.user_index == rng.choice(able)])
        short = len(items) - len(real)
        if short > 0:  # no user has so many: one more a day
            real = np.concatenate([real, real[-1] + DAY * np.arange(1, short + 1)])
        begin = int(rng.integers(0, len(real) - len(items) + 1))
        return real[begin : begin + len(items)] + DAY * int(rng.integers(-3, 4))


def inject_events(
    clean: Interactions | Poisoned,
    times: np.ndarray,
    *,
    targets: np.ndarray,
    attack: str,
    rng: RNG,
) -> Poisoned:
    """`clean` with a new user for each account, as by `injection.inject`, at the given times.

    Args:
        times: [accounts, num_items] float64, NaN where an account has no click.
    """
    rng = np.random.default_rng(rng)
    times = np.asarray(times, np.float64)
    interactions = clean.interactions if isinstance(clean, Poisoned) else clean
    poisoned = inject(
        clean, (~np.isnan(times)).astype(np.float32), targets=targets, attack=attack, rng=rng
    )
    result = poisoned.interactions
    timestamp = result.timestamp.copy()
    new = np.arange(len(interactions), len(result))
    user = result.user_index[new] - interactions.num_users
    timestamp[new] = times[user, result.item_index[new]]
    result = dataclasses.replace(result, timestamp=timestamp)
    return dataclasses.replace(poisoned, interactions=result)


def _start(interactions: Interactions, duration: float, rng) -> float:
    """A time from which `duration` fits into the period of the data, where it fits at all."""
    low, high = float(interactions.timestamp.min()), float(interactions.timestamp.max())
    return low + rng.random() * max(high - duration - low, 0.0)


def _real_gaps(interactions: Interactions) -> np.ndarray:
    order = np.lexsort((interactions.timestamp, interactions.user_index))
    gaps = np.diff(interactions.timestamp[order])[np.diff(interactions.user_index[order]) == 0]
    return gaps if len(gaps) else np.array([60.0])
