"""The quality of generated rows as one dictionary: fidelity, classifier tests, disclosure.

Plots are in `quality_plots`, the page in `quality_page`; the measures themselves in
`evaluation`.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from advrec_tf.data.readers.files import DataError
from advrec_tf.evaluation.two_sample import FOLDS, folded
from advrec_tf.ops.extras import require_sklearn
from advrec_tf.tabular.disclosure import disclosure
from advrec_tf.tabular.fidelity import (
    Binning,
    column_distances,
    correlation_difference,
    fidelity,
    mode_coverage,
    worst_columns,
)
from advrec_tf.tabular.schema import TableSchema
from advrec_tf.tabular.two_sample import classifier_auc, two_sample_auc
from advrec_tf.tabular.utility import synthetic_to_real

AIMS = {
    "two_sample_auc": ("at most", 0.65),
    "worst_total_variation": ("at most", 0.10),
    "train_on_synthetic_ratio": ("at least", 0.95),
    "duplicates": ("at most", 0.0),
    "nearest_ratio": ("at least", 0.95),
}
"""What generated rows should reach, by the names of `headline`."""

FEWEST_ROWS = 100
"""With fewer generated rows no aim is called reached: chance alone would decide."""

COPIES_BELOW = 0.35
"""A classifier whose area under the curve is below this says that rows are copies: a row left out
of its training gets the label of its copy. The two-sample test, which counts both ways alike, then
misses its aim."""

_TEST_SHARE = 0.3


def quality(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: TableSchema,
    *,
    holdout: pd.DataFrame | None = None,
    seed: int = 0,
) -> dict:
    """All measures of `evaluation`, JSON-able.

    Args:
        real: the rows that the generator was trained on.
        synthetic: what it wrote.
        holdout: real rows that it never saw: what a label is tested on and what the
            nearest-neighbor distances are held against. Without them a share of `real` is
            tested on, which the generator knows, and membership is not measured.

    Raises:
        DataError: if a table lacks columns.
        ImportError: if scikit-learn is not installed.
    """
    require_sklearn("Classifier tests need")
    real = schema.require_same(real, "real")
    synthetic = schema.require_same(synthetic, "synthetic")
    if len(synthetic) < FOLDS:
        raise DataError(
            f"`synthetic` should have at least {FOLDS} rows. Received: {len(synthetic)}."
        )
    binning = Binning.of(real, schema)
    auc = classifier_auc(real, synthetic, schema, seed=seed)
    columns = column_distances(real, synthetic, binning)
    train, test = real, holdout
    if holdout is None:
        order = np.random.default_rng(seed).permutation(len(real))
        cut = int(len(real) * (1 - _TEST_SHARE))
        train, test = real.iloc[order[:cut]], real.iloc[order[cut:]]
    else:
        test = schema.require_same(holdout, "holdout")
    result = {
        "notes": [],
        "rows": {
            "real": len(real),
            "synthetic": len(synthetic),
            "holdout": None if holdout is None else len(holdout),
        },
        "columns": columns,
        "worst_column": list(worst_columns(columns)),
        "fidelity": fidelity(real, synthetic, binning),
        "correlations": correlation_difference(real, synthetic, binning),
        "mode_coverage": mode_coverage(real, synthetic, binning),
        "two_sample_auc": folded(auc),
        "train_on_synthetic": _label(train, synthetic, test, schema, seed),
        "disclosure": disclosure(real, synthetic, schema, holdout=holdout, seed=seed),
    }
    if holdout is not None:
        result["two_sample_auc_holdout"] = two_sample_auc(test, synthetic, schema, seed=seed)
    if len(synthetic) < FEWEST_ROWS:
        result["notes"].append(
            f"{len(synthetic)} generated rows are too few to judge: {FEWEST_ROWS} are needed"
        )
    if auc < COPIES_BELOW:
        result["notes"].append(
            f"the classifier of the two-sample test is right less often than by chance "
            f"({auc:.3f}, which counts as {folded(auc):.3f}): rows of one table copy the other's"
        )
    return result


def _label(train, synthetic, test, schema, seed) -> dict:
    try:
        return synthetic_to_real(train, synthetic, test, schema, seed=seed)
    except ValueError as error:  # a label of one value: a finding about the rows, not a fault
        return {
            "measure": "none",
            "real": None,
            "synthetic": None,
            "ratio": None,
            "why": str(error),
        }


def auc_of(result: dict, name: str = "two_sample_auc") -> float | None:
    """The figure of a two-sample test in a result, counted from .5 both ways: those of earlier
    versions hold it as it came. None where it was not measured."""
    return None if result.get(name) is None else folded(result[name])


def headline(result: dict) -> dict[str, float | None]:
    """The figures that `AIMS` speaks of."""
    return {
        "two_sample_auc": auc_of(result),
        "worst_total_variation": result["worst_column"][1],
        "train_on_synthetic_ratio": result["train_on_synthetic"]["ratio"],
        "duplicates": result["disclosure"]["duplicates"],
        "nearest_ratio": result["disclosure"]["nearest_ratio"],
    }


def reached(name: str, result: dict) -> bool | None:
    """Whether a figure of `headline` reaches its aim; None where there is none, or are too few
    rows for it."""
    value = headline(result)[name]
    if value is None or result["rows"]["synthetic"] < FEWEST_ROWS:
        return None
    way, aim = AIMS[name]
    return bool(value <= aim if way == "at most" else value >= aim)
