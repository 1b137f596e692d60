"""A recurrent model a step at a time, against itself on whole histories."""

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.recurrence import Recurrence, recurrence_of
from advrec_tf.serving.values import STATE_LIMIT
from tests.worlds import interactions_of

DATA = interactions_of([(0, 0), (0, 1), (1, 3), (1, 2)], 2, 6, timestamp=[1, 2, 1, 2])
SIZE = EncoderSize(length=4, dim=8, blocks=2, heads=2)


@pytest.fixture(scope="module")
def model():
    made = published.gru4rec(DATA, size=SIZE)
    rng = np.random.default_rng(3)  # biases and scales that start at 0 and 1 should count as well
    for weight in made.encoder.weights:
        weight.assign_add(0.3 * rng.normal(size=weight.shape).astype(np.float32))
    return made


def indices(rows):
    return tf.constant(rows, tf.int32)


def test_a_state_asks_what_the_whole_history_asks(model):
    histories = indices([[-1, -1, 2, 5], [4, 0, 0, 3], [-1, -1, -1, 1]])
    found = Recurrence(model)
    np.testing.assert_allclose(
        found.queries(found.after(histories)), model.last_states(histories), atol=1e-5
    )


def test_items_at_once_and_one_by_one_lead_to_one_state(model):
    found = Recurrence(model)
    state = found.after(indices([[2]]))
    for item in (5, 0, 3):
        state = found.advanced(state, indices([[item]]))
    np.testing.assert_allclose(state, found.after(indices([[2, 5, 0, 3]])), atol=1e-6)


def test_an_empty_place_leaves_the_state_as_it_is(model):
    found = Recurrence(model)
    state = found.after(indices([[2, 5]]))
    np.testing.assert_array_equal(found.advanced(state, indices([[-1, -1]])), state)
    np.testing.assert_array_equal(found.advanced(state, tf.zeros([1, 0], tf.int32)), state)
    np.testing.assert_array_equal(found.after(indices([[-1]])), np.zeros((1, 16)))


def test_a_state_stays_between_minus_one_and_one_whatever_the_weights():
    wild = published.gru4rec(DATA, size=SIZE)
    rng = np.random.default_rng(3)
    for weight in wild.encoder.weights:  # gates and tangents are saturated
        weight.assign(100.0 * rng.normal(size=weight.shape).astype(np.float32))
    found = Recurrence(wild)
    state = found.advanced(found.after(indices([[2, 5, 0, 3]])), indices([[1, 4, 4, 0, 5]]))
    assert np.abs(state).max() == pytest.approx(1.0)
    assert np.abs(state).max() <= STATE_LIMIT


def test_a_start_reads_the_last_items_and_a_state_remembers_more(model):
    found = Recurrence(model)
    long = indices([[1, 2, 5, 0, 3]])
    np.testing.assert_array_equal(found.after(long), found.after(long[:, 1:]))
    running = found.advanced(found.after(long[:, :4]), long[:, 4:])
    assert np.abs(running - found.after(long)).max() > 1e-4


def test_one_unit_by_hand():
    made = published.gru4rec(DATA, size=EncoderSize(length=4, dim=1, blocks=1, heads=1))
    unit = made.encoder.get_layer("block_0_gru")
    # Keras has the gates in the order update, reset, candidate; the last two biases are
    # of the input and of the state.
    unit.set_weights([np.array([[0.0, 0.0, 1.0]]), np.zeros((1, 3)), np.zeros((2, 3))])
    made.item_rows.start_from(np.full((6, 1), 0.5))
    found = Recurrence(made)
    # update = sigmoid(0) = 1/2: h = (h + tanh(0.5)) / 2
    once = np.tanh(0.5) / 2
    np.testing.assert_allclose(found.after(indices([[1]])), [[once]], rtol=1e-6)
    twice = (once + np.tanh(0.5)) / 2
    np.testing.assert_allclose(found.after(indices([[1, 2]])), [[twice]], rtol=1e-6)


def test_indices_advance_a_state_under_xla(model):
    found = Recurrence(model)
    state, items = found.after(indices([[2], [4]])), indices([[5, 1], [-1, 0]])
    compiled = tf.function(found.advanced, jit_compile=True)
    np.testing.assert_allclose(compiled(state, items), found.advanced(state, items), atol=1e-6)


def test_other_encoders_have_no_state():
    attention = published.sasrec(DATA, size=SIZE)
    with pytest.raises(ValueError, match="`model` should have the encoder 'recurrent_encoder'"):
        Recurrence(attention)
    assert recurrence_of(attention) is None and recurrence_of(object()) is None
