"""Centers of vectors by k-means on a sample, and which center is nearest to each vector."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.ops.rng import RNG

_SAMPLE_A_CELL = 24
_ROUNDS = 5
_CELLS_AT_ONCE = 2**23  # vectors times centers, 32 MiB


def k_means(vectors: np.ndarray, count: int, *, rng: RNG) -> np.ndarray:
    """[n, dim] float32 -> `count` centers [count, dim] float32, of the least squared distance from
    a sample of the vectors, as far as a few steps go (Lloyd 1982).

    A center that no vector of the sample is nearest to starts anew from a random one.

    Raises:
        ValueError: unless 1 <= count <= n.
    """
    rng = np.random.default_rng(rng)
    if not 1 <= count <= len(vectors):
        raise ValueError(
            f"`count` should be in 1..{len(vectors)}, the number of vectors. Received: {count!r}."
        )
    size = min(len(vectors), _SAMPLE_A_CELL * count)
    sample = vectors[np.sort(rng.choice(len(vectors), size, replace=False))].astype(np.float32)
    centers = sample[rng.choice(size, count, replace=False)].copy()
    for _ in range(_ROUNDS):
        cell = nearest(sample, centers)
        filled = np.bincount(cell, minlength=count)
        sums = np.zeros(centers.shape, np.float64)
        np.add.at(sums, cell, sample)
        centers = (sums / np.maximum(filled, 1)[:, None]).astype(np.float32)
        empty = np.flatnonzero(filled == 0)
        centers[empty] = sample[rng.choice(size, len(empty))]
    return centers


def nearest(vectors: np.ndarray, centers: np.ndarray) -> np.ndarray:
    """[n, dim] and [count, dim] float32 -> [n] int32, the center at the least distance."""
    squares = tf.constant(0.5 * np.square(centers).sum(axis=1), tf.float32)
    centers = tf.constant(centers)
    block = max(1, _CELLS_AT_ONCE // len(squares))
    found = [np.zeros(0, np.int32)]
    for start in range(0, len(vectors), block):
        own = tf.constant(vectors[start : start + block])
        scores = tf.matmul(own, centers, transpose_b=True) - squares[None, :]
        found.append(tf.argmax(scores, axis=1, output_type=tf.int32).numpy())
    return np.concatenate(found)
