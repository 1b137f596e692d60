"""Fidelity of generated records to real ones: columns, pairs of columns, modes, popularity.

NumPy only. Whether a classifier can tell the two apart is measured in `evaluation.two_sample`,
whether single records disclose training records in `disclosure`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd

from advrec_tf.tabular.columns import Column
from advrec_tf.tabular.schema import TableSchema

BINS = 10
_MISSING = "\x00missing"


def kolmogorov_smirnov(first: np.ndarray, second: np.ndarray) -> float:
    """Largest difference of the two empirical distribution functions, in [0, 1]."""
    first, second = np.sort(first), np.sort(second)
    points = np.concatenate([first, second])
    below = [np.searchsorted(v, points, side="right") / len(v) for v in (first, second)]
    return float(np.abs(below[0] - below[1]).max())


def wasserstein(first: np.ndarray, second: np.ndarray) -> float:
    """First Wasserstein distance of two samples, in units of their values."""
    points = np.sort(np.concatenate([first, second]))
    below = [
        np.searchsorted(np.sort(v), points[:-1], side="right") / len(v) for v in (first, second)
    ]
    return float((np.abs(below[0] - below[1]) * np.diff(points)).sum())


def total_variation(first: np.ndarray, second: np.ndarray) -> float:
    """Half the sum of the differences of two histograms [cells] of counts, in [0, 1]."""
    return float(0.5 * np.abs(first / first.sum() - second / second.sum()).sum())


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Binning:
    """Cells of every learned column, made from real records: quantile bins of numbers and dates
    (values of numbers with few), categories, and a cell for missing values."""

    schema: TableSchema
    edges: dict[str, np.ndarray]
    categories: dict[str, pd.Index]

    @classmethod
    def of(cls, real: pd.DataFrame, schema: TableSchema, bins: int = BINS) -> Binning:
        edges, categories = {}, {}
        for column in schema.learned:
            raw = column.raw(real[column.name])
            if column.categorical:
                categories[column.name] = pd.Index(pd.unique(pd.Series(raw).dropna()))
                continue
            raw = raw[~np.isnan(raw)]
            distinct = np.unique(raw)
            if len(distinct) > bins:
                distinct = np.unique(np.quantile(raw, np.arange(1, bins) / bins))
                # A cell ends below its edge, so that a frequent value gets a cell of its own.
                edges[column.name] = distinct
            else:
                edges[column.name] = distinct[1:]
        return cls(schema=schema, edges=edges, categories=categories)

    def cells(self, frame: pd.DataFrame, column: Column) -> np.ndarray:
        """[records] int, 0 <= cell < `size`; the last cell is that of values missing or unseen."""
        raw = column.raw(frame[column.name])
        if column.categorical:
            found = self.categories[column.name].get_indexer(raw)
            return np.where(found < 0, len(self.categories[column.name]), found)
        edges = self.edges[column.name]
        found = np.searchsorted(edges, raw, side="right")
        return np.where(np.isnan(raw), len(edges) + 1, found)

    def size(self, column: Column) -> int:
        if column.categorical:
            return len(self.categories[column.name]) + 1
        return len(self.edges[column.name]) + 2


def fidelity(real: pd.DataFrame, synthetic: pd.DataFrame, binning: Binning) -> dict[str, float]:
    """Mean total variation of single columns and of pairs of columns.

    Fast enough for every epoch. `distance`, the mean of both, is what early stopping lowers;
    it has a floor that grows as the samples get smaller.
    """
    columns = binning.schema.learned
    sizes = [binning.size(c) for c in columns]
    cells = [[binning.cells(frame, c) for c in columns] for frame in (real, synthetic)]

    def variation(index: list[np.ndarray], size: int) -> float:
        return total_variation(*(np.bincount(i, minlength=size) for i in index))

    single = [variation([side[i] for side in cells], size) for i, size in enumerate(sizes)]
    pairs = [
        variation([side[i] * sizes[j] + side[j] for side in cells], sizes[i] * sizes[j])
        for i in range(len(columns))
        for j in range(i)
    ]
    result = {
        "columns": float(np.mean(single)),
        "worst_column": float(np.max(single)),
        "pairs": float(np.mean(pairs)),
    }
    return {**result, "distance": 0.5 * (result["columns"] + result["pairs"])}


def column_distances(
    real: pd.DataFrame, synthetic: pd.DataFrame, binning: Binning
) -> dict[str, dict[str, float]]:
    """Per learned column `total_variation` over its cells; of numbers and dates also
    `kolmogorov_smirnov`, and `wasserstein` in real standard deviations. Missing values count
    in the total variation alone; a column all missing on one side has no other distance."""
    result = {}
    for column in binning.schema.learned:
        size = binning.size(column)
        counts = [
            np.bincount(binning.cells(frame, column), minlength=size) for frame in (real, synthetic)
        ]
        distances = {"total_variation": total_variation(*counts)}
        if not column.categorical:
            values = [column.raw(frame[column.name]) for frame in (real, synthetic)]
            values = [v[~np.isnan(v)] for v in values]
            if all(map(len, values)):
                distances["kolmogorov_smirnov"] = kolmogorov_smirnov(*values)
                deviation = values[0].std() or 1.0
                distances["wasserstein"] = wasserstein(*values) / deviation
        result[column.name] = distances
    return result


def mode_coverage(
    real: pd.DataFrame, synthetic: pd.DataFrame, binning: Binning, fraction: float = 0.01
) -> float:
    """Fraction of the cells with at least `fraction` of the real records that hold at least a tenth
    of that fraction of the generated ones; 1 is all, a collapsed generator has few."""
    reached = total = 0
    for column in binning.schema.learned:
        size = binning.size(column)
        parts = [
            np.bincount(binning.cells(frame, column), minlength=size) / len(frame)
            for frame in (real, synthetic)
        ]
        common = parts[0] >= fraction
        total += common.sum()
        reached += (parts[1][common] >= 0.1 * parts[0][common]).sum()
    return float(reached / total)


def correlation_difference(
    real: pd.DataFrame, synthetic: pd.DataFrame, binning: Binning
) -> dict[str, float]:
    """Mean and largest absolute difference of the correlations between columns.

    Numbers and dates enter as ranks among the real values, categories as one indicator per
    value with 1 % of the real records or more; an indicator without spread on one side counts
    as uncorrelated there. Both are 0 where fewer than two columns enter.
    """
    parts = []
    features = [features_of(frame, real, binning) for frame in (real, synthetic)]
    blocks = features[0][1]
    for values, _ in features:
        centered = values - values.mean(0)
        norm = np.sqrt((centered**2).sum(0))
        unit = np.divide(centered, norm, out=np.zeros_like(centered), where=norm > 1e-12)
        parts.append(unit.T @ unit)
    different = blocks[:, None] != blocks[None, :]
    gaps = np.abs(parts[0] - parts[1])[different]
    if not gaps.size:
        return {"mean": 0.0, "largest": 0.0}
    return {"mean": float(gaps.mean()), "largest": float(gaps.max())}


def features_of(
    frame: pd.DataFrame, real: pd.DataFrame, binning: Binning
) -> tuple[np.ndarray, np.ndarray]:
    """(features of the records [records, n] in [0, 1], see `correlation_difference`; position of
    each feature's column)."""
    columns, blocks = [], []
    for i, column in enumerate(binning.schema.learned):
        if column.categorical:
            cells = [binning.cells(f, column) for f in (real, frame)]
            fraction = np.bincount(cells[0], minlength=binning.size(column)) / len(real)
            for value in np.flatnonzero(fraction >= 0.01):
                columns.append((cells[1] == value).astype(np.float64))
                blocks.append(i)
            continue
        reference = column.raw(real[column.name])
        reference = np.sort(reference[~np.isnan(reference)])
        raw = column.raw(frame[column.name])
        rank = (
            0.5
            * (np.searchsorted(reference, raw, "left") + np.searchsorted(reference, raw, "right"))
            / max(len(reference), 1)
        )
        columns.append(np.where(np.isnan(raw), 0.5, rank))
        blocks.append(i)
    features = np.stack(columns, 1) if columns else np.zeros((len(frame), 0))
    return features, np.array(blocks, np.int64)


def worst_columns(distances: dict, names: Sequence[str] | None = None) -> tuple[str, float]:
    """(name, total variation) of the column with the largest one."""
    found = distances if names is None else {n: distances[n] for n in names}
    name = max(found, key=lambda n: found[n]["total_variation"])
    return name, found[name]["total_variation"]
