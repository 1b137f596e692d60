"""The number of items that two users share, compared with a null model of popularity.

The null model is the bipartite configuration model (Saracco et al. 2015, arXiv:1503.05098; 2017,
arXiv:1607.02481): the most random data in which every user keeps the number of items and every
item the number of users it has on average, with the probability that user u has item i

    p_ui = x_u y_i / (1 + x_u y_i).

Given u's own items, the number that v shares is expected to be sum_i p_vi over them, with the
variance sum_i p_vi (1 - p_vi); the deviation z_uv of the observed number does not depend on
popularity or length.

How deviations become suspicion is left to `detectors.overlap`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.similarity import Neighbors

MIN_USERS = 20
TAIL = 0.9
_SECOND_NEIGHBOR = 3  # which neighbor is measured beside the nearest
_MAX_ITERATIONS = 200
_BLOCK_CELLS = 2**22
_ADDED_VARIANCE = 0.25  # so that one shared rare item does not count much
_MIN_VARIANCE = 0.05
_MIN_SPREAD = 1.0  # of q90 - q50, which is 1.3 by chance and less on sparse data


@dataclasses.dataclass(frozen=True, eq=False)
class NullModel:
    """The bipartite configuration model; users with equally many items are equal, as are items.

    Attributes:
        lengths: [classes of users] distinct numbers of items.
        degrees: [classes of items] distinct numbers of users.
        probability: [classes of users, classes of items] float64, p of the two.
    """

    lengths: np.ndarray
    degrees: np.ndarray
    probability: np.ndarray

    @classmethod
    def of(cls, user_counts: np.ndarray, item_counts: np.ndarray) -> NullModel:
        """Solve for x and y by fixed-point iteration on the two lists of counts, all > 0."""
        lengths, users = np.unique(user_counts, return_counts=True)
        degrees, items = np.unique(item_counts, return_counts=True)
        root = np.sqrt(float(np.sum(user_counts)))
        x, y = lengths / root, degrees / root
        for _ in range(_MAX_ITERATIONS):
            x = lengths / ((items * y)[None, :] / (1.0 + np.outer(x, y))).sum(axis=1)
            y = degrees / ((users * x)[:, None] / (1.0 + np.outer(x, y))).sum(axis=0)
        odds = np.outer(x, y)
        return cls(lengths, degrees, odds / (1.0 + odds))


@dataclasses.dataclass(frozen=True, eq=False)
class Overlaps:
    """Statistics of the deviations of some users.

    Attributes:
        users: [n] int, those with interactions.
        length: [n] int, their number of items.
        nearest: [n, 2] float64, the highest and the third highest c (z - q90) / (q90 - q50).
        variance: [n] float64, > 0, of their deviations over all others.
        closest: [n] external id of the user with the highest.
        common, expected: [n] float64, the number of items shared with that user, and the number
            that the null model expects.
    """

    users: np.ndarray
    length: np.ndarray
    nearest: np.ndarray
    variance: np.ndarray
    closest: np.ndarray
    common: np.ndarray
    expected: np.ndarray


def overlaps(
    interactions: Interactions, known: Interactions, *, max_users: int, seed: int
) -> Overlaps:
    """Every user of `interactions` compared with all others of both arguments.

    Args:
        interactions: whose users are measured.
        known: more users to compare with, over the same items; one who is in `interactions` too
            counts once (external ids tell).
        max_users: so many of each of the two, drawn by `seed`, are compared with.

    Raises:
        ValueError: if both together have fewer than `MIN_USERS` users with interactions.
    """
    users = np.flatnonzero(interactions.user_counts() > 0)
    repeated = np.isin(known.users.ids, interactions.users.ids[users])
    known = known.select(~repeated[known.user_index])
    parts = [_distinct(part) for part in (interactions, known)]
    lengths = [part.user_counts() for part in parts]
    present = np.concatenate([length[length > 0] for length in lengths])
    if len(present) < MIN_USERS:
        raise ValueError(
            f"`interactions` should hold {MIN_USERS} users to compare. Received {len(present)}."
        )
    item_counts = sum(part.item_counts() for part in parts)
    null = NullModel.of(present, item_counts[item_counts > 0])
    item_class = np.searchsorted(null.degrees, item_counts)
    moments = null.probability.T, (null.probability * (1.0 - null.probability)).T
    others = [Neighbors(p, k=1, max_users=max_users, seed=seed) for p in parts if len(p)]
    ids = np.concatenate([one.ids for one in others])
    class_of = np.concatenate([np.searchsorted(null.lengths, one.lengths) for one in others])
    items = interactions.by_user()
    found = []
    block = max(1, _BLOCK_CELLS // max(len(class_of), len(item_class)))
    for start in range(0, len(users), block):
        chosen = users[start : start + block]
        held = np.zeros((len(chosen), len(null.degrees)))
        for place, user in enumerate(chosen):
            np.add.at(held[place], item_class[items[user]], 1.0)
        expected, spread = ((held @ moment)[:, class_of] for moment in moments)
        common, width = [], 0
        for one in others:
            common.append(one.common(parts[0], chosen))
            mine, own = one.places_of(parts[0], chosen)
            expected[mine, width + own] = np.nan
            width += len(one.ids)
        common = np.concatenate(common, axis=1)
        deviation = (common - expected) / np.sqrt(spread + _ADDED_VARIANCE)
        nearest, closest = nearest_overlaps(deviation, common / held.sum(axis=1)[:, None])
        place = np.arange(len(chosen)), closest
        variance = np.nanvar(deviation, axis=1) + _MIN_VARIANCE
        found.append((nearest, variance, ids[closest], common[place], expected[place]))
    columns = (np.concatenate(column) for column in zip(*found, strict=True))
    return Overlaps(users, lengths[0][users], *columns)


def _distinct(interactions: Interactions) -> Interactions:
    """The distinct pairs of a user and an item, without ratings and times."""
    pairs = interactions.by_user()
    return dataclasses.replace(
        interactions,
        user_index=pairs.users().astype(np.int32),
        item_index=pairs.items,
        rating=None,
        timestamp=None,
        context=None,
    )


def nearest_overlaps(deviation: np.ndarray, fraction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The `nearest` of `Overlaps` [users, 2], and the position of the nearest other user [users].

    Args:
        deviation: [users, others] float64, NaN for a user and itself.
        fraction: same shape, the fraction of the user's items that the other one has.
    """
    median, tail = np.nanquantile(deviation, (0.5, TAIL), axis=1)
    spread = np.maximum(tail - median, _MIN_SPREAD)
    beyond = fraction * (deviation - tail[:, None]) / spread[:, None]
    beyond = np.where(np.isnan(beyond), -np.inf, beyond)
    ordered = np.partition(beyond, (-_SECOND_NEIGHBOR, -1), axis=1)
    return ordered[:, [-1, -_SECOND_NEIGHBOR]], beyond.argmax(axis=1)
