"""A vocabulary without a list of ids: each id has the bucket that its hash says.

Its size is known beforehand, and ids nobody has seen have a bucket too. The price is ids that
share one: how many do is counted, exactly, in the pass that counts the rows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import tensorflow as tf

_SECOND_KEY = [0x9E3779B9, 0x7F4A7C15]
_RANGE = 2**62


@dataclasses.dataclass(frozen=True, kw_only=True)
class Collisions:
    """How far ids share buckets.

    Attributes:
        buckets: how many there are.
        used: how many hold an id.
        shared: how many hold several; counted.
        rows_in_shared: the share of the rows whose id has such a bucket; counted.
        ids: distinct ids, estimated from the empty buckets; infinite where none is empty.
        expected: the share of the ids expected to share a bucket, 1 - (1 - 1 / buckets)^(ids - 1).
    """

    buckets: int
    used: int
    shared: int
    rows_in_shared: float
    ids: float
    expected: float

    def __str__(self) -> str:
        return (
            f"{self.buckets:,} buckets, {self.used:,} of them used by about {self.ids:,.0f} ids; "
            f"{self.shared:,} hold several ids, and {self.rows_in_shared:.1%} of the rows "
            f"({self.expected:.1%} of the ids are expected to share one)"
        )


class HashedVocabulary:
    """index = hash of the id as text, modulo the buckets (`tf.strings.to_hash_bucket_fast`, so a
    graph finds the same); there are no ids to list.

    Raises:
        ValueError: if there are fewer than 2 buckets.
    """

    def __init__(self, buckets: int):
        if buckets < 2:
            raise ValueError(f"`buckets` should be >= 2. Received: {buckets!r}.")
        self.buckets = buckets

    def __len__(self) -> int:
        return self.buckets

    @property
    def ids(self) -> np.ndarray:
        raise ValueError(
            "A hashed vocabulary has no ids to list: lists of items, exports by id and what else "
            "names ids need one that was counted exactly."
        )

    def index_of(self, ids: Sequence | np.ndarray) -> np.ndarray:
        """Ids [n], integers or text -> buckets [n] int32; 17 and "17" have the same."""
        if not len(ids):
            return np.zeros(0, np.int32)
        return tf.strings.to_hash_bucket_fast(_texts(ids), self.buckets).numpy().astype(np.int32)


class BucketCounter:
    """Counts rows of hashed ids, and which buckets hold several ids, in 24 bytes a bucket.

    A bucket holds several where the smallest and the largest second hash (of 62 bits, with a key)
    of its ids differ.
    """

    def __init__(self, vocabulary: HashedVocabulary):
        self.vocabulary = vocabulary
        self.missing = 0
        self.counts = np.zeros(len(vocabulary), np.int64)
        self._least = np.full(len(vocabulary), _RANGE, np.int64)
        self._most = np.full(len(vocabulary), -1, np.int64)

    def add(self, codes: np.ndarray, values: pa.Array) -> None:
        """As `ids.IdCounter.add`, without a bound."""
        there = codes[codes >= 0]
        self.missing += len(codes) - len(there)
        counts = np.bincount(there, minlength=len(values))
        met = np.flatnonzero(counts)
        if not len(met):
            return
        texts = _texts(values.take(pa.array(met)).to_numpy(zero_copy_only=False))
        buckets = tf.strings.to_hash_bucket_fast(texts, len(self.vocabulary)).numpy()
        second = tf.strings.to_hash_bucket_strong(texts, _RANGE, _SECOND_KEY).numpy()
        np.add.at(self.counts, buckets, counts[met])
        np.minimum.at(self._least, buckets, second)
        np.maximum.at(self._most, buckets, second)

    def collisions(self) -> Collisions:
        """What was counted."""
        buckets, used = len(self.vocabulary), int((self.counts > 0).sum())
        shared = self._most > self._least
        shared &= self.counts > 0
        empty = buckets - used
        ids = buckets * math.log(buckets / empty) if empty else math.inf
        return Collisions(
            buckets=buckets,
            used=used,
            shared=int(shared.sum()),
            rows_in_shared=float(self.counts[shared].sum() / max(self.counts.sum(), 1)),
            ids=ids,
            expected=1.0 - (1.0 - 1.0 / buckets) ** max(ids - 1.0, 0.0),
        )


def _texts(ids: Sequence | np.ndarray) -> tf.Tensor:
    values = np.asarray(ids)
    if values.dtype.kind in "iu":
        return tf.strings.as_string(tf.constant(values, tf.int64))
    return tf.constant([str(value) for value in values.tolist()], tf.string)
