import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.sequential import blocks

SEED = tf.constant([3, 4], tf.int32)


def random(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).normal(size=shape), tf.float32)


def test_dropout_keeps_the_mean_and_follows_the_seed():
    layer = blocks.SeededDropout(0.25, stream=1)
    ones = tf.ones([200, 200])
    found = layer(ones, SEED, training=True)
    assert float(tf.reduce_mean(found)) == pytest.approx(1.0, abs=0.02)
    assert set(np.unique(found)) == {0.0, np.float32(4 / 3)}
    assert (found.numpy() == layer(ones, SEED, training=True).numpy()).all()
    assert (found.numpy() != layer(ones, SEED + 1, training=True).numpy()).any()
    other = blocks.SeededDropout(0.25, stream=2)(ones, SEED, training=True)
    assert (found.numpy() != other.numpy()).any()
    assert (layer(ones, SEED, training=False).numpy() == 1.0).all()


def test_places_are_counted_from_the_last():
    layer = blocks.PlacesFromEnd(4)
    short, long = layer(tf.zeros([1, 2, 3])), layer(tf.zeros([1, 4, 3]))
    np.testing.assert_allclose(short[0], long[0, 2:])


def test_times_fall_into_buckets_by_their_logarithm():
    # 1 unit is [2^0, 2^1) - 1, 3 and 6 units are [2^2, 2^3) - 1 with 3 at its beginning.
    found = blocks.gap_buckets(tf.constant([0.0, 10.0, 30.0, 31.0, 70.0, 1e30]), 10.0)
    assert found.numpy().tolist() == [0, 1, 2, 3, 3, blocks.GAP_BUCKETS - 1]


def test_padding_is_closed_and_may_read_itself_alone():
    known = tf.constant([[False, True, True]])
    both = blocks.closed_places(known, causal=False)[0].numpy() == 0
    back = blocks.closed_places(known, causal=True)[0].numpy() == 0
    assert both.tolist() == [[True, True, True], [False, True, True], [False, True, True]]
    assert back.tolist() == [[True, False, False], [False, True, False], [False, True, True]]


def test_attention_is_the_formula():
    layer = blocks.SelfAttention(2, causal=True, rate=0.0, stream=0)
    x, known = random(1, 3, 4), tf.constant([[True, True, True]])
    found = layer(x, known, SEED)
    kernel, bias = (w.numpy() for w in layer.project.weights)
    query, key, value = np.split(x.numpy()[0] @ kernel + bias, 3, axis=1)
    read = np.zeros((3, 4))
    for head in (slice(0, 2), slice(2, 4)):
        for place in range(3):
            scores = key[: place + 1, head] @ query[place, head] / np.sqrt(2)
            weights = np.exp(scores) / np.exp(scores).sum()
            read[place, head] = weights @ value[: place + 1, head]
    np.testing.assert_allclose(found[0], layer.merge(tf.constant(read, tf.float32)), atol=1e-5)


def test_low_frequencies_are_those_of_the_fourier_transform():
    layer = blocks.LowFrequencies(7, 2)
    x = random(2, 7, 3)
    found = layer(x)
    spectrum = np.fft.rfft(x.numpy(), axis=1)
    spectrum[:, 2:] = 0
    low = np.fft.irfft(spectrum, n=7, axis=1)
    beta = layer.beta.numpy()
    np.testing.assert_allclose(found, low + beta**2 * (x - low), atol=1e-5)


def test_a_filter_of_ones_changes_nothing():
    layer = blocks.FrequencyFilter(6)
    x = random(2, 6, 3)
    layer(x)
    layer.filter.assign(tf.stack([tf.ones([3, 4]), tf.zeros([3, 4])]))
    np.testing.assert_allclose(layer(x), x, atol=1e-5)


def test_gated_attention_reads_no_padding():
    layer = blocks.GatedAttention(2, 5)
    x, known = random(1, 5, 4), tf.constant([[False, True, True, True, True]])
    changed = tf.concat([random(1, 1, 4, seed=9), x[:, 1:]], 1)
    np.testing.assert_allclose(layer(x, known)[:, 1:], layer(changed, known)[:, 1:], atol=1e-6)


def test_heads_that_do_not_divide_are_refused():
    layer = blocks.SelfAttention(3, causal=True, rate=0.0, stream=0)
    with pytest.raises(ValueError, match="`heads` should divide the dimension 4"):
        layer(random(1, 2, 4), tf.ones([1, 2], tf.bool), SEED)
