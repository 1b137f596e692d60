"""What a classifier says: are rows generated, and can a model be trained on them?

Needs scikit-learn, the extra `analysis`. Gradient boosting throughout, with categories as
categories; area under the curve and scores come from rows that the classifier did not see.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from advrec_tf.tabular.codecs import raw_values
from advrec_tf.tabular.schema import TableSchema

MOST_ROWS = 10_000
FOLDS = 5
_MOST_CATEGORIES = 250  # of scikit-learn's gradient boosting
_SEEDS_OF_FOLDS = 3


def require_sklearn():
    """The package, or an error that names the cure.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        import sklearn
    except ImportError as error:
        raise ImportError(
            "Classifier tests need scikit-learn, the extra `analysis`: "
            "bash scripts/install.sh --extras analysis."
        ) from error
    return sklearn


def _matrix(frames: list[pd.DataFrame], schema: TableSchema, without: str | None = None):
    """Feature matrices [rows, columns] float64, and which columns are categories."""
    categorical, parts = [], [[] for _ in frames]
    for column in schema.learned:
        if column.name == without:
            continue
        values = [raw_values(frame[column.name], column) for frame in frames]
        if column.kind == "category":
            joined = pd.Series(np.concatenate(values)).value_counts().index
            known = joined[: _MOST_CATEGORIES - 1]
            values = [
                np.where(pd.isna(v), np.nan, known.get_indexer(v) % _MOST_CATEGORIES).astype(float)
                for v in values
            ]
        categorical.append(column.kind == "category")
        for part, value in zip(parts, values, strict=True):
            part.append(value)
    return [np.stack(part, 1) for part in parts], np.array(categorical)


def _booster(categorical: np.ndarray, seed: int, *, regression: bool = False):
    from sklearn import ensemble

    kind = (
        ensemble.HistGradientBoostingRegressor
        if regression
        else ensemble.HistGradientBoostingClassifier
    )
    # Early stop is off: on small tables it would set rows aside that are needed.
    return kind(
        max_iter=60,
        learning_rate=0.1,
        max_leaf_nodes=15,
        early_stopping=False,
        categorical_features=categorical if categorical.any() else None,
        random_state=seed,
    )


def two_sample_auc(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: TableSchema, *, seed: int = 0
) -> float:
    """Classifier two-sample test; Lopez-Paz & Oquab 2017 (arXiv:1610.06545).

    Equal numbers of rows of both (at most `MOST_ROWS`), cross-validated in `FOLDS` parts
    `_SEEDS_OF_FOLDS` times over.

    Returns:
        Mean area under the curve; .5 where the two cannot be told apart. Slightly below .5
        by chance on small tables; far below it where rows of one side are copies of rows of the
        other, since a copy left out gets the label of its ablation: then the test says nothing.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if either side has fewer rows than folds.
    """
    require_sklearn()
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    count = min(len(real), len(synthetic), MOST_ROWS)
    if count < FOLDS:
        raise ValueError(f"Both tables should have at least {FOLDS} rows. Received: {count}.")
    labels = np.repeat([1, 0], count)
    values = []
    for i in range(_SEEDS_OF_FOLDS):
        rng = np.random.default_rng([seed, i])
        frames = [f.iloc[rng.permutation(len(f))[:count]] for f in (real, synthetic)]
        matrices, categorical = _matrix(frames, schema)
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed + i)
        scores = cross_val_predict(
            _booster(categorical, seed),
            np.concatenate(matrices),
            labels,
            cv=folds,
            method="predict_proba",
        )[:, 1]
        values.append(roc_auc_score(labels, scores))
    return float(np.mean(values))


def label_score(
    train: pd.DataFrame, test: pd.DataFrame, schema: TableSchema, *, seed: int = 0
) -> tuple[str, float]:
    """How well the label of `test` is predicted by a model trained on `train`.

    Rows without a label are left out of both.

    Returns:
        ("auc", area under the curve) of a label with two values; ("macro_auc", mean over the
        values found in both, each against the rest) of one with more; ("r2", share of the
        variance explained) of a number or date with more than 20 values.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if training or test rows hold one value only.
    """
    require_sklearn()
    from sklearn.metrics import r2_score, roc_auc_score

    column = schema[schema.label]
    train, test = (f[f[column.name].notna()] for f in (train, test))
    (features, tests), categorical = _matrix([train, test], schema, without=column.name)
    labels = [raw_values(f[column.name], column) for f in (train, test)]
    if column.kind in ("number", "date") and len(pd.unique(labels[1])) > 20:
        model = _booster(categorical, seed, regression=True).fit(features, labels[0])
        return "r2", float(r2_score(labels[1], model.predict(tests)))
    labels = [np.array([str(v) for v in values]) for values in labels]
    if min(len(set(values)) for values in labels) < 2:
        raise ValueError(
            f"The label {column.name!r} should take two values in training and test rows. "
            f"Received: {sorted(set(labels[0]))} and {sorted(set(labels[1]))}."
        )
    model = _booster(categorical, seed).fit(features, labels[0])
    scores = model.predict_proba(tests)
    known = [v for v in model.classes_ if 0 < (labels[1] == v).sum() < len(labels[1])]
    values = [
        roc_auc_score(labels[1] == v, scores[:, list(model.classes_).index(v)]) for v in known
    ]
    if len(set(labels[1]) | set(labels[0])) == 2:
        return "auc", float(values[0])
    return "macro_auc", float(np.mean(values))


def synthetic_to_real(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    test: pd.DataFrame,
    schema: TableSchema,
    *,
    seed: int = 0,
) -> dict[str, float | str]:
    """Train on synthetic, test on real, beside train on real (Esteban et al. 2017).

    Both are trained on equally many rows. `ratio` is that of the scores (of an area under
    the curve itself, chance included).
    """
    count = min(len(real), len(synthetic))
    rng = np.random.default_rng(seed)
    frames = [f.iloc[np.sort(rng.permutation(len(f))[:count])] for f in (real, synthetic)]
    (measure, on_real), (_, on_synthetic) = (
        label_score(frame, test, schema, seed=seed) for frame in frames
    )
    return {
        "measure": measure,
        "real": on_real,
        "synthetic": on_synthetic,
        "ratio": on_synthetic / on_real if on_real else float("nan"),
    }
