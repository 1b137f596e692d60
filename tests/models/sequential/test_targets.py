import numpy as np
import tensorflow as tf

from advrec_tf.data.sequences import NONE
from advrec_tf.models.sequential.targets import predicted

# Two histories of three places; the first predicts at its last two, the second at its last.
TARGETS = tf.constant([[NONE, 7, 2], [NONE, NONE, 5]])
STATES = tf.reshape(tf.range(12.0), [2, 3, 2])
INPUTS = {
    "user_index": tf.constant([30, 40]),
    "weight": tf.constant([1.0, 0.5]),
    "seed": tf.constant([3, 4]),
}


def listed(found):
    return [found[name].numpy().tolist() for name in ("item_index", "user_index", "weight")]


def test_the_state_of_each_place_that_predicts_stands_beside_its_item():
    states, found = predicted(STATES, TARGETS, INPUTS)
    # places 1 and 2 of the first history, 2 of the second
    assert states.numpy().tolist() == [[2, 3], [4, 5], [10, 11]]
    assert listed(found) == [[7, 2, 5], [30, 30, 40], [1, 1, 0.5]]
    assert found["seed"] is INPUTS["seed"]


def test_of_a_known_shape_places_left_over_repeat_the_targets_for_nothing():
    compiled = tf.function(lambda *given: predicted(*given, static=True), jit_compile=True)
    states, found = compiled(STATES, TARGETS, INPUTS)
    assert states.numpy().tolist() == [[2, 3], [4, 5], [10, 11]] * 2
    assert listed(found) == [[7, 2, 5] * 2, [30, 30, 40] * 2, [1, 1, 0.5, 0, 0, 0]]


def test_a_batch_that_predicts_nothing_has_no_weight():
    states, found = predicted(STATES, tf.fill([2, 3], NONE), INPUTS, static=True)
    assert states.shape == (6, 2) and not found["weight"].numpy().any()
    assert (found["item_index"].numpy() == 0).all()
    assert predicted(STATES, tf.fill([2, 3], NONE), INPUTS)[0].shape == (0, 2)
    assert np.isfinite(states).all()
