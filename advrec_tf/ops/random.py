"""Random numbers that a seed gives alike whether XLA compiles the step or not, and quickly.

Philox bits are the same everywhere; what TensorFlow and XLA make of them is not, and XLA's own
normal numbers take twice as long as these on a CPU, longer than all else in a factorization's step.
"""

from __future__ import annotations

import math

import tensorflow as tf


def random_floats(shape, seed: tf.Tensor, low: float = 0.0) -> tf.Tensor:
    """float32 in [low, 1), uniform, on a grid of 2^23 points, made of random bits by XLA's rule."""
    bits = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    unit = tf.cast(tf.bitwise.right_shift(bits, 9), tf.float32) * 2.0**-23
    return unit * (1.0 - low) + low


def random_normals(shape, seed: tf.Tensor) -> tf.Tensor:
    """float32, standard normal: Phi^-1(u) = sqrt(2) erf^-1(2 u - 1), at most 5.3 in size."""
    # In the middle of its grid cell no uniform number is 0 or 1.
    unit = random_floats(shape, seed) + 2.0**-24
    return math.sqrt(2.0) * tf.math.erfinv(2.0 * unit - 1.0)
