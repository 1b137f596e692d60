"""Controls for generated tables: what costs nothing, with the interface of the real thing.

A bootstrap has every marginal and every dependence, and is nothing but copies; independent
marginals have every marginal and no dependence; noise has the ranges alone. A learned
generator has to be worth more than these.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from advrec_tf.tabular.generator import TableGenerator
from advrec_tf.tabular.transform import EncodedRows, TableTransform


class _Control(TableGenerator):
    def __init__(self, transform: TableTransform, frame: pd.DataFrame, *, seed: int = 0):
        self.transform = transform
        self.conditional = transform.layout.names
        self._rows_fitted = transform.encode(frame, seed=seed)

    def draw(self, count, seed, given, mask):
        rng = np.random.default_rng([abs(int(s)) for s in seed])
        rows = self._draw(count, rng, given, mask)
        if given is None:
            return rows
        choices, numbers = rows.choices.copy(), rows.numbers.copy()
        for i in np.flatnonzero(mask):
            choices[:, i] = given.choices[:, i]
            place = self.transform.layout.number_of[i]
            if place >= 0:
                numbers[:, place] = given.numbers[:, place]
        return EncodedRows(choices, numbers)


class Bootstrap(_Control):
    """Training rows, drawn with replacement; given columns choose among the rows that agree
    with them (in their choice: value, or mode), or among all where none does."""

    def _draw(self, count, rng, given, mask):
        fitted = self._rows_fitted
        if given is None:
            return fitted.take(rng.integers(0, len(fitted), count))
        keys, asked = fitted.choices[:, mask], given.choices[:, mask]
        distinct, which = np.unique(asked, axis=0, return_inverse=True)
        rows = np.empty(count, np.int64)
        for i, key in enumerate(distinct):
            agreeing = np.flatnonzero((keys == key).all(1))
            places = np.flatnonzero(which.ravel() == i)
            pool = agreeing if len(agreeing) else np.arange(len(fitted))
            rows[places] = rng.choice(pool, len(places))
        return fitted.take(rows)


class IndependentMarginals(_Control):
    """Every column drawn from its own training values, alone."""

    def _draw(self, count, rng, given, mask):
        fitted = self._rows_fitted
        choices = np.empty((count, fitted.choices.shape[1]), np.int32)
        numbers = np.empty((count, fitted.numbers.shape[1]), np.float32)
        for i, place in enumerate(self.transform.layout.number_of):
            rows = rng.integers(0, len(fitted), count)
            choices[:, i] = fitted.choices[rows, i]
            if place >= 0:
                numbers[:, place] = fitted.numbers[rows, place]
        return EncodedRows(choices, numbers)


class UniformNoise(_Control):
    """Every choice equally likely, every number uniform in [-1, 1]."""

    def _draw(self, count, rng, given, mask):
        layout = self.transform.layout
        choices = np.stack([rng.integers(0, w, count) for w in layout.widths], 1).astype(np.int32)
        numbers = rng.uniform(-1, 1, (count, layout.num_numbers)).astype(np.float32)
        return EncodedRows(choices, numbers)


CONTROLS = {
    "bootstrap": Bootstrap,
    "marginals": IndependentMarginals,
    "noise": UniformNoise,
}
