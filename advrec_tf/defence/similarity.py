"""How close profiles are to a reference's: the `degsim` of `features`.

Similarities come from products of blocks of profiles, no pair of users is visited. Only the
nearest are kept; a graph of users is left to `graph`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions

_BLOCK_CELLS = 2**24
_FEWEST = 2  # common items below which two profiles say nothing about each other


class Neighbours:
    """The reference users nearest to any profile.

    With ratings the similarity is Pearson's over the items both have, times min(common / 20, 1)
    (the significance weight of Herlocker et al. 1999; in DegSim it is Burke et al. 2006's d);
    without, the cosine of the two sets of items. A user of the reference is never its own
    neighbour: external ids tell.

    Args:
        reference: the rows whose users are neighbours.
        k: neighbours averaged; fewer where there are not so many.
        max_users: at most so many reference users, drawn by `seed`.
    """

    def __init__(self, reference: Interactions, *, k: int, max_users: int = 5_000, seed: int = 0):
        users = np.flatnonzero(reference.user_counts() > 0)
        if len(users) > max_users:
            users = np.sort(np.random.default_rng(seed).choice(users, max_users, replace=False))
        self.k = k
        self._rated = reference.rating is not None and not np.isnan(reference.rating).all()
        self._ids = reference.users.ids[users]
        self._place = {user: place for place, user in enumerate(self._ids.tolist())}
        # A product over items that no two users share would only add zeros.
        self._items = np.flatnonzero(reference.item_counts() > 0)
        self._sets, self._ratings = self._dense(reference, users)

    def _dense(self, rows: Interactions, users: np.ndarray):
        """0/1 and ratings of some users, both [users, kept items] float32."""
        place = np.full(rows.num_users, -1)
        place[users] = np.arange(len(users))
        column = np.full(rows.num_items, -1)
        column[self._items] = np.arange(len(self._items))
        x, y = place[rows.user_index], column[rows.item_index]
        kept = (x >= 0) & (y >= 0)
        if self._rated:
            kept &= ~np.isnan(rows.rating)
        sets = np.zeros((len(users), len(self._items)), np.float32)
        sets[x[kept], y[kept]] = 1.0
        if not self._rated:
            return sets, None
        ratings = np.zeros_like(sets)
        ratings[x[kept], y[kept]] = rows.rating[kept]
        return sets, ratings

    def similarity(self, rows: Interactions, users: np.ndarray) -> np.ndarray:
        """[users] int -> [users, reference users] float32; -inf for a user and itself."""
        sets, ratings = self._dense(rows, users)
        found = (
            _pearson(sets, ratings, self._sets, self._ratings)
            if self._rated
            else _cosine(sets, self._sets)
        )
        own = [self._place.get(user, -1) for user in rows.users.ids[users].tolist()]
        own = np.array(own, np.int64)
        mine = np.flatnonzero(own >= 0)
        found[mine, own[mine]] = -np.inf
        return found

    def mean_similarity(self, rows: Interactions) -> np.ndarray:
        """[num_users] float64: mean over the `k` nearest; 0 for a user without a row."""
        users = np.flatnonzero(rows.user_counts() > 0)
        result = np.zeros(rows.num_users)
        block = max(1, _BLOCK_CELLS // max(len(self._ids), len(self._items), 1))
        for start in range(0, len(users), block):
            chosen = users[start : start + block]
            found = self.similarity(rows, chosen)
            k = min(self.k, found.shape[1])
            nearest = np.partition(found, found.shape[1] - k, axis=1)[:, -k:]
            finite = np.isfinite(nearest)
            total = np.where(finite, nearest, 0.0).sum(axis=1)
            result[chosen] = total / np.maximum(finite.sum(axis=1), 1)
        return result


def _cosine(sets: np.ndarray, others: np.ndarray) -> np.ndarray:
    norms = np.sqrt(sets.sum(axis=1))[:, None] * np.sqrt(others.sum(axis=1))[None, :]
    return (sets @ others.T) / np.maximum(norms, 1.0)


def _pearson(sets, ratings, other_sets, other_ratings) -> np.ndarray:
    """[n, items] and [m, items] -> [n, m]; 0 where a profile is flat on the common items."""
    common = sets @ other_sets.T
    safe = np.maximum(common, 1.0)
    sum_x, sum_y = ratings @ other_sets.T, sets @ other_ratings.T
    cross = ratings @ other_ratings.T - sum_x * sum_y / safe
    square_x = (ratings**2) @ other_sets.T - sum_x**2 / safe
    square_y = sets @ (other_ratings**2).T - sum_y**2 / safe
    # Flat profiles leave rounding errors of either sign where a zero belongs.
    varied = (square_x > 1e-3) & (square_y > 1e-3) & (common >= _FEWEST)
    scale = np.sqrt(np.where(varied, square_x * square_y, 1.0))
    weight = np.minimum(common / 20.0, 1.0)
    return np.where(varied, np.clip(cross / scale, -1.0, 1.0) * weight, 0.0)
