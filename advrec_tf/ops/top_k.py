"""The k largest values of each row, as `tf.math.top_k` gives them, without sorting whole rows.

The k largest lie in the k chunks of the row with the largest maxima: a chunk that is not among them
has k values elsewhere in the row that are at least as large as all of its own. So the row is read
once for its maxima, which a processor does many values at a time, and only k chunks are sorted.
"""

from __future__ import annotations

import tensorflow as tf

LEAST = 1024
"""Rows that are shorter are sorted whole."""

_USUAL_K = 32
_ALIGNED = 16  # values in the narrowest chunk


def top_k(values: tf.Tensor, k: int | tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """[rows, n] floating and 0 <= k <= n -> the k largest values of a row in falling order and
    their places, [rows, k] and [rows, k] int32; of equal values the one further left is first.

    Args:
        values: without NaN; n should be known when the graph is built, else rows are sorted whole.
        k: a number, or a scalar int32.
    """
    n = values.shape[-1]
    if n is None or n < LEAST:
        return tuple(tf.math.top_k(values, k))
    size = _chunk(n, k if isinstance(k, int) else _USUAL_K)
    count = -(-n // size)
    if isinstance(k, int):
        return tuple(tf.math.top_k(values, k)) if k >= count else _by_chunks(values, k, size, count)
    return tf.cond(
        k >= count,
        lambda: tuple(tf.math.top_k(values, k)),
        lambda: _by_chunks(values, k, size, count),
    )


def _chunk(n: int, k: int) -> int:
    """The power of 2 for which as many maxima as candidates are sorted, about: sqrt(n / k)."""
    size = _ALIGNED
    while 2 * size * size * max(k, 1) <= n:
        size *= 2
    return size


def _by_chunks(values, k, size: int, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    n = values.shape[-1]
    if count * size > n:
        # What is put at the end stands further right than what is there, even than -infinity.
        lowest = tf.cast(float("-inf"), values.dtype)
        values = tf.pad(values, [[0, 0], [0, count * size - n]], constant_values=lowest)
    chunks = tf.reshape(values, [-1, count, size])
    chosen = tf.math.top_k(tf.reduce_max(chunks, axis=2), k, sorted=False).indices
    chosen = tf.sort(chosen, axis=1)  # of equal values the first in the row is to come first
    candidates = tf.gather(chunks, chosen, batch_dims=1)
    candidates = tf.reshape(candidates, [tf.shape(values)[0], k * size])
    best, place = tf.math.top_k(candidates, k)
    found = tf.gather(chosen, place // size, batch_dims=1) * size + place % size
    return best, tf.ensure_shape(found, best.shape)
