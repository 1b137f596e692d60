"""How many items two users share, against what the popularity of these items explains.

The null model is the bipartite configuration model (Saracco et al. 2015, arXiv:1503.05098; 2017,
arXiv:1607.02481): the most random data in which every user keeps the number of items and every
item the number of users it has on average, with the chance that user u has item i

    p_ui = x_u y_i / (1 + x_u y_i).

Given u's own items, the number that v shares is expected to be sum_i p_vi over them, with the
variance sum_i p_vi (1 - p_vi); the deviation z_uv of what is seen is free of popularity and
length.

What the deviations say of a user is left to `overlap`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.similarity import Neighbors

FEWEST_USERS = 20
TAIL = 0.9
_COMPANY = 3  # the neighbor looked at beside the nearest
_SOLVING = 200
_BLOCK_CELLS = 2**22
_FEWEST_EXPECTED = 0.25  # added to a variance: one shared rarity is no wonder
_LEAST_VARIANCE = 0.05
_LEAST_SPREAD = 1.0  # of q90 - q50, which is 1.3 by chance; data may be too thin to show it


@dataclasses.dataclass(frozen=True, eq=False)
class NullModel:
    """The bipartite configuration model; users of one number of items are alike, as are items.

    Attributes:
        lengths: [classes of users] distinct numbers of items.
        degrees: [classes of items] distinct numbers of users.
        chance: [classes of users, classes of items] float64, p of the two.
    """

    lengths: np.ndarray
    degrees: np.ndarray
    chance: np.ndarray

    @classmethod
    def of(cls, user_counts: np.ndarray, item_counts: np.ndarray) -> NullModel:
        """Solve for x and y by fixed-point iteration on the two lists of counts, all > 0."""
        lengths, users = np.unique(user_counts, return_counts=True)
        degrees, items = np.unique(item_counts, return_counts=True)
        root = np.sqrt(float(np.sum(user_counts)))
        x, y = lengths / root, degrees / root
        for _ in range(_SOLVING):
            x = lengths / ((items * y)[None, :] / (1.0 + np.outer(x, y))).sum(axis=1)
            y = degrees / ((users * x)[:, None] / (1.0 + np.outer(x, y))).sum(axis=0)
        odds = np.outer(x, y)
        return cls(lengths, degrees, odds / (1.0 + odds))


@dataclasses.dataclass(frozen=True, eq=False)
class Overlaps:
    """What the deviations of some users say.

    Attributes:
        users: [n] int, those with a row.
        length: [n] int, their numbers of items.
        nearest: [n, 2] float64, the greatest and the third greatest c (z - q90) / (q90 - q50).
        variance: [n] float64, > 0, of their deviations over all others.
        closest: [n] external id of whom the greatest is of.
        common, expected: [n] float64, the number of items shared with that user, and by chance.
    """

    users: np.ndarray
    length: np.ndarray
    nearest: np.ndarray
    variance: np.ndarray
    closest: np.ndarray
    common: np.ndarray
    expected: np.ndarray


def overlaps(rows: Interactions, known: Interactions, *, max_users: int, seed: int) -> Overlaps:
    """Every user of `rows` against all others of both.

    Args:
        rows: whose users are measured.
        known: more users to be near to, over the same items; one who is in `rows` too counts
            once (external ids tell).
        max_users: so many of each of the two, drawn by `seed`, are the others.

    Raises:
        ValueError: if both have fewer than `FEWEST_USERS` users with rows.
    """
    users = np.flatnonzero(rows.user_counts() > 0)
    double = np.isin(known.users.ids, rows.users.ids[users])
    known = known.select(~double[known.user_index])
    parts = [_distinct(part) for part in (rows, known)]
    lengths = [part.user_counts() for part in parts]
    present = np.concatenate([length[length > 0] for length in lengths])
    if len(present) < FEWEST_USERS:
        raise ValueError(
            f"`interactions` should hold {FEWEST_USERS} users to compare. Received {len(present)}."
        )
    item_counts = sum(part.item_counts() for part in parts)
    null = NullModel.of(present, item_counts[item_counts > 0])
    item_class = np.searchsorted(null.degrees, item_counts)
    chances = null.chance.T, (null.chance * (1.0 - null.chance)).T
    others = [Neighbors(p, k=1, max_users=max_users, seed=seed) for p in parts if len(p)]
    ids = np.concatenate([one.ids for one in others])
    class_of = np.concatenate([np.searchsorted(null.lengths, one.lengths) for one in others])
    items = rows.by_user()
    found = []
    block = max(1, _BLOCK_CELLS // max(len(class_of), len(item_class)))
    for start in range(0, len(users), block):
        chosen = users[start : start + block]
        held = np.zeros((len(chosen), len(null.degrees)))
        for place, user in enumerate(chosen):
            np.add.at(held[place], item_class[items[user]], 1.0)
        expected, spread = ((held @ chance)[:, class_of] for chance in chances)
        common, width = [], 0
        for one in others:
            common.append(one.common(parts[0], chosen))
            mine, own = one.places_of(parts[0], chosen)
            expected[mine, width + own] = np.nan
            width += len(one.ids)
        common = np.concatenate(common, axis=1)
        deviation = (common - expected) / np.sqrt(spread + _FEWEST_EXPECTED)
        nearest, closest = _nearest(deviation, common / held.sum(axis=1)[:, None])
        place = np.arange(len(chosen)), closest
        variance = np.nanvar(deviation, axis=1) + _LEAST_VARIANCE
        found.append((nearest, variance, ids[closest], common[place], expected[place]))
    columns = (np.concatenate(column) for column in zip(*found, strict=True))
    return Overlaps(users, lengths[0][users], *columns)


def _distinct(rows: Interactions) -> Interactions:
    """The pairs of a user and an item, each once, and nothing else: a log may repeat them."""
    pairs = rows.by_user()
    return dataclasses.replace(
        rows,
        user_index=pairs.users().astype(np.int32),
        item_index=pairs.items,
        rating=None,
        timestamp=None,
    )


def _nearest(deviation: np.ndarray, fraction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """[users, others] deviations (NaN for oneself) and shares -> [users, 2], see `Overlaps`, and
    [users] int, whom the first is of."""
    middle, tail = np.nanquantile(deviation, (0.5, TAIL), axis=1)
    spread = np.maximum(tail - middle, _LEAST_SPREAD)
    beyond = fraction * (deviation - tail[:, None]) / spread[:, None]
    beyond = np.where(np.isnan(beyond), -np.inf, beyond)
    ordered = np.partition(beyond, (-_COMPANY, -1), axis=1)
    return ordered[:, [-1, -_COMPANY]], beyond.argmax(axis=1)
