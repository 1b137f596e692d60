import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.training.optimizers import LazyAdam

TABLE = np.arange(12, dtype=np.float32).reshape(6, 2) / 10


def slices(values, rows):
    """A gradient [6, 2] that holds `values` at `rows`."""
    return tf.IndexedSlices(tf.constant(values, tf.float32), tf.constant(rows), tf.constant([6, 2]))


def test_a_first_step_moves_the_rows_looked_up_by_the_learning_rate():
    # after one step Adam's m / sqrt(v) is the sign of the gradient
    table = tf.Variable(TABLE)
    LazyAdam(0.1).apply_gradients([(slices([[2, -3], [0.5, 0]], [4, 1]), table)])
    expected = TABLE.copy()
    expected[4] += [-0.1, 0.1]
    expected[1] += [-0.1, 0.0]
    np.testing.assert_allclose(table, expected, atol=1e-5)


def test_a_first_step_equals_kerass_adam_on_the_rows_looked_up():
    lazy, dense = tf.Variable(TABLE), tf.Variable(TABLE)
    gradient = slices([[2, -3], [0.5, 0.01]], [4, 1])
    LazyAdam(0.1).apply_gradients([(gradient, lazy)])
    keras.optimizers.Adam(0.1).apply_gradients([(gradient, dense)])
    np.testing.assert_allclose(lazy, dense, rtol=1e-5)


def test_rows_outside_the_batch_stay_bit_for_bit():
    table, optimizer = tf.Variable(TABLE), LazyAdam(0.1)
    optimizer.apply_gradients([(slices([[1, 1]], [0]), table)])
    moved = table.numpy()
    for _ in range(3):
        optimizer.apply_gradients([(slices([[1, 1], [2, 2]], [4, 1]), table)])
    untouched = [0, 2, 3, 5]
    np.testing.assert_array_equal(table.numpy()[untouched], moved[untouched])
    assert (moved[0] != TABLE[0]).all()
    # where Keras' Adam lets row 0 drift on by its momentum
    table, optimizer = tf.Variable(TABLE), keras.optimizers.Adam(0.1)
    optimizer.apply_gradients([(slices([[1, 1]], [0]), table)])
    moved = table.numpy()
    optimizer.apply_gradients([(slices([[1, 1]], [4]), table)])
    assert (table.numpy()[0] != moved[0]).all()


def test_a_row_that_rests_keeps_its_moments_and_takes_up_the_global_step():
    # row 0 moves at the steps 1 and 3 with gradient g = 1 (beta .9, .99, rate .1):
    # m = .1 then .19, v = .01 then .0199, and at step 3 the corrections are 1 - .9^3 = .271
    # and 1 - .99^3 = .029701
    table = tf.Variable(np.zeros((6, 2), np.float32))
    optimizer = LazyAdam(0.1, beta_1=0.9, beta_2=0.99)
    for row in (0, 3, 0):
        optimizer.apply_gradients([(slices([[1, 1]], [row]), table)])
    first = 0.1
    third = 0.1 * (0.19 / 0.271) / np.sqrt(0.0199 / 0.029701)
    np.testing.assert_allclose(table.numpy()[0], [-first - third] * 2, rtol=1e-4)


def test_gradients_of_a_row_that_occurs_twice_are_summed():
    twice, once = tf.Variable(TABLE), tf.Variable(TABLE)
    one, other = LazyAdam(0.1, epsilon=1.0), LazyAdam(0.1, epsilon=1.0)
    for _ in range(2):
        one.apply_gradients([(slices([[1, 2], [5, 5], [3, -1]], [4, 1, 4]), twice)])
        other.apply_gradients([(slices([[4, 1], [5, 5]], [4, 1]), once)])
    np.testing.assert_allclose(twice, once, rtol=1e-6)


def test_dense_gradients_take_the_steps_of_adam():
    lazy, dense = tf.Variable(TABLE), tf.Variable(TABLE)
    one, other = LazyAdam(0.05), keras.optimizers.Adam(0.05)
    for step in range(6):
        gradient = tf.random.stateless_normal([6, 2], [step, 1])
        one.apply_gradients([(gradient, lazy)])
        other.apply_gradients([(gradient, dense)])
        np.testing.assert_allclose(lazy, dense, rtol=1e-4, atol=1e-6)


def test_every_variable_has_moments_of_its_own():
    first, second = tf.Variable(TABLE), tf.Variable(TABLE)
    optimizer = LazyAdam(0.1)
    optimizer.apply_gradients([(slices([[1, 1]], [0]), first), (slices([[-1, 1]], [0]), second)])
    np.testing.assert_allclose(first.numpy()[0] - TABLE[0], [-0.1, -0.1], atol=1e-6)
    np.testing.assert_allclose(second.numpy()[0] - TABLE[0], [0.1, -0.1], atol=1e-6)


def test_no_step_sweeps_the_whole_table():
    # Keras' decay of 0 would multiply every row, and an infinite one would become NaN
    table = tf.Variable(TABLE)
    table.scatter_update(tf.IndexedSlices([[np.inf, np.inf]], [3]))
    LazyAdam(0.1).apply_gradients([(slices([[1, 1]], [0]), table)])
    assert np.isinf(table.numpy()[3]).all()


def test_steps_are_the_same_inside_a_compiled_function():
    eager, compiled = tf.Variable(TABLE), tf.Variable(TABLE)
    one, other = LazyAdam(0.1), LazyAdam(0.1)
    step = tf.function(lambda g: other.apply_gradients([(g, compiled)]))
    for rows in ([4, 1], [4, 4]):
        gradient = slices([[1, 2], [3, -1]], rows)
        one.apply_gradients([(gradient, eager)])
        step(gradient)
    np.testing.assert_allclose(compiled, eager, rtol=1e-6)


def test_the_settings_come_back_from_the_configuration():
    optimizer = LazyAdam(0.02, beta_1=0.8, beta_2=0.95, epsilon=1e-5, clipnorm=1.0)
    again = LazyAdam.from_config(optimizer.get_config())
    assert float(again.learning_rate) == pytest.approx(0.02)
    assert (again.beta_1, again.beta_2, again.epsilon, again.clipnorm) == (0.8, 0.95, 1e-5, 1.0)
