"""How many cells an index probes: the fewest with which its lists hold what exact lists hold.

Half of the queries choose, the other half says what was reached. Served graphs are left to
`indexed`.
"""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf.ops.top_k import top_k
from advrec_tf.serving.cell_index import CellIndex
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.scorers import PairedVectors

MOST_READ = 0.25
"""Share of the catalogue that an index may read; beyond it exact lists are the better choice."""

QUERIES = 256
"""Queries of users, half to choose the number of probes and half to report its recall."""

BATCHES = (1, 64)
"""Users of a request whose milliseconds are reported."""

_AT_ONCE = 32
_TIMED = 5


@dataclasses.dataclass(frozen=True, kw_only=True)
class IndexReport:
    """What an index does.

    Attributes:
        cells, probes: how many there are, and how many a query looks into.
        recall: share of the items of the exact lists that its lists have, for queries that chose
            nothing.
        k: length of these lists.
        queries: how many.
        milliseconds: users of a request -> median of the index, and of exact lists, as measured
            here in memory.
    """

    cells: int
    probes: int
    recall: float
    k: int
    queries: int
    milliseconds: dict[str, dict[str, float]]

    def as_dict(self) -> dict:
        """The report as JSON values."""
        return dataclasses.asdict(self)


class IndexedVectors:
    """Exact lists and lists of an index for the same queries, compiled.

    Args:
        index: of the items.
        scorer: of the same items.
        k: length of a list.
    """

    def __init__(self, index: CellIndex, scorer: PairedVectors, k: int):
        self.k, self.index, self.scorer = min(k, index.num_items), index, scorer
        self._specs = [
            tf.TensorSpec([None, None]),
            tf.TensorSpec([None, 2], tf.int32),
        ]
        self.exact = tf.function(self._exact, self._specs)

    def _exact(self, queries, closed):
        scores = self.scorer.scores_of(queries)
        scores = tf.tensor_scatter_nd_update(scores, closed, tf.fill(tf.shape(closed)[:1], LOWEST))
        best, items = top_k(scores, self.k)
        return tf.where(best > LOWEST, items, -1)

    def by(self, probes: int) -> Callable:
        """The compiled search with so many probes, which the index keeps."""
        self.index.probes = probes

        def search(queries, closed):
            return self.index.search(queries, self.k, closed)[0]

        return tf.function(search, self._specs).get_concrete_function()


def tune(
    index: CellIndex,
    scorer: PairedVectors,
    queries: np.ndarray,
    seen: list[np.ndarray],
    *,
    recall: float,
    k: int,
) -> IndexReport:
    """Set `index.probes` to the fewest that reach the recall.

    Args:
        scorer: of the same items.
        queries: [n, dim] float32, n >= 2, vectors of users.
        seen: [n], the items that are in no list of each.
        recall: in (0, 1], mean over queries of the share of the items of the exact list.
        k: length of the lists.

    Raises:
        ValueError: if the recall is out of range, or more than `MOST_READ` of the catalogue has to
            be read for it; the message has the best that was reached.
    """
    if not 0 < recall <= 1:
        raise ValueError(f"`recall` should be in (0, 1]. Received: {recall!r}.")
    lists = IndexedVectors(index, scorer, k)
    closed = [
        np.stack([np.full(len(own), row), own], 1).astype(np.int32) for row, own in enumerate(seen)
    ]
    blocks = [
        (
            tf.constant(queries[start : start + _AT_ONCE]),
            tf.constant(np.concatenate(closed[start : start + _AT_ONCE]) - [[start, 0]], tf.int32),
        )
        for start in range(0, len(queries), _AT_ONCE)
    ]
    expected = np.concatenate([lists.exact(*block) for block in blocks])

    def reached(probes: int) -> np.ndarray:
        search = lists.by(probes)
        return shares(np.concatenate([search(*block) for block in blocks]), expected)

    chooses = np.arange(len(queries)) % 2 == 0
    most = max(1, int(MOST_READ * index.count))
    low, high = 0, 1  # too few, and perhaps enough
    while reached(high)[chooses].mean() < recall:
        if high == most:
            raise ValueError(
                f"`recall` should be what an index can reach that reads at most {MOST_READ:.0%} of "
                f"the catalogue. Received: {recall:g}; the best reached is "
                f"{reached(most)[chooses].mean():.3f}. Ask for less, or export exact lists."
            )
        low, high = high, min(2 * high, most)
    while high - low > max(1, high // 8):
        middle = (low + high) // 2
        if reached(middle)[chooses].mean() < recall:
            low = middle
        else:
            high = middle
    return IndexReport(
        cells=index.count,
        probes=high,
        recall=float(reached(high)[~chooses].mean()),
        k=lists.k,
        queries=int((~chooses).sum()),
        milliseconds=_milliseconds(lists, high, queries),
    )


def shares(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """[lists, k] items, -1 for none -> [lists], the share of the items of an expected list that are
    found; 1 where it is empty."""
    result = np.ones(len(expected))
    for row, (own, right) in enumerate(zip(found, expected, strict=True)):
        right = right[right >= 0]
        if len(right):
            result[row] = np.isin(right, own).mean()
    return result


def _milliseconds(lists: IndexedVectors, probes: int, queries: np.ndarray) -> dict:
    nothing = tf.zeros([0, 2], tf.int32)
    found = {}
    for size in BATCHES:
        asked = tf.constant(np.resize(queries, (size, queries.shape[1])))
        found[str(size)] = {
            name: _median(lambda search=search, asked=asked: search(asked, nothing))
            for name, search in (("index", lists.by(probes)), ("exact", lists.exact))
        }
    return found


def _median(ask: Callable) -> float:
    ask()
    passed = []
    for _ in range(_TIMED):
        started = time.perf_counter()
        ask().numpy()
        passed.append(1e3 * (time.perf_counter() - started))
    return statistics.median(passed)
