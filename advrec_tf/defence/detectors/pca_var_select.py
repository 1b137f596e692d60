"""PCA-VarSelect: fakes are alike, so they hardly load on the main directions of variance.

Mehta & Nejdl 2009 (User Modeling and User-Adapted Interaction 19). It reads profiles, not
features, needs no label, and ranks the profiles it is given: a transductive detector, and the
classic that others have to beat. It holds for few fakes or for scattered ones: where many share
what they rate highest (fifty profiles of a segment attack among a thousand users) they have a main
direction of their own, load on it more than anybody else, and rank as the least suspicious.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.defence.item_statistics import has_ratings

_OVERSAMPLED = 8


class PCAVarSelect(Detector):
    """Users are the variables: each row of D is a user's profile (0 where unrated) as z-scores,
    C = D D', and the distance of user u is the sum of its squared entries in the first
    `components` eigenvectors of C. The smaller the distance, the more suspicious.

    Without ratings a profile is 1 where the user has a row. Eigenvectors come from subspace
    iteration on the sparse rows; C is never formed.

    Args:
        components: eigenvectors, >= 1; 3 in the paper.
        iterations: of the subspace, >= 1.
    """

    transductive = True

    def __init__(self, *, components: int = 3, iterations: int = 60, seed: int = 0):
        if components < 1 or iterations < 1:
            raise ValueError(
                "`components` and `iterations` should be >= 1. "
                f"Received: {components!r} and {iterations!r}."
            )
        self.components = components
        self.iterations = iterations
        self.seed = seed

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> PCAVarSelect:
        self._fingerprint = interactions.fingerprint()
        self._distance = self._distances(interactions)
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        """Minus the distance, in units of the mean.

        Raises:
            ValueError: for other interactions than it was fitted on.
        """
        if interactions.fingerprint() != self._fingerprint:
            raise ValueError(
                "`interactions` should be those that a transductive detector was fitted on. "
                f"Received others: {interactions!r}."
            )
        return -self._distance

    def _distances(self, rows: Interactions) -> np.ndarray:
        users = np.flatnonzero(rows.user_counts() > 0)
        place = np.full(rows.num_users, -1)
        place[users] = np.arange(len(users))
        user, item = place[rows.user_index], rows.item_index
        value = np.ones(len(rows))
        if has_ratings(rows):
            value = np.nan_to_num(rows.rating.astype(np.float64))
        items, number = rows.num_items, len(users)
        mean = np.bincount(user, value, minlength=number) / items
        square = np.bincount(user, value**2, minlength=number) / items
        deviation = np.sqrt(np.maximum(square - mean**2, 1e-12))

        def times(right):  # D [users, items] @ right [items, k]
            columns = [np.bincount(user, value * c[item], minlength=number) for c in right.T]
            centered = np.stack(columns, 1) - mean[:, None] * right.sum(axis=0)
            return centered / deviation[:, None]

        def times_transposed(left):  # D' @ left [users, k]
            left = left / deviation[:, None]
            columns = [np.bincount(item, value * c[user], minlength=items) for c in left.T]
            return np.stack(columns, 1) - (mean @ left)[None, :]

        width = min(self.components + _OVERSAMPLED, number)
        basis = np.random.default_rng(self.seed).standard_normal((number, width))
        for _ in range(self.iterations):
            basis, _ = np.linalg.qr(times(times_transposed(basis)))
        small = basis.T @ times(times_transposed(basis))
        _, rotation = np.linalg.eigh((small + small.T) / 2)
        leading = basis @ rotation[:, ::-1][:, : self.components]
        distance = np.sum(leading**2, axis=1)
        result = np.zeros(rows.num_users)
        result[users] = distance / distance.mean()
        return result
