"""SemiSAD: naive Bayes with the EM algorithm on few labeled and many unlabeled profiles.

Cao, Wu, Mao & Zhang 2013 (World Wide Web 16): a naive Bayes classifier learns from the labeled
profiles; then unlabeled ones are added with weight lambda and their expected labels (EM-lambda,
Nigam et al. 2000) until convergence.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.defence.detectors.feature_detector import FeatureDetector

FEATURES = ("entropy", "degsim", "length_var", "rdma", "fmtd")


class SemiSAD(FeatureDetector):
    """Semi-supervised Gaussian naive Bayes by EM-lambda. The score is the log-odds of a fake.

    `fit` keeps the fraction `labeled_fraction` of the labels of each class and treats the other
    profiles as unlabeled.

    Args:
        labeled_fraction: in (0, 1].
        unlabeled_weight: lambda in [0, 1]; 0 is naive Bayes on the labeled profiles alone.
        max_iterations: of EM.
        **settings: of `FeatureDetector`; `columns` are by default those of the paper's five
            features that the data has.
    """

    needs_labels = True

    def __init__(
        self,
        *,
        labeled_fraction: float = 0.25,
        unlabeled_weight: float = 0.3,
        max_iterations: int = 30,
        **settings,
    ):
        super().__init__(**settings)
        if not 0 < labeled_fraction <= 1 or not 0 <= unlabeled_weight <= 1:
            raise ValueError(
                "`labeled_fraction` should lie in (0, 1] and `unlabeled_weight` in [0, 1]. "
                f"Received: {labeled_fraction!r} and {unlabeled_weight!r}."
            )
        self.labeled_fraction = labeled_fraction
        self.unlabeled_weight = unlabeled_weight
        self.max_iterations = max_iterations

    def completed(self, table, interactions, *, training):
        if self.columns is None:
            return table.only(tuple(name for name in FEATURES if name in table.names))
        return super().completed(table, interactions, training=training)

    def fit_table(self, table, is_fake):
        values, rng = table.values, np.random.default_rng(self.seed)
        self._center = values.mean(axis=0)
        self._scale = np.maximum(values.std(axis=0), 1e-12)
        values = (values - self._center) / self._scale
        seen = np.zeros(len(values), bool)
        for label in (False, True):
            members = np.flatnonzero(is_fake == label)
            count = max(2, int(round(self.labeled_fraction * len(members))))
            seen[rng.permutation(members)[:count]] = True
        known = is_fake.astype(np.float64)
        expected = np.where(seen, known, 0.0)
        weight = seen.astype(np.float64)
        for _ in range(self.max_iterations if self.unlabeled_weight else 1):
            self._mean, self._variance, self._log_prior = naive_bayes(values, expected, weight)
            probability = 1.0 / (1.0 + np.exp(-np.clip(self._log_odds(values), -500, 500)))
            after = np.where(seen, known, probability)
            converged = np.abs(after - expected).max() < 1e-4 and not (weight == 0).any()
            expected, weight = after, np.where(seen, 1.0, self.unlabeled_weight)
            if converged:
                break

    def _log_odds(self, values: np.ndarray) -> np.ndarray:
        distance = (values[:, None, :] - self._mean) ** 2 / self._variance
        likelihood = -0.5 * np.sum(distance + np.log(self._variance), axis=2) + self._log_prior
        return likelihood[:, 1] - likelihood[:, 0]

    def score_table(self, table):
        return self._log_odds((table.values - self._center) / self._scale)


def naive_bayes(values: np.ndarray, expected: np.ndarray, weight: np.ndarray):
    """Class moments of weighted Gaussian naive Bayes with two classes.

    Args:
        values: [n, features].
        expected: [n] in 0..1, the expected label.
        weight: [n] >= 0.

    Returns:
        mean [2, features], variance [2, features] (at least .01), log prior [2]; class 1
        holds the fakes.
    """
    fraction = np.stack([weight * (1.0 - expected), weight * expected])
    total = np.maximum(fraction.sum(axis=1), 1e-12)
    mean = fraction @ values / total[:, None]
    square = fraction @ values**2 / total[:, None]
    prior = (fraction.sum(axis=1) + 1.0) / (fraction.sum() + 2.0)
    return mean, np.maximum(square - mean**2, 0.01), np.log(prior)
