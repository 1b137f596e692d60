"""Results of detectors brought together: curves at fixed recalls, means over repetitions."""

from __future__ import annotations

import numpy as np

from advrec_tf.evaluation.detection import Curve

RECALLS = np.linspace(0.0, 1.0, 101)


def at_recalls(curve: Curve) -> np.ndarray:
    """[101] precision at the strictest threshold that reaches each recall of `RECALLS`."""
    place = np.searchsorted(curve.recall, RECALLS - 1e-12)
    return curve.precision[np.minimum(place, len(curve.precision) - 1)]


def figures(results: list[tuple[dict, np.ndarray]]) -> dict:
    """Means over repetitions of one detector on one attack: (measures, curve at recalls) each."""
    values, curves = zip(*results, strict=True)
    column = {
        key: np.array([value[key] for value in values])
        for key in ("average_precision", "auc", "precision", "recall", "false_positive_rate")
    }
    return {
        **{key: float(column[key].mean()) for key in column},
        "deviation": float(column["average_precision"].std(ddof=1)) if len(results) > 1 else None,
        "repetitions": len(results),
        "transductive": bool(values[0]["transductive"]),
        "curve": np.mean(curves, axis=0).round(4).tolist(),
    }
