"""The modes of a column of numbers: a mixture of normal distributions in one dimension.

Expectation maximization in NumPy. Which columns are described by modes, and on which scale,
is decided in `column_codecs`.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.ops.rng import RNG

SAMPLE = 20_000
_FLOOR = 1e-3  # smallest deviation of a mode, as a share of the column's


@dataclasses.dataclass(frozen=True, eq=False)
class Modes:
    """A mixture: `weight`, `mean`, `deviation`, each [modes] float64, weights summing to 1."""

    weight: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray

    def log_joint(self, values: np.ndarray) -> np.ndarray:
        """Values [n] -> log(weight_k) + log N(value; mean_k, deviation_k), [n, modes]."""
        z = (values[:, None] - self.mean) / self.deviation
        return np.log(self.weight) - np.log(self.deviation) - 0.5 * np.log(2 * np.pi) - 0.5 * z**2

    def log_likelihood(self, values: np.ndarray) -> float:
        """Mean log density, nats."""
        return float(np.logaddexp.reduce(self.log_joint(values), axis=1).mean())


def fit_modes(values: np.ndarray, *, max_modes: int = 10, rng: RNG, rounds: int = 100) -> Modes:
    """The mixture that the Bayesian information criterion prefers, of 1 to `max_modes` modes.

    Args:
        values: [n] float64, finite; at most `SAMPLE` of them, drawn at random, are used.
        max_modes: >= 1.
        rounds: of expectation maximization, at most.

    Raises:
        ValueError: if there is no value or `max_modes` < 1.
    """
    rng = np.random.default_rng(rng)
    if not len(values) or max_modes < 1:
        raise ValueError(
            "`values` should hold a number and `max_modes` should be >= 1. "
            f"Received: {len(values)} values, {max_modes!r}."
        )
    if len(values) > SAMPLE:
        values = rng.choice(values, SAMPLE, replace=False)
    scale = values.std() or 1.0
    best, lowest = None, np.inf
    for count in range(1, max_modes + 1):
        if count > 1 and len(values) < 10 * count:
            break
        modes = _maximize(values, count, scale * _FLOOR, rounds)
        criterion = (3 * count - 1) * np.log(len(values)) / len(values)
        criterion -= 2 * modes.log_likelihood(values)
        if criterion < lowest:
            best, lowest = modes, criterion
        elif count > len(best.mean) + 2:
            break
    return best


def _maximize(values: np.ndarray, count: int, floor: float, rounds: int) -> Modes:
    """Started at evenly spaced quantiles."""
    mean = np.quantile(values, (np.arange(count) + 0.5) / count)
    modes = Modes(np.full(count, 1 / count), mean, np.full(count, max(values.std() / count, floor)))
    before = -np.inf
    for _ in range(rounds):
        joint = modes.log_joint(values)
        total = np.logaddexp.reduce(joint, axis=1)
        fraction = np.exp(joint - total[:, None])
        mass = fraction.sum(0) + 1e-12
        mean = (fraction * values[:, None]).sum(0) / mass
        variance = (fraction * (values[:, None] - mean) ** 2).sum(0) / mass
        modes = Modes(mass / mass.sum(), mean, np.maximum(np.sqrt(variance), floor))
        now = float(total.mean())
        if now - before < 1e-5:
            break
        before = now
    return modes
