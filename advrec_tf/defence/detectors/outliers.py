"""Outlier detectors over the feature table: isolation forest, ECOD, Mahalanobis distance.

They learn the distribution of the training users' features without labels; users that labels mark
as fake are left out.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.defence.detectors.feature_detector import FeatureDetector
from advrec_tf.ops.extras import require_sklearn


class IsolationForestDetector(FeatureDetector):
    """Unsupervised: profiles that few random cuts isolate; Liu, Ting & Zhou 2008. Needs the extra
    `analysis`.

    Args:
        num_trees: >= 1.
        **settings: of `FeatureDetector`.
    """

    def __init__(self, *, num_trees: int = 200, **settings):
        super().__init__(**settings)
        self.num_trees = num_trees

    def fit_table(self, table, is_fake):
        self.forest = require_sklearn("This detector needs").ensemble.IsolationForest(
            n_estimators=self.num_trees, random_state=self.seed
        )
        self.forest.fit(table.values[~is_fake])

    def score_table(self, table):
        return -self.forest.score_samples(table.values)


class ECOD(FeatureDetector):
    """Unsupervised and without hyperparameters: how far out in the tails a profile lies.

    Li et al. 2022 (TKDE, "ECOD"): with F the empirical distribution of a feature among the
    profiles fitted on, a value costs -log F(x) to the left and -log(1 - F(x)) to the right;
    the score is the largest of the sums over features of the left costs, of the right ones,
    and of those on the side of each feature's longer tail.
    """

    def fit_table(self, table, is_fake):
        self._sorted = np.sort(table.values[~is_fake], axis=0)
        centered = self._sorted - self._sorted.mean(axis=0)
        self._left_tail = np.sum(centered**3, axis=0) < 0

    def score_table(self, table):
        number = len(self._sorted)
        left, right = np.empty(table.values.shape), np.empty(table.values.shape)
        for column, known in enumerate(self._sorted.T):
            value = table.values[:, column]
            # One profile is added on either side: a new extreme is rare, not impossible.
            left[:, column] = np.searchsorted(known, value, side="right") + 1
            right[:, column] = number - np.searchsorted(known, value, side="left") + 1
        left, right = -np.log(left / (number + 1)), -np.log(right / (number + 1))
        skewed = np.where(self._left_tail, left, right)
        return np.max([left.sum(axis=1), right.sum(axis=1), skewed.sum(axis=1)], axis=0)


class MahalanobisDetector(FeatureDetector):
    """Unsupervised: the squared Mahalanobis distance from the mean profile.

    Features are scaled by median and median absolute deviation. They are clipped at `clip`
    deviations in fitting and at four times as many in scoring; the covariance is shrunk by a tenth
    towards its diagonal.

    Args:
        clip: in deviations, > 0.
        **settings: of `FeatureDetector`.
    """

    def __init__(self, *, clip: float = 4.0, **settings):
        super().__init__(**settings)
        self.clip = clip

    def fit_table(self, table, is_fake):
        values = table.values[~is_fake]
        self._center = np.median(values, axis=0)
        middle = np.median(np.abs(values - self._center), axis=0)
        # Where most profiles have one value, the standard deviation replaces the median one.
        spread = np.where(middle > 1e-9, 1.4826 * middle, values.std(axis=0))
        self._scale = np.maximum(spread, 1e-9)
        clipped = np.clip((values - self._center) / self._scale, -self.clip, self.clip)
        self._mean = clipped.mean(axis=0)
        covariance = np.atleast_2d(np.cov(clipped, rowvar=False))
        diagonal = np.diag(np.diag(covariance) + 1e-6)
        self._precision = np.linalg.inv(0.9 * covariance + 0.1 * diagonal)

    def score_table(self, table):
        # Without a limit one skewed feature would decide alone.
        scaled = (table.values - self._center) / self._scale
        off = np.clip(scaled, -4 * self.clip, 4 * self.clip) - self._mean
        return np.einsum("nf,fg,ng->n", off, self._precision, off)
