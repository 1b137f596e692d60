"""PCA-VarSelect: fake profiles resemble each other and load little on the principal components.

Mehta & Nejdl 2009 (User Modeling and User-Adapted Interaction 19). It works where fakes are few or
differ from each other. Where many share what they rate highest (fifty profiles of a segment attack
among a thousand users) they make a principal component of their own, load on it more than any other
user, and rank as the least suspicious.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import TransductiveDetector
from advrec_tf.defence.item_statistics import has_ratings

_OVERSAMPLING = 8


class PCAVarSelect(TransductiveDetector):
    """Unsupervised. Users are the variables: each row of D is a user's profile (0 where unrated)
    as z-scores, C = D D', and the distance of user u is the sum of its squared entries in the
    first `components` eigenvectors of C. The smaller the distance, the more suspicious.

    Without ratings a profile is 1 where the user has an interaction. Eigenvectors come from
    subspace iteration on the sparse matrix; C is never formed. The score is minus the distance, in
    units of the mean distance.

    Args:
        components: number of eigenvectors, >= 1; 3 in the paper.
        iterations: of the subspace iteration, >= 1.
        seed: of its start.
    """

    def __init__(self, *, components: int = 3, iterations: int = 60, seed: int = 0):
        if components < 1 or iterations < 1:
            raise ValueError(
                "`components` and `iterations` should be >= 1. "
                f"Received: {components!r} and {iterations!r}."
            )
        self.components = components
        self.iterations = iterations
        self.seed = seed

    def fitted_scores(self, interactions, is_fake):
        return -self._distances(interactions)

    def _distances(self, interactions: Interactions) -> np.ndarray:
        users = np.flatnonzero(interactions.user_counts() > 0)
        place = np.full(interactions.num_users, -1)
        place[users] = np.arange(len(users))
        user, item = place[interactions.user_index], interactions.item_index
        value = np.ones(len(interactions))
        if has_ratings(interactions):
            value = np.nan_to_num(interactions.rating.astype(np.float64))
        items, number = interactions.num_items, len(users)
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

        width = min(self.components + _OVERSAMPLING, number)
        basis = np.random.default_rng(self.seed).standard_normal((number, width))
        for _ in range(self.iterations):
            basis, _ = np.linalg.qr(times(times_transposed(basis)))
        small = basis.T @ times(times_transposed(basis))
        _, rotation = np.linalg.eigh((small + small.T) / 2)
        leading = basis @ rotation[:, ::-1][:, : self.components]
        distance = np.sum(leading**2, axis=1)
        result = np.zeros(interactions.num_users)
        result[users] = distance / distance.mean()
        return result
