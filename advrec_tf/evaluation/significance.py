"""Paired tests of the difference between two models, and corrections for several tests.

Values are paired over users. Which comparisons make one family of tests is left to the caller.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

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
    says nothing about the spread over seeds; for several comparisons see `holm` and
    `benjamini_hochberg`.

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


def holm(p_values: Sequence[float]) -> np.ndarray:
    """Adjusted p-values that bound the chance of any false positive (family-wise error rate).

    Holm 1979 (Scandinavian Journal of Statistics 6). In the order of rising p-values the i-th of n
    becomes the highest of (n - j + 1) p_(j) over j <= i, at most 1.

    Args:
        p_values: [n] in [0, 1], one for each test of the family.

    Returns:
        [n] float64, in the order given; reject where it is at most the level.

    Raises:
        ValueError: if a p-value lies outside [0, 1] or there is none.
    """
    checked = _checked(p_values)
    order = np.argsort(checked, kind="stable")
    factors = np.arange(len(checked), 0, -1)
    adjusted = np.empty(len(checked))
    adjusted[order] = np.minimum(np.maximum.accumulate(factors * checked[order]), 1.0)
    return adjusted


def benjamini_hochberg(p_values: Sequence[float]) -> np.ndarray:
    """Adjusted p-values that bound the expected fraction of false positives among rejections.

    The false discovery rate of independent or positively dependent tests; Benjamini & Hochberg
    1995 (Journal of the Royal Statistical Society B 57). In the order of rising p-values the i-th
    of n becomes the lowest of n p_(j) / j over j >= i, at most 1.

    Args, returns, raises: as `holm`.
    """
    checked = _checked(p_values)
    order = np.argsort(-checked, kind="stable")
    factors = len(checked) / np.arange(len(checked), 0, -1)
    adjusted = np.empty(len(checked))
    adjusted[order] = np.minimum(np.minimum.accumulate(factors * checked[order]), 1.0)
    return adjusted


CORRECTIONS = {"holm": holm, "benjamini-hochberg": benjamini_hochberg}


def _checked(p_values: Sequence[float]) -> np.ndarray:
    values = np.asarray(p_values, np.float64)
    if values.ndim != 1 or not len(values) or not ((values >= 0) & (values <= 1)).all():
        raise ValueError(
            f"`p_values` should be a list of numbers in [0, 1]. Received: {values.tolist()}."
        )
    return values


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
