import threading

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from advrec_tf.training.perturb_outputs import perturb_outputs


def embedding(values):
    values = np.array(values, np.float32)
    layer = keras.layers.Embedding(*values.shape)
    layer.build(None)
    layer.set_weights([values])
    return layer


def test_within_the_block_outputs_are_collected_and_shifted_in_the_order_of_the_calls():
    layer, twice = embedding([[1, 1], [2, 2]]), tf.constant([[10.0, 0.0]])
    with perturb_outputs([layer]) as outputs:
        layer(tf.constant([1])), layer(tf.constant([0, 1]))
    np.testing.assert_array_equal(outputs[0], [[2, 2]])
    np.testing.assert_array_equal(outputs[1], [[1, 1], [2, 2]])
    with perturb_outputs([layer], deltas=[twice, tf.zeros([1, 2])]):
        np.testing.assert_array_equal(layer(tf.constant([0])), [[11, 1]])
        np.testing.assert_array_equal(layer(tf.constant([0])), [[1, 1]])


def test_layers_are_as_before_after_the_block():
    layer = embedding([[1, 1], [2, 2]])
    with perturb_outputs([layer], deltas=[tf.ones([1, 2])]):
        assert "call" in vars(layer)
        layer(tf.constant([0]))
    assert "call" not in vars(layer) and layer.call.__func__ is keras.layers.Embedding.call
    np.testing.assert_array_equal(layer(tf.constant([0])), [[1, 1]])


def test_a_block_inside_a_block_gives_the_outer_one_its_layers_back():
    layer, zero = embedding([[1, 1], [2, 2]]), tf.constant([0])
    with perturb_outputs([layer], deltas=[tf.fill([1, 2], 10.0)] * 2):
        with perturb_outputs([layer], deltas=[tf.fill([1, 2], 100.0)]):
            np.testing.assert_array_equal(layer(zero), [[111, 111]])
        np.testing.assert_array_equal(layer(zero), [[11, 11]])
    assert "call" not in vars(layer)
    np.testing.assert_array_equal(layer(zero), [[1, 1]])


def test_layers_are_as_before_after_an_exception():
    layer = embedding([[1, 1], [2, 2]])
    with pytest.raises(RuntimeError, match="stop"), perturb_outputs([layer]):
        raise RuntimeError("stop")
    assert "call" not in vars(layer)


def test_more_or_fewer_calls_than_deltas_are_refused():
    layer, delta = embedding([[1, 1]]), tf.zeros([1, 2])
    with pytest.raises(ValueError, match="Received 1, and the model made another call"):
        with perturb_outputs([layer], deltas=[delta]):
            layer(tf.constant([0])), layer(tf.constant([0]))
    with pytest.raises(ValueError, match="Received 2, and the model made 1 calls"):
        with perturb_outputs([layer], deltas=[delta, delta]):
            layer(tf.constant([0]))
    assert "call" not in vars(layer)


def test_a_ragged_output_is_shifted_in_its_values():
    layer, index = embedding([[1, 1], [2, 2]]), tf.ragged.constant([[1], [], [0, 1]])
    with perturb_outputs([layer]) as outputs:
        layer(index)
    np.testing.assert_array_equal(outputs[0], [[2, 2], [1, 1], [2, 2]])
    with perturb_outputs([layer], deltas=[tf.constant([[10.0, 0], [0, 10], [0, 0]])]):
        assert layer(index).to_list() == [[[12, 2]], [], [[1, 11], [2, 2]]]


def test_a_model_that_keras_has_yet_to_trace_is_perturbed_once_where_it_runs():
    layer = keras.layers.Embedding(2, 2, "ones")
    model = keras.Sequential([layer, keras.layers.Flatten()])  # traced at its first call
    with perturb_outputs([layer], deltas=[tf.constant([[[10.0, 0.0]]])]) as outputs:
        found = model(tf.constant([[1]]))
    np.testing.assert_array_equal(found, [[11, 1]])
    assert len(outputs) == 1


def test_half_precision_outputs_take_single_precision_deltas():
    layer = keras.layers.Dense(1, kernel_initializer="ones", dtype="mixed_float16")
    with perturb_outputs([layer], deltas=[tf.constant([[0.5]])]):
        found = layer(tf.constant([[1.0]]))
    assert found.dtype == tf.float16 and found.numpy().item() == 1.5


@pytest.mark.parametrize(
    ("layer", "inputs", "message"),
    [
        (keras.layers.Hashing(3), tf.constant(["a"]), "returned a tensor of type int64"),
        (keras.layers.LSTM(2, return_state=True), tf.zeros([1, 2, 3]), "returned list"),
    ],
)
def test_outputs_that_are_no_tensor_of_floating_type_are_refused(layer, inputs, message):
    with pytest.raises(ValueError, match=f"`layers` should hold layers that.*{message}"):
        with perturb_outputs([layer]):
            layer(inputs)


def test_blocks_of_two_threads_that_overlap_perturb_each_its_own_calls():
    layer, zero = embedding([[1, 1], [2, 2]]), tf.constant([0])
    first = perturb_outputs([layer], deltas=[tf.fill([1, 2], 10.0)])
    first.__enter__()
    inside, over, found = threading.Event(), threading.Event(), []

    def second():
        with perturb_outputs([layer], deltas=[tf.fill([1, 2], 100.0)]):
            inside.set()
            over.wait()
            found.append(layer(zero).numpy())

    thread = threading.Thread(target=second)
    thread.start()
    inside.wait()
    np.testing.assert_array_equal(layer(zero), [[11, 11]])
    first.__exit__(None, None, None)  # before the second block ends
    over.set()
    thread.join()
    np.testing.assert_array_equal(found[0], [[101, 101]])
    assert "call" not in vars(layer)
    np.testing.assert_array_equal(layer(zero), [[1, 1]])
