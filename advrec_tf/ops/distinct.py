"""The different values of a tensor, in a shape known beforehand, so that XLA compiles it.

Nothing is scattered, which XLA does a value at a time on a processor.
"""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Distinct(NamedTuple):
    """What `distinct` found.

    Attributes:
        values: [size], ascending; the places left over repeat the greatest value.
        count: [size] int32, how often each was counted; 0 in the places left over.
        place: [n] int32, where in `values` each of the given ones stands, at its first occurrence.
    """

    values: tf.Tensor
    count: tf.Tensor
    place: tf.Tensor


def distinct(
    values: tf.Tensor, size: tf.Tensor | int, *, counted: tf.Tensor | None = None
) -> Distinct:
    """Each different value once.

    Args:
        values: [n] int32, n >= 1.
        size: at least as many as there are different values.
        counted: [n] bool, which of the values are counted; None for all.

    Examples:
        >>> from advrec_tf.ops.distinct import distinct
        >>> found = distinct([7, 3, 7], 4)
        >>> found.values.numpy().tolist(), found.place.numpy().tolist()
        ([3, 7, 7, 7], [1, 0, 1])
        >>> found.count.numpy().tolist()
        [1, 2, 0, 0]
    """
    values = tf.convert_to_tensor(values)
    order = tf.argsort(values, stable=True)
    ordered = tf.gather(values, order)
    is_new = tf.concat([[False], ordered[1:] != ordered[:-1]], axis=0)
    rank = tf.cumsum(tf.cast(is_new, tf.int32))
    start = tf.searchsorted(rank, tf.range(size + 1))  # n for the places left over
    found = tf.gather(ordered, tf.minimum(start[:-1], tf.size(values) - 1))
    ones = tf.ones_like(rank) if counted is None else tf.cast(tf.gather(counted, order), tf.int32)
    before = tf.concat([[0], tf.cumsum(ones)], axis=0)
    count = tf.gather(before, start[1:]) - tf.gather(before, start[:-1])
    return Distinct(found, count, tf.searchsorted(found, values))
