"""Features of timestamps, for bots and click farms.

Gaps are between a user's successive interactions. The features do not depend on the unit of the
timestamps: times are in units of the reference's typical gap, and hours are fractions of `day`. A
user with fewer than `MIN_INTERACTIONS` interactions has the features of the reference's median user
(two gaps may be equal by chance).

    gap           log10(median gap / the reference's median gap)
    burstiness    (s - m) / (s + m), mean m and deviation s of the gaps: -1 for a clock, 0 for a
                  Poisson process, towards 1 for bursts; Goh & Barabasi 2008
    memory        correlation of a gap's log with the next one's; Goh & Barabasi 2008
    span          log10(1 + time from first to last interaction / the reference's median gap)
    rush          the most interactions in a window of 60 typical gaps, as a fraction of the user's
    hour_entropy  entropy over the 24 hours of the day, bits, less the mean entropy of as many
                  uniformly drawn hours: below 0 for a user who sleeps, about 0 for activity at
                  any hour
    lockstep      fraction of the user's interactions with an item that another user had within 60
                  typical gaps: synchronized groups, as in SynchroTrap; Cao et al. 2014
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions

WINDOW_GAPS = 60.0
HOURS = 24
_RHYTHM = ("gap", "burstiness", "memory", "span", "rush")
OF_TIMES = (*_RHYTHM, "hour_entropy", "lockstep")
"""All features that rest on times."""
MIN_INTERACTIONS = 6


@dataclasses.dataclass(frozen=True, eq=False)
class Clock:
    """Timing features, measured against one reference.

    Attributes:
        typical_gap: the reference's median gap within a user, in the timestamps' unit.
        day: length of a day in that unit, or None.
        median: feature -> the reference's median over users with enough interactions.
        min_interactions: below which a user has the median features.
    """

    typical_gap: float
    day: float | None
    median: dict[str, float]
    min_interactions: int = MIN_INTERACTIONS

    @classmethod
    def of(
        cls, reference: Interactions, *, day: float | None, min_interactions: int = MIN_INTERACTIONS
    ) -> Clock:
        """The clock of `reference`.

        Raises:
            ValueError: if `day` is not positive, or the reference has no times.
        """
        if day is not None and not day > 0:
            raise ValueError(f"`day` should be > 0, or None. Received: {day!r}.")
        if reference.timestamp is None:
            raise ValueError("`reference` should have times. Received none.")
        user, time = _ordered(reference)
        gaps = np.diff(time)[np.diff(user) == 0]
        positive = gaps[gaps > 0]
        typical = float(np.median(positive)) if len(positive) else 1.0
        bare = cls(typical, day, {}, min_interactions)
        columns = bare._measured(reference)
        steady = reference.user_counts() >= min_interactions
        median = {
            name: float(np.median(column[steady])) if steady.any() else 0.0
            for name, column in columns.items()
        }
        return cls(typical, day, median, min_interactions)

    @property
    def names(self) -> tuple[str, ...]:
        hours = ("hour_entropy",) if self.day is not None else ()
        return (*_RHYTHM, *hours, "lockstep")

    def columns(self, interactions: Interactions) -> dict[str, np.ndarray]:
        """Feature -> [num_users] float64."""
        columns = self._measured(interactions)
        few = interactions.user_counts() < self.min_interactions
        return {name: np.where(few, self.median[name], column) for name, column in columns.items()}

    def _measured(self, interactions: Interactions) -> dict[str, np.ndarray]:
        number, count = interactions.num_users, interactions.user_counts()
        user, time = _ordered(interactions)
        inside = np.diff(user) == 0  # the gap after row j stays within its user
        owner, gap = user[:-1][inside], np.diff(time)[inside]

        def mean(values, who):
            total = np.bincount(who, values, minlength=number)
            return total / np.maximum(np.bincount(who, minlength=number), 1)

        typical = self.typical_gap
        middle = mean(gap, owner)
        spread = np.sqrt(np.maximum(mean((gap - middle[owner]) ** 2, owner), 0.0))
        total = spread + middle
        burst = np.divide(spread - middle, total, out=np.full(number, -1.0), where=total > 0)
        first = np.cumsum(count) - count
        ends = np.append(time, 0.0)
        span = ends[np.minimum(first + count - 1, len(time))] - ends[first]
        # One time axis for all users, each far from the next, so that one search serves all.
        width = WINDOW_GAPS * typical
        shifted = time - ends[first][user] + user * (np.ptp(time) + 2 * width if len(time) else 0)
        reach = np.searchsorted(shifted, shifted + width, side="right") - np.arange(len(time))
        most = np.zeros(number)
        np.maximum.at(most, user, reach)
        columns = {
            "gap": np.log10(np.maximum(_median_by(owner, gap, number), typical * 1e-3) / typical),
            "burstiness": burst,
            "memory": _memory(owner, np.log1p(gap / typical), number),
            "span": np.log10(1.0 + np.where(count > 0, span, 0.0) / typical),
            "rush": most / np.maximum(count, 1),
            "lockstep": self._lockstep(interactions, width),
        }
        if self.day is not None:
            columns["hour_entropy"] = self._hour_entropy(interactions)
        return columns

    def _hour_entropy(self, interactions: Interactions) -> np.ndarray:
        hour = np.floor(np.mod(interactions.timestamp, self.day) / self.day * HOURS).astype(
            np.int64
        )
        counts = np.zeros((interactions.num_users, HOURS))
        np.add.at(counts, (interactions.user_index, np.minimum(hour, HOURS - 1)), 1.0)
        number = np.maximum(interactions.user_counts(), 1)
        fraction = counts / number[:, None]
        logs = np.log2(fraction, out=np.zeros_like(fraction), where=fraction > 0)
        sizes, place = np.unique(number, return_inverse=True)
        usual = np.array([uniform_entropy(int(size)) for size in sizes])
        return -np.sum(fraction * logs, axis=1) - usual[place]

    def _lockstep(self, interactions: Interactions, width: float) -> np.ndarray:
        order = np.lexsort((interactions.timestamp, interactions.item_index))
        item, time = interactions.item_index[order], interactions.timestamp[order]
        user = interactions.user_index[order]
        close = np.diff(time) <= width
        together = (np.diff(item) == 0) & close & (np.diff(user) != 0)
        near = np.zeros(len(order), bool)
        near[:-1] |= together
        near[1:] |= together
        total = np.bincount(user, near, minlength=interactions.num_users)
        return total / np.maximum(interactions.user_counts(), 1)


def uniform_entropy(size: int, classes: int = HOURS) -> float:
    """Mean entropy, bits, of the shares of `size` draws, uniform over `classes`.

    log2 n - classes / n * E[c log2 c], c binomial (n, 1 / classes); 0 for a single draw.
    """
    count = np.arange(1, size + 1)
    falling = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, size + 1)))])
    log_p = falling[size] - falling[count] - falling[size - count]
    log_p -= count * np.log(classes) + (size - count) * -np.log1p(-1.0 / classes)
    mean = np.sum(np.exp(log_p) * count * np.log2(count))
    return float(np.log2(size) - classes / size * mean)


def _ordered(interactions: Interactions) -> tuple[np.ndarray, np.ndarray]:
    """Users and times of the interactions, by user, then by time."""
    order = np.lexsort((interactions.timestamp, interactions.user_index))
    return interactions.user_index[order], interactions.timestamp[order].astype(np.float64)


def _median_by(group: np.ndarray, values: np.ndarray, number: int) -> np.ndarray:
    """[number] median of each group's values, 0 for an empty one; `group` is sorted."""
    order = np.lexsort((values, group))
    ordered = np.append(values[order], 0.0)
    count = np.bincount(group, minlength=number)
    first = np.cumsum(count) - count
    low = ordered[np.minimum(first + np.maximum(count - 1, 0) // 2, len(values))]
    high = ordered[np.minimum(first + count // 2, len(values))]
    return np.where(count > 0, 0.5 * (low + high), 0.0)


def _memory(group: np.ndarray, values: np.ndarray, number: int) -> np.ndarray:
    """[number] correlation of a value with the next of its group; 0 where it is not defined."""
    pair = np.diff(group) == 0
    who, x, y = group[:-1][pair], values[:-1][pair], values[1:][pair]
    count = np.maximum(np.bincount(who, minlength=number), 1)

    def mean(v):
        return np.bincount(who, v, minlength=number) / count

    covariance = mean(x * y) - mean(x) * mean(y)
    scale = (mean(x * x) - mean(x) ** 2) * (mean(y * y) - mean(y) ** 2)
    varied = scale > 1e-12
    return np.where(varied, covariance / np.sqrt(np.where(varied, scale, 1.0)), 0.0)
