"""Whether what a user has hangs together, and whether those who have an item do.

An honest user's items are predicted by one another and by what all others do, and so are an honest
item's users. Both are measured by `leave_one_out` scores, with no label and no rating:

    a user's coherence     the mean percentile of the scores of the user's items, once among users
                           with as many items, once among items with as many users
    an item's coherence    the mean deviation of the scores of its users from what as many
                           unrelated users would give

A profile of random fillers does not cohere; a copy of a user, or of four, coheres too well, since
its source has the same items, and where users are so alike that it does not, the item that copies
of unrelated users push has users who are strangers to each other. To evade the first an attacker
has to copy, and to evade the second to copy out of one community, which sees the item and nobody
else does. The measures are compared with those of like users and items of the same data, so that
one setting serves sparse and dense sets. Method of this package; the ancestors of its parts are
Steck 2019 (EASE) and Moran 1950 (the test whether like neighbors share a mark).
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.evidence.leave_one_out import LeaveOneOut, fits, percentiles
from advrec_tf.models.gram import profiles_of

MIN_EVENTS = 5
"""Users and items with fewer interactions are not judged."""
MIN_JUDGED = 20
"""Where fewer users or items have so many, none of them is."""
_QUARTILE = 0.6745  # of a normal variable
_MIN_WEIGHT = 0.02  # of a user in later rounds, so that the scores of all users are defined
_NEAR = 60  # items that an item is compared with
_BEYOND_CHANCE = 5.0  # deviations: users who are no strangers by chance
_ALLOWANCE = 0.3
"""Deviations from like items that are left to such users. Chosen where nobody attacks, on the
training parts of five sets: at most 2 % of the honest items beyond chance lose all weight by the
bounds of `CoherenceWeights` (1.6 % of MovieLens, at most .1 % elsewhere), and NDCG@10 on a tenth
that was held out is within .3 % of that without such a judgement."""
_KNOWN_TO = 0.25  # of the users: items that so many have are not judged
_RANGE = (-3.0, 6.0)  # of deviations: one rare common item should not decide


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Coherence:
    """How well users and items cohere, in deviations from their like; 0 where not judged.

    Attributes:
        users: [num_users, 2] float64, among users and among items.
        items: [num_items] float64.
        groups: [num_items] float64, of the mean of the lower measures of an item's users: far below
            0 where they are all suspicious, be it none of them much.
        user_weight: [num_users] float64 in [0, 1], see `coherence`.
    """

    users: np.ndarray
    items: np.ndarray
    groups: np.ndarray
    user_weight: np.ndarray

    @property
    def lower(self) -> np.ndarray:
        """[num_users] float64, the lower of the two measures of each user."""
        return self.users.min(axis=1)


def fading(value: np.ndarray, bounds: tuple[float, float]) -> np.ndarray:
    """1 up to the first bound, 0 from the second on, a line between."""
    return np.clip((bounds[1] - value) / (bounds[1] - bounds[0]), 0.0, 1.0)


def coherence(
    interactions: Interactions,
    *,
    too_little: tuple[float, float],
    too_much: tuple[float, float],
    rounds: int = 2,
    l2: float = 200.0,
    seed: int = 0,
) -> Coherence:
    """The coherence of all users and items.

    In every round users are measured by the others with the weights of the round before, so that
    fakes cannot vouch for each other; a weight only falls. Items are measured by all users alike.

    Args:
        too_little: a user's lower measure fades the user's weight from 1 at the first number of
            deviations below 0 to 0 at the second.
        too_much: the same above 0.
        seed: breaks ties of numbers of items.

    Raises:
        ValueError: if the matrices need more than `leave_one_out.MEMORY_LIMIT` bytes.
    """
    if not fits(interactions.num_users, interactions.num_items):
        raise ValueError(
            "`interactions` should have so few users and items that their coherence fits into "
            f"memory. Received: {interactions.num_users} users, {interactions.num_items} items."
        )
    whole = profiles_of(interactions)
    users = np.flatnonzero(np.asarray(whole.sum(axis=1)) > 0)
    items = np.flatnonzero(np.asarray(whole.sum(axis=0)) > 0)
    measures = np.zeros((whole.shape[0], 2))
    deviation, weight = np.zeros(whole.shape[1]), np.ones(whole.shape[0])
    if min(len(users), len(items)) >= MIN_JUDGED:
        judged = _Judged(whole[users][:, items].tocsr(), seed=seed)
        out = LeaveOneOut(judged.profiles, weight[users], l2=l2)
        deviation[items] = judged.items_by(out)
        for number in range(rounds):
            if number:
                out = LeaveOneOut(judged.profiles, np.maximum(weight[users], _MIN_WEIGHT), l2=l2)
            measures[users] = judged.users_by(out)
            lower = measures.min(axis=1)
            fades = np.minimum(fading(-lower, too_little), fading(lower, too_much))
            weight = np.minimum(weight, fades)
    raters = np.asarray(whole.sum(axis=0))
    mean = (measures.min(axis=1) @ whole) / np.maximum(raters, 1.0)
    groups = among_nearest(np.where(raters >= MIN_EVENTS, mean, np.nan), raters)
    return Coherence(users=measures, items=deviation, groups=groups, user_weight=weight)


class _Judged:
    """The pairs of users and items that have some, and the measures of both."""

    def __init__(self, profiles: sparse.csr_array, *, seed: int):
        self.profiles, self.seed = profiles, seed
        self.user, self.item = profiles.nonzero()
        self._held = (profiles > 0).toarray()
        self._length, self._raters = self._held.sum(axis=1), self._held.sum(axis=0)

    def users_by(self, out: LeaveOneOut) -> np.ndarray:
        """[num_users, 2]: coherence among users and among items."""
        rng = np.random.default_rng(self.seed)
        among_users = percentiles(
            out.score, self._held, self.user, self.item, self._length, rng=rng
        )
        among_items = percentiles(
            out.score.T, self._held.T, self.item, self.user, self._raters, rng=rng
        )
        count = len(self._length)
        return np.column_stack(
            [among_like(found, self.user, count) for found in (among_users, among_items)]
        )

    def items_by(self, out: LeaveOneOut) -> np.ndarray:
        """[num_items]: coherence beyond chance, compared with items of as many users, and with an
        allowance where chance alone does not explain it (`_BEYOND_CHANCE`): in dense data nearly
        all items are such. They are not spared altogether: fifty copies out of one community, or of
        any users where all are much alike, are beyond chance too, but far below like items."""
        few = self._raters <= _KNOWN_TO * len(self._length)
        mean = np.full(len(self._raters), np.nan)
        for item in np.flatnonzero(few & (self._raters >= MIN_EVENTS)):
            mean[item] = np.clip(out.beyond_chance(item), *_RANGE).mean()
        clear = np.nan_to_num(mean) * np.sqrt(self._raters) > _BEYOND_CHANCE
        found = among_nearest(mean, self._raters)
        return np.where(clear & (found < 0), np.minimum(found + _ALLOWANCE, 0.0), found)


def among_like(value: np.ndarray, user: np.ndarray, num_users: int) -> np.ndarray:
    """[num_users] float64: means of a user's values in deviations from those of like users.

    The mean of an ordinary user with n values is a line in log n, with a variance between users and
    one of its own, v / n. Line and variances come from medians and trimmed fits, which a tenth of
    unknown fakes hardly moves. Users with fewer than `MIN_EVENTS` values are 0.

    Args:
        value: [pairs] float64.
        user: [pairs] int.
    """
    count = np.bincount(user, minlength=num_users)
    judged = count >= MIN_EVENTS
    if judged.sum() < MIN_JUDGED:
        return np.zeros(num_users)
    mean = np.bincount(user, value, minlength=num_users) / np.maximum(count, 1)
    inner = (value - mean[user]) ** 2
    within = inner[judged[user]].sum() / (count[judged] - 1).sum()
    own = within / np.maximum(count, 1)
    size, kept = np.log(np.maximum(count, 1)), judged
    for _ in range(4):
        slope = np.polyfit(size[kept], mean[kept], 1 if len(np.unique(size[kept])) > 1 else 0)
        rest = mean - np.polyval(slope, size)
        kept = judged & (np.abs(rest) <= 3.0 * np.median(np.abs(rest[judged])))
    rest -= np.median(rest[judged])
    spread = np.median(np.abs(rest[judged])) / _QUARTILE
    between = max(spread**2 - float(np.median(own[judged])), 0.0)
    return np.where(judged, rest / np.sqrt(between + own + 1e-12), 0.0)


def among_nearest(mean: np.ndarray, raters: np.ndarray) -> np.ndarray:
    """[num_items] float64: means compared with the `_NEAR` items with the nearest numbers of users,
    in units of how far the lower half of these spreads.

    Args:
        mean: [num_items] float64; NaN where an item is not judged, which makes it 0.
        raters: [num_items] int.
    """
    order = np.argsort(-raters, kind="stable")
    order = order[~np.isnan(mean[order])]
    found = np.zeros(len(mean))
    near = min(_NEAR, len(order) - 1)
    if near + 1 < MIN_JUDGED:
        return found
    for place, one in enumerate(order):
        start = min(max(place - near // 2, 0), len(order) - near - 1)
        others = mean[np.delete(order[start : start + near + 1], place - start)]
        quartile, median = np.quantile(others, (0.25, 0.5))
        found[one] = (mean[one] - median) * _QUARTILE / max(float(median - quartile), 1e-9)
    return found
