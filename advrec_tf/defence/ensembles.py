"""Detectors made of several: a forest that reads other detectors' measures, and a joint score.

Needs the extra `analysis`. The detectors themselves are in `detectors`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, checked_labels
from advrec_tf.defence.detectors.feature_detector import stratified_folds
from advrec_tf.defence.detectors.forest import ForestDetector
from advrec_tf.defence.detectors.overlap import OverlapDetector
from advrec_tf.defence.detectors.reconstruction_error import ReconstructionErrorDetector
from advrec_tf.defence.features import FeatureTable
from advrec_tf.defence.near_duplicates import near_duplicates

FOLDS = 3
MEASURES = (
    "reconstruction_error",
    "reconstruction_error_above_popularity",
    "jaccard",
    "containment",
)
MIN_FOREST_QUANTILE = 0.5


class StackedForest(ForestDetector):
    """A random forest on profile features, reconstruction error and near duplicates.

    The autoencoder knows which items go together, which no profile feature does. It is
    cross-fitted: training users are measured by an autoencoder of other training users (`FOLDS`
    folds), later users by one of all honest training users. Near duplicates are looked for among
    the honest training users and among the scored ones, without labels.

    Args:
        **settings: of `ForestDetector`.
    """

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        is_fake = checked_labels(interactions, is_fake, needed=True)
        users = np.flatnonzero(interactions.user_counts() > 0)
        fold = stratified_folds((users,), interactions.num_users, folds=FOLDS, seed=self.seed)
        self._training_costs = np.zeros((interactions.num_users, 2))
        for number in range(FOLDS):
            in_fold = fold[interactions.user_index] == number
            model = ReconstructionErrorDetector(seed=self.seed)
            model.fit(interactions.select(~in_fold), is_fake)
            costs = model.costs(interactions.select(in_fold))
            self._training_costs[fold == number] = costs[fold == number]
        self._model = ReconstructionErrorDetector(seed=self.seed).fit(interactions, is_fake)
        self._honest = interactions.select(~is_fake[interactions.user_index])
        return super().fit(interactions, is_fake)

    def completed(self, table, interactions, *, training):
        table = super().completed(table, interactions, training=training)
        costs = self._training_costs if training else self._model.costs(interactions)
        duplicates = near_duplicates(interactions, self._honest)
        values = np.column_stack([table.values, costs, duplicates])
        return FeatureTable(names=table.names + MEASURES, values=values)


class ForestAndOverlap(Detector):
    """`StackedForest` and `OverlapDetector`, each in units of the scores of honest users.

    What a forest has learned from labeled attacks says little of attacks of another kind, and
    overlaps hardly read ratings: each finds what the other cannot.

    With q50 and q99 the quantiles of a detector's scores of the honest training users (of the
    forest the out-of-bag scores), a score s becomes max(0, (s - q50) / (q99 - q50)); the joint
    score is the root of the sum of both squares. A score of 1 is that of the most suspicious one
    of a hundred honest users. For the forest q99 is at least `MIN_FOREST_QUANTILE`: where hardly
    any honest user resembled the labeled attacks, less than half of the votes would outweigh any
    overlap.
    """

    needs_labels = True

    def __init__(self, *, seed: int = 0):
        self.detectors = (StackedForest(seed=seed), OverlapDetector(seed=seed))

    def fit(self, interactions: Interactions, is_fake: np.ndarray | None = None) -> Detector:
        is_fake = checked_labels(interactions, is_fake, needed=True)
        self._quantiles = []
        for detector, least in zip(self.detectors, (MIN_FOREST_QUANTILE, 0.0), strict=True):
            detector.fit(interactions, is_fake)
            median, last = np.quantile(detector.honest_scores, (0.5, 0.99))
            self._quantiles.append((median, max(last, least)))
        return self

    def scores_of(self, interactions: Interactions) -> np.ndarray:
        total = np.zeros(interactions.num_users)
        for detector, (median, last) in zip(self.detectors, self._quantiles, strict=True):
            above = (detector.scores_of(interactions) - median) / max(last - median, 1e-9)
            total += np.maximum(above, 0.0) ** 2
        return np.sqrt(total)
