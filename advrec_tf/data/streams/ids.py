"""Ids in the columns of a stream: their distinct values, and counts of them in bounded memory.

Texts are read by the rule of `readers.ids`: without blanks around them, in the Unicode form NFC.
The kind of an id is that of its column: text stays text, whatever it looks like.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from pyarrow import compute

from advrec_tf.data.readers.columns import MISSING
from advrec_tf.data.readers.files import DataError

MAX_IDS = 50_000_000
"""Distinct ids that are counted by default; a text of 20 bytes takes about 60 while it is."""

_MERGE_AT = 2**20


def distinct_ids(column: pa.ChunkedArray, name: str, kind: str) -> tuple[np.ndarray, pa.Array]:
    """A column [n] -> codes [n] int32 into its distinct ids, -1 where there is none, and these.

    Raises:
        DataError: if values are no ids: a number with a fraction, a boolean or a time.
    """
    if kind == "float":
        try:
            column = column.cast(pa.int64())  # integers with gaps become floats in many programs
        except pa.ArrowException as error:
            raise _no_ids(name, str(error)) from None
    elif kind not in ("int", "string"):
        raise _no_ids(name, f"the kind {kind}")
    encoded = column.combine_chunks()
    if isinstance(encoded, pa.ChunkedArray):  # longer than one array can be
        encoded = pa.concat_arrays(encoded.chunks)
    encoded = encoded.dictionary_encode()
    codes = compute.fill_null(encoded.indices, -1).to_numpy()
    values = encoded.dictionary
    if kind == "string" and len(values):
        values = compute.utf8_trim_whitespace(compute.utf8_normalize(values, form="NFC"))
        missing = compute.is_in(values, value_set=pa.array(sorted(MISSING))).to_numpy(False)
        if missing.any():
            codes = np.where(np.append(missing, True)[codes], np.int32(-1), codes)
    return codes, values


def as_values(ids: pa.Array) -> np.ndarray:
    """Ids [n] as a vocabulary takes them: int64, or an array of str."""
    return ids.to_numpy(zero_copy_only=False)


class IdCounter:
    """Counts distinct ids; what it holds grows with these and not with the rows.

    Args:
        name: of the column, for messages.
        most: distinct ids it may hold.
    """

    def __init__(self, name: str, most: int = MAX_IDS):
        self.name, self.most = name, most
        self.missing = 0
        self._merged: pa.Table | None = None
        self._pending: list[pa.Table] = []
        self._waiting = 0

    def add(self, codes: np.ndarray, values: pa.Array) -> None:
        """Codes [n] into values, -1 where missing, as `distinct_ids` has them.

        Raises:
            ValueError: if there are more distinct ids than may be held.
        """
        there = codes[codes >= 0]
        self.missing += len(codes) - len(there)
        counts = np.bincount(there, minlength=len(values))
        met = np.flatnonzero(counts)
        part = pa.table({"id": values.take(pa.array(met)), "count": counts[met]})
        self._pending.append(part)
        self._waiting += len(met)
        if self._waiting > max(_MERGE_AT, 0 if self._merged is None else len(self._merged)):
            self._merge()

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct ids in ascending order, and how often each was met, int64.

        Raises:
            ValueError: as `add`.
        """
        self._merge()
        if self._merged is None:
            return np.zeros(0, np.int64), np.zeros(0, np.int64)
        found = self._merged.sort_by("id")
        return as_values(found["id"].combine_chunks()), found["count"].to_numpy()

    def _merge(self) -> None:
        if not self._pending:
            return
        parts = self._pending if self._merged is None else [self._merged, *self._pending]
        grouped = pa.concat_tables(parts).group_by("id", use_threads=False)
        summed = grouped.aggregate([("count", "sum")])
        self._merged = summed.select(["id", "count_sum"]).rename_columns(["id", "count"])
        self._pending, self._waiting = [], 0
        if len(self._merged) > self.most:
            raise ValueError(
                f"`max_ids` should be at least the number of distinct ids in {self.name!r}. "
                f"Received: {self.most:,}, and more of them. Hash them into buckets instead "
                "(`user_buckets`, `item_buckets`), or raise `max_ids` if the memory is there."
            )


def _no_ids(name: str, received: str) -> DataError:
    return DataError(f"Column {name!r}: expected ids, integers or text. Received: {received}.")
