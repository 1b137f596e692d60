"""Tables as the matrices of classifier tests, and the two-sample test of two tables.

The test itself is in `evaluation.two_sample`; how well a label is predicted from generated rows
in `utility`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advrec_tf.evaluation import two_sample
from advrec_tf.tabular.schema import TableSchema


def feature_matrices(
    frames: Sequence[pd.DataFrame], schema: TableSchema, *, without: str | None = None
) -> tuple[list[np.ndarray], list[int]]:
    """The learned columns of tables as numbers.

    Args:
        frames: tables with the columns of `schema`.
        without: name of a column to leave out.

    Returns:
        (one matrix [rows, columns] float64 a table, positions of the columns that are
        categories). Categories are numbered alike in all tables; NaN is a missing value.
    """
    columns = [column for column in schema.learned if column.name != without]
    matrices = [np.empty((len(frame), len(columns))) for frame in frames]
    categorical = []
    for i, column in enumerate(columns):
        values = [column.raw(frame[column.name]) for frame in frames]
        if column.categorical:
            categorical.append(i)
            codes, _ = pd.factorize(np.concatenate(values))
            codes = np.where(codes < 0, np.nan, codes)
            values = np.split(codes, np.cumsum([len(v) for v in values])[:-1])
        for matrix, value in zip(matrices, values, strict=True):
            matrix[:, i] = value
    return matrices, categorical


def classifier_auc(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: TableSchema, *, seed: int = 0
) -> float:
    """`evaluation.two_sample.classifier_auc` of the learned columns of two tables: below .5 where
    one holds copies of the other's rows.

    Raises:
        ImportError: if scikit-learn is not installed.
        ValueError: if either table has fewer rows than folds.
    """
    matrices, categorical = feature_matrices([real, synthetic], schema)
    return two_sample.classifier_auc(*matrices, categorical=categorical, seed=seed)


def two_sample_auc(
    real: pd.DataFrame, synthetic: pd.DataFrame, schema: TableSchema, *, seed: int = 0
) -> float:
    """`evaluation.two_sample.two_sample_auc` of the learned columns of two tables.

    Raises:
        ImportError, ValueError: as `classifier_auc`.
    """
    return two_sample.folded(classifier_auc(real, synthetic, schema, seed=seed))
