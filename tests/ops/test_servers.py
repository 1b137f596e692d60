"""Tables in parts give the rows of the whole, and only there a tensor is made a part of a step."""

import numpy as np
import tensorflow as tf

from advrec_tf.ops import servers

ROWS = np.arange(10, dtype=np.float32).reshape(5, 2)


def in_parts():
    parts = [tf.Variable(ROWS[:3], name="rows/part_0"), tf.Variable(ROWS[3:], name="rows/part_1")]
    return tf.__internal__.distribute.ShardedVariable(parts)


def test_rows_of_a_table_in_parts_are_those_of_the_whole_and_so_is_their_gradient():
    index, table = tf.constant([[4, 0], [2, 4]]), in_parts()
    with tf.GradientTape() as tape:
        rows = servers.rows_at(table, index)
        total = tf.reduce_sum(rows)
    np.testing.assert_array_equal(rows, ROWS[index])
    np.testing.assert_array_equal(servers.rows_at(tf.constant(ROWS), index), ROWS[index])
    gradients = tape.gradient(total, table.variables)
    assert all(isinstance(gradient, tf.IndexedSlices) for gradient in gradients)  # not the whole
    first, second = map(tf.convert_to_tensor, gradients)
    np.testing.assert_array_equal(first, [[1, 1], [0, 0], [1, 1]])
    np.testing.assert_array_equal(second, [[0, 0], [2, 2]])


def test_a_table_stands_once_in_the_place_of_its_first_part():
    table, other = in_parts(), tf.Variable(1.0)
    first, second = table.variables
    assert servers.whole_variables([other, first, second]) == [other, table]
    assert servers.whole_variables([first, other, second]) == [table, other]


def test_without_servers_a_tensor_stays_what_it_is():
    value = tf.constant([1.0])
    assert not servers.is_asynchronous(tf.distribute.get_strategy())
    assert servers.for_workers(value) is value

    @tf.function
    def step():
        return servers.for_workers(value) + 1.0

    assert len(step.get_concrete_function().captured_inputs) == 1


def test_workers_have_a_tensor_as_a_part_of_the_step(monkeypatch):
    monkeypatch.setattr(servers, "is_asynchronous", lambda strategy: True)
    value = tf.constant([1.0])

    @tf.function
    def step():
        return servers.for_workers(value) + 1.0

    assert not step.get_concrete_function().captured_inputs and step().numpy().tolist() == [2.0]
