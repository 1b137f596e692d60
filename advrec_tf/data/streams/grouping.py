"""Rows of one id that stand together, as after a sort by it: where those of the next begin.

What is held are the ids that were met; where a shard ends is left to `writing`.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams.ids import as_values, distinct_ids


class GroupBegins:
    """A block of rows -> [groups] int64, its rows at which another id begins than stood before.

    Blocks are given in the order of the rows, and a group may go on in the next. A row without an
    id belongs to the group before it.

    Args:
        name: of the column of ids, integers or text.
        kind: of the column, see `values.KINDS`.
        source: the column's name where the rows come from, which an error says; by default `name`.
    """

    def __init__(self, name: str, kind: str, *, source: str | None = None):
        self.name, self.kind, self.source = name, kind, source or name
        self._met: set = set()
        self._last = None

    def __call__(self, block: pa.Table) -> np.ndarray:
        """See the class.

        Raises:
            DataError: if the rows of an id stand in two places, or the column holds no ids.
        """
        codes, values = distinct_ids(block[self.name], self.name, self.kind)
        there = np.flatnonzero(codes >= 0)
        changed = np.diff(codes[there], prepend=-1) != 0
        rows = there[changed]
        ids = as_values(values)[codes[rows]].tolist() if len(rows) else []
        begins = []
        for row, value in zip(rows.tolist(), ids, strict=True):
            if value == self._last:
                continue
            if value in self._met:
                raise DataError(
                    f"Column {self.source!r}: expected all rows of an id together, as after a sort "
                    f"by it. Received rows of {value!r} in two places: sort the rows by "
                    f"{self.source!r} before they are written as shards."
                )
            self._met.add(value)
            self._last = value
            begins.append(row)
        return np.array(begins, np.int64)
