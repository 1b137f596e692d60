"""Similarity of profiles to those of a reference: the `degsim` of `features`.

Sums over common items come from products of dense blocks of profiles or, where profiles are sparse,
from the pairs of interactions with a common item, whichever costs less.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions

_BLOCK_CELLS = 2**22
_COST_OF_PAIR = 200  # in multiplications of a dense product, measured roughly
_MIN_COMMON = 2  # common items below which the similarity is 0


class Neighbors:
    """The reference users nearest to any profile.

    With ratings the similarity is Pearson's over the items both have, times min(common / 20, 1)
    (the significance weight of Herlocker et al. 1999; in DegSim it is Burke et al. 2006's d);
    without, the cosine of the two sets of items. A user of the reference is never its own
    neighbor: external ids tell.

    Args:
        reference: the interactions whose users are neighbors.
        k: neighbors that are averaged; fewer where there are not so many.
        max_users: at most so many reference users, drawn by `seed`.

    Attributes:
        ids: [reference users] their external ids.
        lengths: [reference users] int, their numbers of interactions.
    """

    def __init__(self, reference: Interactions, *, k: int, max_users: int = 5_000, seed: int = 0):
        users = np.flatnonzero(reference.user_counts() > 0)
        if len(users) > max_users:
            users = np.sort(np.random.default_rng(seed).choice(users, max_users, replace=False))
        self.k = k
        self._rated = reference.rating is not None and not np.isnan(reference.rating).all()
        self.ids = reference.users.ids[users]
        self._place = {user: place for place, user in enumerate(self.ids.tolist())}
        self.lengths = reference.user_counts()[users]
        held = np.flatnonzero(reference.item_counts() > 0)
        self._width = len(held)
        self._column = np.full(reference.num_items, -1)
        self._column[held] = np.arange(len(held))
        place = np.full(reference.num_users, -1)
        place[users] = np.arange(len(users))
        chosen = self._kept(reference) & (place[reference.user_index] >= 0)
        item = self._column[reference.item_index[chosen]]
        order = np.argsort(item, kind="stable")
        self._by_item_user = place[reference.user_index[chosen]][order]
        self._by_item_value = self._values(reference, chosen)[order]
        self._splits = np.concatenate([[0], np.cumsum(np.bincount(item, minlength=len(held)))])
        self._table = None  # the same as dense matrices, made when first needed

    def _kept(self, interactions: Interactions) -> np.ndarray:
        """[interactions] bool: rated ones on the reference's items (all, without ratings)."""
        kept = self._column[interactions.item_index] >= 0
        return kept & ~np.isnan(interactions.rating) if self._rated else kept

    def _values(self, interactions: Interactions, chosen: np.ndarray) -> np.ndarray:
        return (
            interactions.rating[chosen].astype(np.float64) if self._rated else np.ones(chosen.sum())
        )

    def _sums(self, interactions: Interactions, users: np.ndarray) -> list[np.ndarray]:
        """Over the common items of each pair of users: their number, and of the ratings x (of
        `users`) and y (of the reference) the sums of x, y, xx, yy and xy; each [users, reference
        users]. Without ratings only the number."""
        place = np.full(interactions.num_users, -1)
        place[users] = np.arange(len(users))
        chosen = self._kept(interactions) & (place[interactions.user_index] >= 0)
        user, item = (
            place[interactions.user_index[chosen]],
            self._column[interactions.item_index[chosen]],
        )
        value = self._values(interactions, chosen)
        pairs = self._splits[item + 1] - self._splits[item]
        cells = len(users) * len(self.ids)
        if pairs.sum() * _COST_OF_PAIR < cells * self._width:
            return self._sums_of_pairs(user, item, value, pairs, len(users))
        mine = _dense(user, item, value, (len(users), self._width))
        return self._sums_of_products(*mine)

    def _sums_of_pairs(self, user, item, value, pairs, number) -> list[np.ndarray]:
        row = np.repeat(np.arange(len(user)), pairs)
        start = self._splits[item] - (np.cumsum(pairs) - pairs)
        other = np.arange(len(row)) + start[row]
        key = user[row] * len(self.ids) + self._by_item_user[other]
        cells = number * len(self.ids)
        shape = (number, len(self.ids))
        common = np.bincount(key, minlength=cells).reshape(shape).astype(np.float64)
        if not self._rated:
            return [common]
        x, y = value[row], self._by_item_value[other]
        sums = [np.bincount(key, v, minlength=cells) for v in (x, y, x * x, y * y, x * y)]
        return [common, *(total.reshape(shape) for total in sums)]

    def _sums_of_products(self, sets, values) -> list[np.ndarray]:
        if self._table is None:
            self._table = _dense(
                self._by_item_user,
                np.repeat(np.arange(self._width), np.diff(self._splits)),
                self._by_item_value,
                (len(self.ids), self._width),
            )
        other_sets, other_values = self._table
        common = (sets @ other_sets.T).astype(np.float64)
        if not self._rated:
            return [common]
        products = (
            values @ other_sets.T,
            sets @ other_values.T,
            values**2 @ other_sets.T,
            sets @ (other_values**2).T,
            values @ other_values.T,
        )
        return [common, *(product.astype(np.float64) for product in products)]

    def similarity(self, interactions: Interactions, users: np.ndarray) -> np.ndarray:
        """[users] int -> [users, reference users] float64; -inf for a user and itself."""
        sums = self._sums(interactions, users)
        if self._rated:
            found = _pearson(*sums)
        else:
            length = np.bincount(interactions.user_index, minlength=interactions.num_users)[users]
            found = sums[0] / np.sqrt(np.maximum(np.outer(length, self.lengths), 1.0))
        found[self.places_of(interactions, users)] = -np.inf
        return found

    def common(self, interactions: Interactions, users: np.ndarray) -> np.ndarray:
        """[users] int -> [users, reference users] float64, the number of common items."""
        return self._sums(interactions, users)[0]

    def places_of(
        self, interactions: Interactions, users: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The positions in `users` and in the reference of the users that are in both."""
        own = [self._place.get(user, -1) for user in interactions.users.ids[users].tolist()]
        own = np.array(own, np.int64)
        mine = np.flatnonzero(own >= 0)
        return mine, own[mine]

    def mean_similarity(self, interactions: Interactions) -> np.ndarray:
        """[num_users] float64: mean over the `k` nearest; 0 for a user without interactions."""
        users = np.flatnonzero(interactions.user_counts() > 0)
        result = np.zeros(interactions.num_users)
        block = max(1, _BLOCK_CELLS // max(len(self.ids), self._width, 1))
        for start in range(0, len(users), block):
            chosen = users[start : start + block]
            found = self.similarity(interactions, chosen)
            k = min(self.k, found.shape[1])
            nearest = np.partition(found, found.shape[1] - k, axis=1)[:, -k:]
            finite = np.isfinite(nearest)
            total = np.where(finite, nearest, 0.0).sum(axis=1)
            result[chosen] = total / np.maximum(finite.sum(axis=1), 1)
        return result


def _dense(user, item, value, shape) -> tuple[np.ndarray, np.ndarray]:
    """0/1 and values, both `shape` float32."""
    sets, values = np.zeros(shape, np.float32), np.zeros(shape, np.float32)
    sets[user, item] = 1.0
    values[user, item] = value
    return sets, values


def _pearson(common, sum_x, sum_y, sum_xx, sum_yy, sum_xy) -> np.ndarray:
    """Pearson's correlation times the significance weight; 0 where ratings do not vary."""
    safe = np.maximum(common, 1.0)
    cross = sum_xy - sum_x * sum_y / safe
    square_x, square_y = sum_xx - sum_x**2 / safe, sum_yy - sum_y**2 / safe
    # Constant ratings leave rounding errors of either sign in place of zero.
    varied = (square_x > 1e-3) & (square_y > 1e-3) & (common >= _MIN_COMMON)
    scale = np.sqrt(np.where(varied, square_x * square_y, 1.0))
    weight = np.minimum(common / 20.0, 1.0)
    return np.where(varied, np.clip(cross / scale, -1.0, 1.0) * weight, 0.0)
