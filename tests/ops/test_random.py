import math
from statistics import NormalDist

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.ops.random import random_floats, random_normals, stream


def test_random_floats_are_uniform_and_the_same_compiled():
    seed = tf.constant([-5, 6])
    drawn = random_floats([20_000], seed).numpy()
    compiled = tf.function(lambda s: random_floats([20_000], s), jit_compile=True)(seed)
    np.testing.assert_array_equal(compiled, drawn)
    assert drawn.min() >= 0 and drawn.max() < 1
    tenths = np.bincount((10 * drawn).astype(int), minlength=10) / 20_000
    np.testing.assert_allclose(tenths, 0.1, atol=0.01)
    low = random_floats([20_000], seed, low=0.75).numpy()
    np.testing.assert_allclose(low, 0.75 + drawn / 4, rtol=1e-6)


def test_random_normals_are_normal_and_the_same_compiled():
    seed = tf.constant([3, -4])
    drawn = random_normals([100, 2_000], seed).numpy()
    compiled = tf.function(lambda s: random_normals([100, 2_000], s), jit_compile=True)(seed)
    np.testing.assert_allclose(compiled, drawn, rtol=1e-4, atol=1e-5)
    # Kolmogorov-Smirnov at the 5 % level, at 99 quantiles
    percent = np.arange(0.01, 1.0, 0.01)
    quantiles = [NormalDist().inv_cdf(fraction) for fraction in percent]
    below = np.searchsorted(np.sort(drawn.ravel()), quantiles) / drawn.size
    assert np.abs(below - percent).max() < 1.36 / math.sqrt(drawn.size)
    assert 4 < np.abs(drawn).max() < 5.4
    assert not np.array_equal(random_normals([4], seed), random_normals([4], seed + 1))


def test_the_ends_of_the_grid_are_finite_normal_numbers(monkeypatch):
    ends = tf.constant([0, 2**32 - 1], tf.uint32)
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda *arguments, **named: ends)
    low, high = random_normals([2], tf.constant([0, 0])).numpy()
    assert high == -low and 5.2 < high < 5.4


def test_a_stream_moves_the_seed_by_its_offset_and_the_number_of_the_draw():
    seed = tf.constant([5, 6])
    assert stream(seed, "noise of the generator").numpy().tolist() == [25, 6]
    assert stream(seed, "generator's step", 3).numpy().tolist() == [6, 9]
    numbered = tf.function(lambda i: stream(seed, "privacy noise", i))
    assert numbered(tf.constant(2)).numpy().tolist() == [8, 8]
    with pytest.raises(KeyError):
        stream(seed, "noise")
