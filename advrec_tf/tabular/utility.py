"""The utility of generated rows: is a label predicted as well when a model is trained on them?

Gradient boosting of scikit-learn, the extra `analysis`; scores come from rows that were not
trained on.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from advrec_tf.evaluation.two_sample import code_by_frequency, gradient_boosting
from advrec_tf.ops.extras import require_sklearn
from advrec_tf.tabular.schema import TableSchema
from advrec_tf.tabular.two_sample import feature_matrices

_MAX_CLASSES_OF_A_NUMBER = 20


def label_score(
    train: pd.DataFrame, test: pd.DataFrame, schema: TableSchema, *, seed: int = 0
) -> tuple[str, float]:
    """How well the label of `test` is predicted by a model trained on `train`.

    Rows without a label are left out of both.

    Returns:
        ("auc", area under the ROC curve) of a label with two values; ("macro_auc", mean over the
        values found in both, each against the rest) of one with more; ("r2", fraction of the
        variance explained) of a number or date with more than 20 values.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if training or test rows hold one value only.
    """
    require_sklearn("Classifier tests need")
    from sklearn.metrics import r2_score, roc_auc_score

    column = schema[schema.label]
    train, test = (f[f[column.name].notna()] for f in (train, test))
    matrices, categorical = feature_matrices([train, test], schema, without=column.name)
    features, tests = code_by_frequency(matrices, categorical)
    labels = [column.raw(f[column.name]) for f in (train, test)]
    many = len(pd.unique(labels[1])) > _MAX_CLASSES_OF_A_NUMBER
    if column.continuous and many:
        model = gradient_boosting(categorical, seed=seed, regression=True).fit(features, labels[0])
        return "r2", float(r2_score(labels[1], model.predict(tests)))
    labels = [np.array([str(v) for v in values]) for values in labels]
    if min(len(set(values)) for values in labels) < 2:
        raise ValueError(
            f"The label {column.name!r} should take two values in training and test rows. "
            f"Received: {sorted(set(labels[0]))} and {sorted(set(labels[1]))}."
        )
    model = gradient_boosting(categorical, seed=seed).fit(features, labels[0])
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
    """Train on synthetic, test on real, beside train on real; Esteban et al. 2017.

    Both models are trained on equally many rows.

    Returns:
        `measure`: its name as in `label_score`; `real` and `synthetic`: the scores of the models
        trained on each; `ratio`: synthetic over real (an area under the curve counts whole, its
        .5 of chance included), NaN where the score on real rows is 0.
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
