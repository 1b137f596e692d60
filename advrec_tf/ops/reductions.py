"""Sums over the last axis, written so that a compiled step is quick on a CPU.

XLA adds the terms of a CPU reduction one after the other, because it may not change the order
of additions; the order inside a matrix product is free, so there it uses the vector unit. A
product with a column of ones is the same sum in half the time of a whole training step (MF-BPR
under FGSM, 64 factors). Results differ from `tf.reduce_sum` by rounding alone.
"""

from __future__ import annotations

import tensorflow as tf

_TINY = 1e-12


def row_sum(values: tf.Tensor) -> tf.Tensor:
    """[..., features] -> [...], the sum over the features, of any floating type."""
    features = values.shape[-1] or tf.shape(values)[-1]
    column = tf.ones([features, 1], values.dtype)
    if values.shape.rank == 2:
        return tf.matmul(values, column)[:, 0]
    sums = tf.matmul(tf.reshape(values, [-1, features]), column)
    return tf.reshape(sums, tf.shape(values)[:-1])


def row_dot(first: tf.Tensor, second: tf.Tensor) -> tf.Tensor:
    """Scalar products of vectors: two [..., features] that broadcast together -> [...]."""
    return row_sum(first * second)


def unit_rows(values: tf.Tensor) -> tf.Tensor:
    """[..., features], each divided by its l2 norm; as `tf.math.l2_normalize(values, -1)`."""
    return values * tf.math.rsqrt(tf.maximum(row_sum(tf.square(values)), _TINY))[..., None]
