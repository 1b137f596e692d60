"""Do two users share more items, or fewer, than the popularity of these items explains?

The deviations z_uv of what users u and v share are those of `null_model`. Four signs are read from
a user's deviations; none needs a label, only the last reads ratings:

    copied       the greatest of c_uv (z_uv - q90) / (q90 - q50), quantiles over all others, c_uv
                 the share of u's items that v has: somebody is nearer than the tail of the others
                 explains, and has it all (a profile written over a template; AUSH, Leg-UP)
    company      the third greatest of them: several such neighbors (profiles of one campaign
                 that rate the same items)
    tasteless    how many times less the deviations vary than those of usual users with as many
                 items: real users have a taste, and are nearer to some than to others; a profile
                 drawn item by item is as near to everybody as chance has it
    accomplices  this and how tasteless those are, as a group, who gave one of the user's items the
                 same rating: the fakes of a campaign all rate its target alike (target items;
                 Zhou et al. 2016). It finds what is hardly suspicious alone

A campaign of more than a tenth of the users shifts q90 and hides from the first two signs.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, checked_labels, flagged_users
from advrec_tf.defence.null_model import FEWEST_USERS, Overlaps, overlaps

SIGNS = ("copied", "company", "tasteless", "accomplices")
FEWEST_ITEMS = 5
"""Of users with fewer items nothing is said: all of one item is easily somebody else's."""
_DOUBTED, _MOST_DOUBTED = 2.5, 0.15  # who is left out of the second round
_ORDER = 4  # of the norm that joins the signs: nearly the greatest
_LEAST_NEAR = 0.05  # of the nearest, before the logarithm
_FEWEST_ACCOMPLICES = 2


class OverlapDetector(Detector):
    """The four signs, each in units of usual users' own spread, joined to nearly the greatest.

    Usual are the users that `fit` was given and that are not known fakes. With the quantiles of a
    sign over them its unit is 2 (q75 - q50), which a tenth of unknown fakes among them hardly
    moves; after a first round those that it suspects are left out, and everything is measured
    anew. So a file that is neither labeled nor trusted may be fitted, and then scored. Two of the
    signs are on a log scale. Users are compared with all others in what is scored and in what was
    fitted; no label of a judged user is read. From 3 on a user stands out: of honest ones 2 % do on
    MovieLens 100K, and 11 % on FilmTrust, where most rows are of forty items.

    Args:
        max_users: neighbors are looked for among so many users, drawn by `seed`.

    Attributes:
        honest_scores: [users fitted] of the usual users among themselves.
        parts: after `score`, [num_users, 4] float64, the `SIGNS`.
        measured, company: after `score`, the `Overlaps` and the `Accomplices` behind them; None
            where nobody has a row.
    """

    def __init__(self, *, max_users: int = 5_000, seed: int = 0):
        if max_users < FEWEST_USERS:
            raise ValueError(f"`max_users` should be >= {FEWEST_USERS}. Received: {max_users!r}.")
        self.max_users = max_users
        self.seed = seed

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None):
        is_fake = checked_labels(interactions, is_fake, needed=False)
        self._calibrate(interactions.select(~is_fake[interactions.user_index]))
        doubted = flagged_users(self.score(self._known), threshold=_DOUBTED, most=_MOST_DOUBTED)
        self._calibrate(self._known.select(~doubted[self._known.user_index]))
        return self

    def _calibrate(self, known: Interactions) -> None:
        self._known = known
        measured = self._measured(known)
        long = measured.length >= FEWEST_ITEMS
        if long.sum() < FEWEST_USERS:
            raise ValueError(
                f"`interactions` should hold {FEWEST_USERS} users with {FEWEST_ITEMS} items to "
                f"compare. Received {int(long.sum())}."
            )
        degree = min(2, len(np.unique(measured.length)) - 1)
        self._usual = np.polyfit(np.log(measured.length), np.log(measured.variance), degree)
        self._flat = _Scale.of(self._flatness(measured)[long])
        signs = self._signs(known, measured)[long]
        self._scales = [_Scale.of(column) for column in signs.T]
        self.honest_scores = _joined(self._scaled(signs))

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        self.parts = np.full((interactions.num_users, len(SIGNS)), -np.inf)
        self.measured = self.company = None
        if len(interactions):
            self.measured = self._measured(interactions)
            signs = self._signs(interactions, self.measured)
            judged = self.measured.length >= FEWEST_ITEMS
            self.parts[self.measured.users[judged]] = self._scaled(signs[judged])
        return _joined(self.parts)

    def _measured(self, rows):
        return overlaps(rows, self._known, max_users=self.max_users, seed=self.seed)

    def _flatness(self, measured: Overlaps) -> np.ndarray:
        usual = np.polyval(self._usual, np.log(measured.length))
        return np.exp(usual) / measured.variance

    def _signs(self, rows: Interactions, measured: Overlaps) -> np.ndarray:
        near = np.log(np.maximum(measured.nearest, _LEAST_NEAR))
        flat = self._flat(self._flatness(measured))
        self.company = accomplices(rows, measured.users, flat)
        return np.column_stack([near, flat, flat + self.company.deviation])

    def _scaled(self, signs):
        return np.column_stack(
            [scale(column) for scale, column in zip(self._scales, signs.T, strict=True)]
        )


