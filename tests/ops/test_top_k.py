import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.ops import top_k as module
from advrec_tf.ops.top_k import top_k

COMPILED = tf.function(top_k, autograph=False)


def rows(kind, n, dtype=np.float32):
    values = np.random.default_rng(3).normal(size=(5, n)).astype(dtype)
    if kind == "ties":
        values = np.round(values)
    if kind == "constant":
        values[:] = 0.0
    if kind == "mostly -infinity":
        values[values > -2.5] = -np.inf
    return values


@pytest.mark.parametrize("kind", ["distinct", "ties", "constant", "mostly -infinity"])
def test_the_order_is_that_of_tensorflow_whatever_the_length(kind):
    # whole rows, chunks that fill a row, and rows that end inside of a chunk
    for n in (1000, 1024, 1031):
        values = rows(kind, n)
        for k in (0, 1, 20, 100):
            expected = tf.math.top_k(values, k)
            for given in (k, tf.constant(k)):
                found = COMPILED(tf.constant(values), given)
                np.testing.assert_array_equal(found[0], expected.values)
                np.testing.assert_array_equal(found[1], expected.indices)


def test_float64_keeps_what_float32_cannot_tell():
    values = rows("constant", 1031, np.float64)
    values[2, 700] = 1e-300
    assert top_k(tf.constant(values), 2)[1].numpy()[2].tolist() == [700, 0]


def test_about_as_many_maxima_as_candidates_are_sorted():
    # 16 of 65,536: chunks of 64 give 1,024 maxima and 1,024 candidates
    assert module._chunk(65536, 16) == 64
    assert module._chunk(1024, 1000) == 16  # no narrower
