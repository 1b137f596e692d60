"""What all other users say about a pair of a user and an item: leave-one-out scores of EASE.

For an item t the regression of its column on all other columns is kernel ridge over users with the
kernel XX' - x_t x_t' + l2 I. With A = (XX' + l2 I)^-1, S = AX and c_t = 1 - x_t' A x_t the inverse
of that kernel is A + s_t s_t' / c_t, so the score of user u without u's own row is

    f_ut = x_ut - (s_ut / c_t) / (A_uu + s_ut^2 / c_t),

for all pairs at once and without training again. A weighted row counts as in `EASE.fit`. What
follows from the scores is left to `coherence`.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from advrec_tf.models.gram import inverse_of
from advrec_tf.ops.rng import RNG

MEMORY_LIMIT = 8 * 2**30
"""Bytes that `LeaveOneOut` may take: three float64 matrices of users x items, two of users."""
_BLOCK_CELLS = 2**21
_CACHED_CELLS = 2**17  # of float64, what a processor keeps near
_MOST = 0.95  # probability of a user who has nearly all items


def fits(num_users: int, num_items: int) -> bool:
    """Whether the matrices need no more than `MEMORY_LIMIT` bytes."""
    return 8 * num_users * (3 * num_items + 2 * num_users) <= MEMORY_LIMIT


class LeaveOneOut:
    """Scores of every pair of a user and an item by all other users and all other items.

    Args:
        profiles: [num_users, num_items] sparse, 1 for every pair that there is.
        weight: [num_users] float > 0, how much each user counts.
        l2: of EASE, > 0.

    Attributes:
        score: [num_users, num_items] float32.
    """

    def __init__(self, profiles: sparse.csr_array, weight: np.ndarray, *, l2: float):
        self._users_of = sparse.csc_array(profiles)
        self._length = np.asarray(profiles.sum(axis=1))
        root = np.sqrt(weight)
        rows = sparse.csr_array(sparse.diags_array(root) @ profiles)
        kernel = (rows @ rows.T).toarray()
        kernel[np.diag_indices(len(kernel))] += l2
        self._inverse = inverse_of(kernel)
        self._own = np.diag(self._inverse).copy()
        self._solved = np.ascontiguousarray((rows.T @ self._inverse).T)
        self._left = 1.0 - np.asarray(rows.multiply(self._solved).sum(axis=0))
        self.score = self._scores(root)
        self.score[profiles.nonzero()] += 1.0

    def _scores(self, root: np.ndarray) -> np.ndarray:
        """[num_users, num_items] float32, f - x for rows that count by the square of `root`."""
        found = np.empty(self._solved.shape, np.float32)
        block = max(1, _CACHED_CELLS // self._solved.shape[1])
        for start in range(0, len(found), block):
            part = slice(start, start + block)
            solved = self._solved[part]
            below = solved**2 + self._own[part, None] * self._left
            np.divide(solved, -root[part, None] * below, out=found[part], casting="same_kind")
        return found

    def beyond_chance(self, item: int) -> np.ndarray:
        """[users of the item] float64: by how many deviations their scores exceed what strangers
        would give.

        The n other users of the item are then drawn at random, each user with the probability
        min(n d_u / sum(d), `_MOST`) for its number of items d_u; the score is linear in them.
        Defined for users of weight 1.
        """
        users = self._users_of.indices[slice(*self._users_of.indptr[item : item + 2])]
        chance = np.minimum(len(users) * self._length / self._length.sum(), _MOST)
        uncertain = chance * (1.0 - chance)
        solved = self._solved[:, item]
        # The row of user u is A_u + s_u / c * s without its own place; its sums are taken apart.
        present = np.bincount(users, minlength=len(chance))
        sides = np.column_stack([chance, solved * uncertain, present])
        sums, squares = np.empty((len(users), 3)), np.empty(len(users))
        block = max(1, _CACHED_CELLS // len(chance))
        for start in range(0, len(users), block):
            part = slice(start, start + block)
            rows = self._inverse[users[part]]
            sums[part] = rows @ sides
            squares[part] = np.square(rows, out=rows) @ uncertain
        factor = solved[users] / self._left[item]
        own = self._own[users] + factor * solved[users]
        mean = sums[:, 0] + factor * (solved @ chance) - own * chance[users]
        found = sums[:, 2] + factor * solved[users].sum() - own - mean
        variance = squares + 2.0 * factor * sums[:, 1] + factor**2 * (solved**2 @ uncertain)
        variance -= own**2 * uncertain[users]
        return -np.sign(own) * found / np.sqrt(np.maximum(variance, 0.0) + 1e-18)


def percentiles(
    score: np.ndarray,
    held: np.ndarray,
    row: np.ndarray,
    column: np.ndarray,
    size: np.ndarray,
    *,
    rng: RNG,
    reach: int = 40,
) -> np.ndarray:
    """[pairs] float64 in (0, 1): where a pair's score stands among the same column of like rows.

    Like are the `reach` rows on either side in the order of sizes, ties at random; those that hold
    the column are left out. Chance gives 1/2 on average.

    Args:
        score: [rows, columns].
        held: [rows, columns] bool.
        row, column: [pairs] int.
        size: [rows] float.
    """
    rng = np.random.default_rng(rng)
    count = len(size)
    order = np.lexsort((rng.random(count), size))
    place = np.empty(count, np.int64)
    place[order] = np.arange(count)
    reach = min(reach, (count - 1) // 2)
    steps = np.concatenate([np.arange(-reach, 0), np.arange(1, reach + 1)])
    center = np.clip(place[row], reach, count - 1 - reach)
    found = np.empty(len(row))
    block = max(1, _BLOCK_CELLS // max(len(steps), 1))
    for start in range(0, len(row), block):
        part = slice(start, start + block)
        others = order[center[part, None] + steps]
        which = column[part, None]
        counted = ~held[others, which] & (others != row[part, None])
        mine, theirs = score[row[part], column[part]][:, None], score[others, which]
        below = (counted * ((theirs < mine) + 0.5 * (theirs == mine))).sum(axis=1)
        found[part] = (below + 0.5) / (counted.sum(axis=1) + 1.0)
    return found
