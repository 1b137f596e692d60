"""The regression of every item on all others, solved over the users: EASE where items outnumber
users.

With Y the rows of the regression (square roots of weights), K = (YY' + l2 I)^-1 of users x users
and q_j = y_j' K y_j, the Woodbury identity gives P = (Y'Y + l2 I)^-1 = (I - Y'KY) / l2, and so

    B_ij = (Y'KY)_ij / (1 - q_j)    for i != j

Only the inverse is dense work; everything else costs the interactions times the items, a block of
columns at a time.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from scipy import sparse

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.gram import inverse_of, profiles_of, weighted_profiles

_BLOCK = 256  # columns at once: what a processor keeps near


class ItemRegression:
    """Scores of all users, or the weights B, of EASE solved over the users.

    Args:
        interactions: to learn from; scores are of their users.
        weight: [interactions] float >= 0 as `EASE.fit` takes it, or None.
        l2: > 0.
    """

    def __init__(self, interactions: Interactions, weight: np.ndarray | None, *, l2: float):
        self._profiles = profiles_of(interactions)
        self._weighted = weight is not None
        self._rows = self._profiles
        if weight is not None:
            rows = weighted_profiles(interactions, weight)
            weighs = rows.sum(axis=1) > 0
            self._rows = rows[weighs] if weighs.any() else rows  # nobody else is regressed on
        self._l2 = l2

    def scores(self) -> np.ndarray:
        """[num_users, num_items] float32, XB for the profiles X."""
        found = np.empty(self._profiles.shape, np.float32)
        for columns, own, weights in self._blocks():
            held = sparse.csc_array(self._profiles[:, columns])
            user, item = held.nonzero()
            if self._weighted:
                block = self._profiles @ (self._rows.T @ weights)
                block[user, item] -= own[item]
            else:  # XP = KX where the profiles are the rows
                block = -self._l2 * weights
                block[user, item] += 1.0
            found[:, columns] = block
        return found

    def weights(self) -> np.ndarray:
        """[num_items, num_items] float32, B."""
        size = self._profiles.shape[1]
        found = np.empty((size, size), np.float32)
        for columns, _, weights in self._blocks():
            found[:, columns] = self._rows.T @ weights
        found[np.diag_indices(size)] = 0.0
        return found

    def _blocks(self) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
        """(columns, q / (1 - q) [columns], KY / (1 - q) [num_users, columns] float64)."""
        kernel = (self._rows @ self._rows.T).toarray()
        kernel[np.diag_indices(len(kernel))] += self._l2
        inverse = inverse_of(kernel)
        rows = sparse.csc_array(self._rows)
        for start in range(0, rows.shape[1], _BLOCK):
            columns = slice(start, min(start + _BLOCK, rows.shape[1]))
            part = rows[:, columns]
            solved = (part.T @ inverse).T
            explained = np.asarray(part.multiply(solved).sum(axis=0)).ravel()
            left = 1.0 - explained
            yield columns, explained / left, np.ascontiguousarray(solved / left)