def _joined(parts: np.ndarray) -> np.ndarray:
    """[n, signs] -> [n]: the norm of order `_ORDER` of what is above the median."""
    return np.linalg.norm(np.maximum(parts, 0.0), ord=_ORDER, axis=1)


@dataclasses.dataclass(frozen=True)
class _Scale:
    """Deviations from the median in units of twice its distance to the upper quartile."""

    middle: float
    unit: float

    @classmethod
    def of(cls, values: np.ndarray) -> _Scale:
        middle, quarter = np.quantile(values, (0.5, 0.75))
        return cls(float(middle), max(2.0 * float(quarter - middle), 1e-9))

    def __call__(self, values: np.ndarray) -> np.ndarray:
        return (values - self.middle) / self.unit


@dataclasses.dataclass(frozen=True, eq=False)
class Accomplices:
    """The most suspicious company of raters that each of some users is in.

    Attributes:
        deviation: [n] float64, >= 0, of their suspicion from that of as many users at random.
        number: [n] int, how many others they are; 0 where there is no company.
        item: [n] int, the item that they rated alike.
    """

    deviation: np.ndarray
    number: np.ndarray
    item: np.ndarray


def accomplices(rows: Interactions, users: np.ndarray, suspicion: np.ndarray) -> Accomplices:
    """Who gave one of a user's items the same rating.

    For each item and rating the others who gave it are looked at: the sum of their suspicion over
    the root of their number, suspicion as uniform ranks of unit variance less what a quadratic in
    the log of the number of rows explains. Companies of fewer than `_FEWEST_ACCOMPLICES` others are
    passed over. Without ratings, having the item is what they share.

    Args:
        rows: the interactions.
        users: [n] int, those of its users that are judged.
        suspicion: [n] float64 of theirs, on any scale.
    """
    count = len(users)
    rank = np.empty(count)
    rank[np.argsort(suspicion, kind="stable")] = np.arange(count)
    uniform = ((rank + 0.5) / count - 0.5) * np.sqrt(12.0)
    explained = np.vander(np.log(rows.user_counts()[users]), 3)
    score = np.zeros(rows.num_users)
    score[users] = uniform - explained @ np.linalg.lstsq(explained, uniform, rcond=None)[0]
    values, code = np.zeros(1), np.zeros(len(rows), np.int64)
    if rows.rating is not None:
        values, code = np.unique(rows.rating, return_inverse=True)
    told = rows.item_index.astype(np.int64) * len(values) + code
    user, told = np.unique(np.stack([rows.user_index, told]), axis=1)
    number = np.bincount(told)[told] - 1
    total = np.bincount(told, score[user])[told] - score[user]
    deviation = total / np.sqrt(np.maximum(number, 1))
    deviation[(number < _FEWEST_ACCOMPLICES) | (deviation < 0)] = 0.0
    # The last row of each user, by deviation, is its greatest.
    order = np.lexsort((deviation, user))
    last = order[np.searchsorted(user[order], users, side="right") - 1]
    some = deviation[last] > 0
    return Accomplices(deviation[last], np.where(some, number[last], 0), told[last] // len(values))
