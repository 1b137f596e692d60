"""The forest of `detectors` with two more signs: surprise, and having a double in the file.

The autoencoder of `surprise` knows which items go together, which no feature of `features`
does; and the profiles of one campaign are often near copies of each other, which shows only in
the file that is judged. The double is measured there, without labels; nothing is fitted on it.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors import Detector, ForestDetector, checked_labels
from advrec_tf.defence.features import FeatureTable
from advrec_tf.defence.surprise import AutoencoderError

FOLDS = 3
SIGNS = ("surprise", "surprise_above_popularity", "double")
_BLOCK_CELLS = 2**24


class StackedForest(ForestDetector):
    """A random forest on features, surprise and doubles.

    Training users are surprised by an autoencoder of other training users (`FOLDS` of them), later
    users by one of all honest training users.

    Args:
        **settings: of `ForestDetector`.
    """

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        is_fake = checked_labels(interactions, is_fake, needed=True)
        users = np.flatnonzero(interactions.user_counts() > 0)
        fold = np.full(interactions.num_users, -1)
        fold[np.random.default_rng(self.seed).permutation(users)] = np.arange(len(users)) % FOLDS
        signs = np.zeros((interactions.num_users, 2))
        for number in range(FOLDS):
            others = interactions.select(fold[interactions.user_index] != number)
            mine = interactions.select(fold[interactions.user_index] == number)
            model = AutoencoderError(seed=self.seed).fit(others, is_fake)
            signs[fold == number] = model.costs(mine)[fold == number]
        self._taught = signs
        self._model = AutoencoderError(seed=self.seed).fit(interactions, is_fake)
        self._fitting = True
        super().fit(interactions, is_fake)
        self._fitting = False
        return self

    def completed(self, table, interactions):
        table = super().completed(table, interactions)
        signs = self._taught if self._fitting else self._model.costs(interactions)
        values = np.column_stack([table.values, signs, doubles(interactions)])
        return FeatureTable(names=table.names + SIGNS, values=values)


def doubles(rows: Interactions) -> np.ndarray:
    """[num_users] float64 in [0, 1]: the highest Jaccard index, |A and B| / |A or B|, of a user's
    items with another user's; 0 for a user without a row or alone."""
    profiles = rows.by_user().dense()
    users = np.flatnonzero(rows.user_counts() > 0)
    profiles = profiles[users]
    size = profiles.sum(axis=1)
    highest = np.zeros(len(users))
    block = max(1, _BLOCK_CELLS // max(len(users), 1))
    for start in range(0, len(users), block):
        shared = profiles[start : start + block] @ profiles.T
        index = shared / (size[start : start + block, None] + size[None, :] - shared)
        index[np.arange(len(index)), start + np.arange(len(index))] = 0.0
        highest[start : start + block] = index.max(axis=1, initial=0.0)
    result = np.zeros(rows.num_users)
    result[users] = highest
    return result
