import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.gan.samples import (
    diversity,
    flat,
    network_inputs,
    samples_and_conditions,
    shaped,
)


def test_a_batch_is_samples_or_a_pair_with_conditions():
    samples, conditions = tf.zeros([4, 2]), tf.ones([4, 1])
    assert samples_and_conditions(samples) == (samples, None)
    assert samples_and_conditions((samples,)) == (samples, None)
    assert samples_and_conditions([samples, conditions]) == (samples, conditions)


@pytest.mark.parametrize("batch", [{"x": tf.zeros([4, 2])}, (tf.zeros([1]),) * 3])
def test_another_batch_is_refused_with_its_shapes(batch):
    with pytest.raises(ValueError, match=r"A batch should be samples, or a pair .* TensorShape"):
        samples_and_conditions(batch)


def network(**named):
    inputs = {name: keras.Input([width]) for name, width in named.items()}
    outputs = keras.layers.Concatenate()(list(inputs.values()))
    return keras.Model(inputs, outputs, name="generator")


def test_conditions_go_where_the_network_reads_them():
    noise, conditions = tf.zeros([4, 3]), tf.ones([4, 2])
    given = network_inputs(network(group=2, noise=3), noise, conditions)
    assert given["noise"] is noise and given["group"] is conditions
    one = keras.Sequential([keras.Input([3]), keras.layers.Dense(1)])
    assert network_inputs(one, noise, conditions) is noise
    with pytest.raises(ValueError, match="`generator` has 2 inputs, so a batch should be"):
        network_inputs(network(group=2, noise=3), noise, None)


def test_flat_samples_get_their_shape_back():
    samples = tf.reshape(tf.range(24.0), [2, 3, 4])
    assert flat(samples).shape == (2, 12)
    np.testing.assert_array_equal(shaped(flat(samples), samples), samples)
    assert flat(flat(samples)).shape == shaped(flat(samples), flat(samples)).shape == (2, 12)


def test_samples_that_all_point_the_same_way_have_no_diversity():
    same = tf.constant([[1.0, 2.0], [2.0, 4.0], [0.5, 1.0]])
    assert float(diversity(same)) == pytest.approx(0.0, abs=1e-6)


def test_diversity_is_one_for_right_angles_and_two_for_opposites():
    assert float(diversity(tf.constant([[1.0, 0.0], [0.0, 3.0]]))) == pytest.approx(1.0)
    assert float(diversity(tf.constant([[1.0, 0.0], [-3.0, 0.0]]))) == pytest.approx(2.0)
