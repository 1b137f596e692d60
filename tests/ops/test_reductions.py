import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.ops.reductions import row_dot, row_sum, unit_rows


@pytest.mark.parametrize("shape", [[3, 5], [2, 3, 5], [2, 1, 3, 4], [0, 5]])
def test_the_sum_is_over_the_features_whatever_stands_before_them(shape):
    values = tf.random.stateless_normal(shape, [1, 2])
    found = row_sum(values)
    assert found.shape == shape[:-1]
    np.testing.assert_allclose(found, values.numpy().sum(-1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("features", [2, None])
def test_a_batch_of_unknown_size_keeps_its_shape(features):
    @tf.function(input_signature=[tf.TensorSpec([None, None, features])])
    def sums(values):
        return row_sum(values)

    np.testing.assert_array_equal(sums(tf.constant([[[1.0, 2], [3, 4], [5, 6]]])), [[3, 7, 11]])


def test_the_gradient_of_a_sum_is_its_own_factor_for_every_feature():
    values = tf.Variable([[1.0, 2, 3], [4, 5, 6]])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(row_sum(values) * tf.constant([2.0, -1]))
    np.testing.assert_array_equal(tape.gradient(loss, values), [[2, 2, 2], [-1, -1, -1]])


def test_rows_of_a_batch_meet_each_of_their_candidates():
    # users (1, 2) and (3, 0) against two candidates each
    users = tf.constant([[1.0, 2], [3, 0]])[:, None]
    items = tf.constant([[[1.0, 1], [0, -1]], [[2.0, 9], [-1, 0]]])
    np.testing.assert_array_equal(row_dot(users, items), [[3, -2], [6, -3]])


def test_unit_rows_are_those_of_tensorflow_the_zero_row_among_them():
    values = tf.constant([[3.0, 4], [0, 0], [-1e-3, 0]])
    np.testing.assert_allclose(unit_rows(values), tf.math.l2_normalize(values, -1), rtol=1e-6)
