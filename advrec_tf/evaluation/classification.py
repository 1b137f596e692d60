"""Metrics of predictions for pairs: errors of ratings, and of yes/no decisions.

NumPy, exact (the area under the curve is the rank statistic, not a histogram), because a
results table is made once and has to be right.
"""

from __future__ import annotations

import numpy as np


def _checked(labels, predictions) -> tuple[np.ndarray, np.ndarray]:
    labels = np.asarray(labels, np.float64)
    predictions = np.asarray(predictions, np.float64)
    if labels.shape != predictions.shape or labels.ndim != 1 or not len(labels):
        raise ValueError(
            "`labels` and `predictions` should be vectors of one length, not empty. "
            f"Received shapes: {labels.shape} and {predictions.shape}."
        )
    if not (np.isfinite(labels).all() and np.isfinite(predictions).all()):
        raise ValueError("`labels` and `predictions` should be finite. Received NaN or infinity.")
    return labels, predictions


def rating_metrics(ratings, predictions) -> dict[str, float]:
    """Root mean squared and mean absolute error, in units of the rating.

    Raises:
        ValueError: if the vectors differ in length, are empty or hold NaN.
    """
    ratings, predictions = _checked(ratings, predictions)
    error = predictions - ratings
    return {"rmse": float(np.sqrt(np.mean(error**2))), "mae": float(np.mean(np.abs(error)))}


def click_metrics(labels, probabilities, *, threshold: float = 0.5) -> dict[str, float]:
    """AUC, accuracy, precision, recall and F1 of yes/no labels.

    AUC is the share of (positive, negative) pairs in the right order, ties counting half;
    the other figures call a pair positive at `threshold` or above. Precision, recall and
    F1 are 0 where their denominator is.

    Raises:
        ValueError: if the vectors differ in length, are empty or hold NaN, or the labels
            are not 0 and 1 with both present.
    """
    labels, probabilities = _checked(labels, probabilities)
    if set(np.unique(labels)) != {0.0, 1.0}:
        raise ValueError(
            f"`labels` should hold zeros and ones, both. Received: {np.unique(labels)[:5]}."
        )
    positive = labels == 1
    chosen = probabilities >= threshold
    hits = float((chosen & positive).sum())
    precision = hits / chosen.sum() if chosen.any() else 0.0
    recall = hits / positive.sum()
    return {
        "auc": area_under_curve(labels, probabilities),
        "accuracy": float((chosen == positive).mean()),
        "precision": float(precision),
        "recall": float(recall),
        "f1": float(2 * precision * recall / (precision + recall)) if hits else 0.0,
    }


def area_under_curve(labels: np.ndarray, scores: np.ndarray) -> float:
    """Mann-Whitney form of the area under the ROC curve; ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_rank = np.cumsum(counts) - (counts - 1) / 2.0
    positive = labels == 1
    wins = mean_rank[inverse][positive].sum() - positive.sum() * (positive.sum() + 1) / 2.0
    return float(wins / (positive.sum() * (~positive).sum()))
