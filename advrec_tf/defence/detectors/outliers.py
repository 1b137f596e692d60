"""Unsupervised detectors over the table of features: who lies far from the others.

They learn what training users look like, all of them, and need no label; with labels, what is
known to be fake is left out. Detectors that learn what fakes look like are in `detectors`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.defence.detectors.base import FeatureDetector, require_sklearn


class IsolationForestDetector(FeatureDetector):
    """Profiles that few random cuts set apart; Liu, Ting & Zhou 2008. Labels are not read,
    except that known fakes are left out. Needs the extra `analysis`."""

    def __init__(self, *, trees: int = 200, **settings):
        super().__init__(**settings)
        self.trees = trees

    def fit_table(self, table, is_fake):
        self.forest = require_sklearn().ensemble.IsolationForest(
            n_estimators=self.trees, random_state=self.seed
        )
        self.forest.fit(table.values[~is_fake])

    def score_table(self, table):
        return -self.forest.score_samples(table.values)


class ECOD(FeatureDetector):
    """Unsupervised and without a setting: how far out in the tails a profile lies.

    Li et al. 2022 (TKDE, "ECOD"): with F the empirical distribution of a feature among the
    profiles fitted on, a value costs -log F(x) to the left and -log(1 - F(x)) to the right;
    the score is the largest of the sums over features of the left costs, of the right ones,
    and of those on the side of each feature's longer tail. Known fakes are left out.
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
            # One more profile on either side: an unseen extreme is rare, not impossible.
            left[:, column] = np.searchsorted(known, value, side="right") + 1
            right[:, column] = number - np.searchsorted(known, value, side="left") + 1
        left, right = -np.log(left / (number + 1)), -np.log(right / (number + 1))
        skewed = np.where(self._left_tail, left, right)
        return np.max([left.sum(axis=1), right.sum(axis=1), skewed.sum(axis=1)], axis=0)


class MahalanobisDetector(FeatureDetector):
    """Unsupervised: the distance from ordinary profiles, correlations taken into account.

    Features are scaled by median and median absolute deviation, and cut at `cut` deviations in
    what is fitted (not in what is judged: an extreme stays extreme); the covariance is shrunk by
    a tenth towards its diagonal. Known fakes are left out.
    """

    def __init__(self, *, cut: float = 4.0, **settings):
        super().__init__(**settings)
        self.cut = cut

    def fit_table(self, table, is_fake):
        values = table.values[~is_fake]
        self._center = np.median(values, axis=0)
        middle = np.median(np.abs(values - self._center), axis=0)
        # Where most profiles agree to the last bit, the deviation stands in.
        spread = np.where(middle > 1e-9, 1.4826 * middle, values.std(axis=0))
        self._scale = np.maximum(spread, 1e-9)
        cut = np.clip((values - self._center) / self._scale, -self.cut, self.cut)
        self._mean = cut.mean(axis=0)
        covariance = np.atleast_2d(np.cov(cut, rowvar=False))
        diagonal = np.diag(np.diag(covariance) + 1e-6)
        self._precision = np.linalg.inv(0.9 * covariance + 0.1 * diagonal)

    def score_table(self, table):
        # Four cuts at most, else one skewed feature would decide alone.
        scaled = (table.values - self._center) / self._scale
        off = np.clip(scaled, -4 * self.cut, 4 * self.cut) - self._mean
        return np.einsum("nf,fg,ng->n", off, self._precision, off)
