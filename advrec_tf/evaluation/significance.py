"""Is the difference between two models more than noise? Paired over users."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import tensorflow as tf


@dataclasses.dataclass(frozen=True)
class PairedDifference:
    """Mean over users of (model - other), with its uncertainty.

    Attributes:
        difference: mean difference of the per-user metric.
        half_width: half of the 95 % interval of that mean.
        p_value: two-sided, of the hypothesis that the mean difference is zero.
        users: number of users compared.
    """

    difference: float
    half_width: float
    p_value: float
    users: int

    def as_dict(self) -> dict[str, float]:
        return dataclasses.asdict(self)


def paired(model: np.ndarray, other: np.ndarray) -> PairedDifference:
    """Compare per-user values of two models on the same users, in the same order.

    Student's paired t-test; with seeds, average each user's values over the seeds first. It
    says nothing about the spread over seeds, nor about many comparisons.

    Args:
        model, other: [users] float.

    Raises:
        ValueError: if the shapes differ or fewer than two users are given.
    """
    model, other = np.asarray(model, np.float64), np.asarray(other, np.float64)
    if model.shape != other.shape or model.ndim != 1 or len(model) < 2:
        raise ValueError(
            "`model` and `other` should hold one value per user, at least two users. "
            f"Received shapes: {model.shape} and {other.shape}."
        )
    differences = model - other
    mean = float(differences.mean())
    error = float(differences.std(ddof=1) / math.sqrt(len(differences)))
    freedom = len(differences) - 1
    if error == 0:
        p_value = 1.0 if mean == 0 else 0.0
    else:
        p_value = _two_sided_tail(abs(mean) / error, freedom)
    return PairedDifference(mean, _quantile(0.05, freedom) * error, p_value, len(differences))


def _two_sided_tail(t: float, freedom: int) -> float:
    """P(|T| > t) for Student's t, by the regularized incomplete beta function."""
    half = tf.constant(0.5, tf.float64)
    return float(tf.math.betainc(freedom * half, half, freedom / (freedom + t * t)))


def _quantile(tail: float, freedom: int) -> float:
    """The t with P(|T| > t) = tail, by bisection."""
    low, high = 0.0, 1.0
    while _two_sided_tail(high, freedom) > tail:
        high *= 2.0
    for _ in range(60):
        middle = 0.5 * (low + high)
        if _two_sided_tail(middle, freedom) > tail:
            low = middle
        else:
            high = middle
    return high
