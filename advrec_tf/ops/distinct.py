"""The different values of a tensor, in a shape known beforehand, so that XLA compiles it."""

from __future__ import annotations

from typing import NamedTuple

import tensorflow as tf


class Distinct(NamedTuple):
    """What `distinct` found.

    Attributes:
        values: [size], ascending; the places left over repeat the greatest value.
        place: [n] int32, where in `values` each of the given ones stands, at its first occurrence.
    """

    values: tf.Tensor
    place: tf.Tensor


def distinct(values: tf.Tensor, size: tf.Tensor | int) -> Distinct:
    """Each different value once.

    Args:
        values: [n] int32, n >= 1.
        size: at least as many as there are different values.

    Examples:
        >>> from advrec_tf.ops.distinct import distinct
        >>> found = distinct([7, 3, 7], 4)
        >>> found.values.numpy().tolist(), found.place.numpy().tolist()
        ([3, 7, 7, 7], [1, 0, 1])
    """
    ordered = tf.sort(values)
    is_new = tf.concat([[False], ordered[1:] != ordered[:-1]], axis=0)
    place = tf.cumsum(tf.cast(is_new, tf.int32))
    filled = tf.fill([size], ordered[-1])
    found = tf.tensor_scatter_nd_update(filled, place[:, None], ordered)
    return Distinct(found, tf.searchsorted(found, values))
