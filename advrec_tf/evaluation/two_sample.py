"""The classifier two-sample test: can a classifier tell two samples apart?

Samples are matrices. Data frames with a schema are left to `tabular.two_sample`, the score of a
label to `tabular.utility`. Needs scikit-learn, the extra `analysis`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advrec_tf.ops.extras import require_sklearn

MAX_SAMPLE_SIZE = 10_000
FOLDS = 5
_MAX_CATEGORIES = 250  # the limit of scikit-learn's gradient boosting
_NUM_SHUFFLES = 3
_FEWEST_NUMBERS = 50
"""With fewer numbers in a column a fold may have none, which gradient boosting cannot take."""


def code_by_frequency(
    samples: Sequence[np.ndarray], categorical: Sequence[int]
) -> list[np.ndarray]:
    """Samples as gradient boosting takes them: categories as small codes, the most frequent first.

    Where a sample has fewer than 50 numbers in a column, what is missing in it becomes a number of
    its own, below the others.

    Args:
        samples: matrices [rows, columns] float64; NaN is a missing value.
        categorical: positions of the columns whose values are categories, as any finite numbers.

    Returns:
        Copies of the matrices. Values outside the 249 most frequent of all samples together
        share one code.
    """
    coded = [np.array(sample, np.float64) for sample in samples]
    for column in categorical:
        values = pd.Series(np.concatenate([sample[:, column] for sample in samples]))
        frequent = values.value_counts().index[: _MAX_CATEGORIES - 1]
        for sample in coded:
            position = frequent.get_indexer(pd.Index(sample[:, column])) % _MAX_CATEGORIES
            sample[:, column] = np.where(np.isnan(sample[:, column]), np.nan, position)
    for column in set(range(coded[0].shape[1])) - set(categorical):
        gaps = [np.isnan(sample[:, column]) for sample in coded]
        if min(len(gap) - gap.sum() for gap in gaps) < _FEWEST_NUMBERS:
            lowest = min(
                np.min(s[~g, column], initial=0.0) for s, g in zip(coded, gaps, strict=True)
            )
            for sample, gap in zip(coded, gaps, strict=True):
                sample[gap, column] = lowest - 1.0
    return coded


def gradient_boosting(categorical: Sequence[int], *, seed: int, regression: bool = False):
    """scikit-learn's histogram gradient boosting with the settings of every classifier test."""
    require_sklearn("Classifier tests need")
    from sklearn import ensemble

    estimator = (
        ensemble.HistGradientBoostingRegressor
        if regression
        else ensemble.HistGradientBoostingClassifier
    )
    return estimator(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=15,
        early_stopping=False,  # on small samples it would set aside rows that are needed
        categorical_features=list(categorical) or None,
        random_state=seed,
    )


def two_sample_auc(
    first: np.ndarray, second: np.ndarray, *, categorical: Sequence[int] = (), seed: int = 0
) -> float:
    """Classifier two-sample test; Lopez-Paz & Oquab 2017 (arXiv:1610.06545), two-sided.

    The area under the ROC curve is the Mann-Whitney statistic (Hanley and McNeil 1982,
    doi:10.1148/radiology.143.1.7063747): where the samples are alike and independent it lies around
    .5 on both sides alike, so that it tells them apart by its distance from .5 whichever way. Far
    below .5 rows of one sample are copies of rows of the other, see `classifier_auc`.

    Args:
        first, second, categorical, seed: as `classifier_auc` takes them.

    Returns:
        `folded(classifier_auc(...))`, in [.5, 1]; .5 where the samples cannot be told apart.

    Raises:
        ImportError, ValueError: as `classifier_auc`.
    """
    return folded(classifier_auc(first, second, categorical=categorical, seed=seed))


def folded(auc: float) -> float:
    """max(auc, 1 - auc): how far an area under a ROC curve is from chance, in [.5, 1]."""
    return max(auc, 1.0 - auc)


def classifier_auc(
    first: np.ndarray, second: np.ndarray, *, categorical: Sequence[int] = (), seed: int = 0
) -> float:
    """How well a classifier tells rows of two samples apart that it was not trained on.

    Gradient boosting on equally many rows of both samples (at most `MAX_SAMPLE_SIZE`),
    cross-validated in `FOLDS` folds for three shuffles.

    Args:
        first, second: [rows, columns] float64; NaN is a missing value.
        categorical: positions of the columns whose values are categories.

    Returns:
        Mean area under the ROC curve; .5 where the samples cannot be told apart. Chance moves it
        slightly below .5 on small samples. Far below .5 it says that rows of one sample are copies
        of rows of the other: a row left out gets the label of its copy. Equal rows are not kept in
        one fold, which would leave nothing to learn of columns with few values.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if either sample has fewer rows than folds, or the columns differ.
    """
    require_sklearn("Classifier tests need")
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    if first.ndim != 2 or first.shape[1:] != second.shape[1:]:
        raise ValueError(
            "`first` and `second` should be matrices with the same columns. "
            f"Received: {first.shape} and {second.shape}."
        )
    count = min(len(first), len(second), MAX_SAMPLE_SIZE)
    if count < FOLDS:
        raise ValueError(f"Both samples should have at least {FOLDS} rows. Received: {count}.")
    labels = np.repeat([1, 0], count)
    values = []
    for i in range(_NUM_SHUFFLES):
        rng = np.random.default_rng([seed, i])
        samples = [s[rng.permutation(len(s))[:count]] for s in (first, second)]
        scores = cross_val_predict(
            gradient_boosting(categorical, seed=seed),
            np.concatenate(code_by_frequency(samples, categorical)),
            labels,
            cv=StratifiedKFold(FOLDS, shuffle=True, random_state=seed + i),
            method="predict_proba",
        )[:, 1]
        values.append(roc_auc_score(labels, scores))
    return float(np.mean(values))
