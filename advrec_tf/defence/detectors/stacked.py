"""The forest of `detectors` with two more signs: surprise, and having a double in the file.

The autoencoder of `surprise` knows which items go together, which no feature of `features`
does; and a fake profile is often a near copy, of another one of its campaign or of a real user
whom an attack took for a template. Copies are looked for among the honest training users and in
the file that is judged, without labels; nothing is fitted on the latter.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, ForestDetector, checked_labels
from advrec_tf.defence.detectors.reconstruction_error import AutoencoderError
from advrec_tf.defence.features import FeatureTable

FOLDS = 3
SIGNS = ("surprise", "surprise_above_popularity", "double", "contained")
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
        self._known = interactions.select(~is_fake[interactions.user_index])
        self._fitting = True
        super().fit(interactions, is_fake)
        self._fitting = False
        return self

    def completed(self, table, interactions):
        table = super().completed(table, interactions)
        signs = self._taught if self._fitting else self._model.costs(interactions)
        copied = doubles(interactions, self._known)
        values = np.column_stack([table.values, signs, copied])
        return FeatureTable(names=table.names + SIGNS, values=values)


def doubles(rows: Interactions, known: Interactions) -> np.ndarray:
    """[num_users, 2] float64 in [0, 1]: over all other users B of `rows` and of `known`, the
    highest Jaccard index |A and B| / |A or B| of a user's items A, and the highest share
    |A and B| / |A|; 0 for a user without a row or alone. A user of both is one user: external
    ids tell."""
    users = np.flatnonzero(rows.user_counts() > 0)
    mine = rows.by_user().dense()[users]
    ids = rows.users.ids[users]
    more = np.flatnonzero(known.user_counts() > 0)
    more = more[~np.isin(known.users.ids[more], ids)]
    others = np.concatenate([mine, known.by_user().dense()[more]])
    size, other_size = mine.sum(axis=1), others.sum(axis=1)
    highest = np.zeros((len(users), 2))
    block = max(1, _BLOCK_CELLS // max(len(others), 1))
    for start in range(0, len(users), block):
        own = size[start : start + block, None]
        shared = mine[start : start + block] @ others.T
        shared[np.arange(len(shared)), start + np.arange(len(shared))] = 0.0
        jaccard = shared / (own + other_size[None, :] - shared)
        highest[start : start + block, 0] = jaccard.max(axis=1, initial=0.0)
        highest[start : start + block, 1] = (shared / own).max(axis=1, initial=0.0)
    result = np.zeros((rows.num_users, 2))
    result[users] = highest
    return result
