"""Disclosure of training records by generated ones: copies, nearest neighbors, membership.

NumPy only. Distances are those of a common metric in which every column counts alike (a category
differs by 1, a number by the difference of its ranks). Nothing is guaranteed here; `private_gan`
gives a guarantee.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from advrec_tf.evaluation.classification import area_under_curve
from advrec_tf.tabular.schema import TableSchema

MOST_RECORDS = 4000
_BLOCK = 256


class RecordMetric:
    """Distance of records: the mean over the learned columns of a difference in [0, 1].

    Categories differ by 0 or 1; numbers and dates by the difference of their ranks among the
    reference records; a missing value differs by 1 from all others.
    """

    def __init__(self, reference: pd.DataFrame, schema: TableSchema):
        self._columns = schema.learned
        self._sorted, self._categories = {}, {}
        for column in self._columns:
            raw = column.raw(reference[column.name])
            if column.categorical:
                self._categories[column.name] = {}
            else:
                self._sorted[column.name] = np.sort(raw[~np.isnan(raw)])

    def encode(self, frame: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
        """(categories [records, n] int32, ranks [records, m] float32, NaN where missing)."""
        kinds, ranks = [], []
        for column in self._columns:
            raw = column.raw(frame[column.name])
            if column.categorical:
                codes = self._categories[column.name]
                kinds.append([codes.setdefault(v, len(codes)) for v in raw])
                continue
            order = self._sorted[column.name]
            rank = np.searchsorted(order, raw, "left") + np.searchsorted(order, raw, "right")
            ranks.append(np.where(np.isnan(raw), np.nan, rank / (2 * max(len(order), 1))))
        records = len(frame)
        return (
            np.array(kinds, np.int32).reshape(-1, records).T,
            np.array(ranks, np.float32).reshape(-1, records).T,
        )

    def nearest(self, records, others, *, k: int = 1, same: bool = False) -> np.ndarray:
        """[records, k] distances to the nearest of `others`, ascending.

        Args:
            records, others: results of `encode`.
            same: the two are one table: a record is not its own neighbor.
        """
        found = []
        count = records[0].shape[1] + records[1].shape[1]
        for start in range(0, len(records[0]), _BLOCK):
            block = slice(start, start + _BLOCK)
            distance = (records[0][block, None, :] != others[0][None]).sum(2, dtype=np.float32)
            for j in range(records[1].shape[1]):
                a, b = records[1][block, j][:, None], others[1][:, j][None]
                gap = np.abs(a - b)
                alike = np.isnan(a) & np.isnan(b)
                distance += np.where(alike, 0.0, np.where(np.isnan(gap), 1.0, gap))
            if same:
                at = np.arange(len(distance))
                distance[at, start + at] = np.inf
            found.append(np.sort(np.partition(distance, min(k, distance.shape[1]) - 1, 1)[:, :k]))
        return np.concatenate(found) / count


def duplicate_fraction(synthetic: pd.DataFrame, train: pd.DataFrame, schema: TableSchema) -> float:
    """Fraction of the generated records that equal, in every learned column, a training record that
    no other training record equals: a record of several people discloses none of them."""
    names = [column.name for column in schema.learned]

    def keys(frame):
        values = [c.raw(frame[c.name]) for c in schema.learned]
        return pd.MultiIndex.from_arrays(values, names=names)

    known = keys(train)
    return float(keys(synthetic).isin(known[~known.duplicated(keep=False)]).mean())


def disclosure(
    train: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: TableSchema,
    *,
    holdout: pd.DataFrame | None = None,
    seed: int = 0,
) -> dict[str, float | None]:
    """Copies, distances and membership, on at most `MOST_RECORDS` records of each table.

    Returns:
        `duplicates`: see `duplicate_fraction`. `nearest_ratio`: median distance of a generated
        record to its nearest training record over that of a real record the generator never saw
        (with `holdout`), or of a training record to its nearest other; 1 is as far as real records
        are from each other, 0 copies; None where most real records have an equal. `neighbor_ratio`:
        the median over generated records of the distance to the nearest over that to the second
        nearest training record, divided by the same for real records. With `holdout` also
        `membership_auc`: of an attacker who takes a record for a training record the nearer it is
        to a generated one; .5 is guessing.
    """
    rng = np.random.default_rng(seed)
    duplicates = duplicate_fraction(synthetic, train, schema)

    def some(frame, most=MOST_RECORDS):
        return frame.iloc[rng.permutation(len(frame))[:most]]

    metric = RecordMetric(train, schema)
    # The attacker needs as many members as others; distances all the training records there are.
    near = metric.encode(some(train))
    generated = metric.encode(some(synthetic))
    to_train = metric.nearest(generated, near, k=2)
    if holdout is None:
        reference = metric.nearest(near, near, k=2, same=True)
    else:
        outside = metric.encode(some(holdout))
        reference = metric.nearest(outside, near, k=2)

    def ratio(distance: np.ndarray) -> float:
        second = np.maximum(distance[:, 1], 1e-9)
        return float(np.median(distance[:, 0] / second))

    usual = float(np.median(reference[:, 0]))
    result = {
        "duplicates": duplicates,
        "nearest_ratio": float(np.median(to_train[:, 0])) / usual if usual > 1e-9 else None,
        "neighbor_ratio": ratio(to_train) / max(ratio(reference), 1e-9),
    }
    if holdout is not None:
        members = metric.nearest(near, generated)[:, 0]
        others = metric.nearest(outside, generated)[:, 0]
        labels = np.repeat([1.0, 0.0], [len(members), len(others)])
        result["membership_auc"] = area_under_curve(labels, -np.concatenate([members, others]))
    return result
