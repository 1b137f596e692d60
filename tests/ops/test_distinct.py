import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.ops.distinct import distinct


@pytest.mark.parametrize("jit", [False, True])
def test_each_value_stands_once_and_every_place_is_found(jit):
    found = tf.function(lambda given: distinct(given, 6), jit_compile=jit)(
        tf.constant([4, 0, 9, 4, 4, 0])
    )
    # 0, 4 and 9; the three places left over repeat the greatest
    assert found.values.numpy().tolist() == [0, 4, 9, 9, 9, 9]
    assert found.place.numpy().tolist() == [1, 0, 2, 1, 1, 0]
    assert found.count.numpy().tolist() == [2, 3, 1, 0, 0, 0]


def test_what_is_not_counted_has_its_place_all_the_same():
    counted = tf.constant([True, False, False, False, True, True])
    found = distinct(tf.constant([4, 0, 9, 4, 4, 0]), 4, counted=counted)
    assert found.values.numpy().tolist() == [0, 4, 9, 9]
    assert found.count.numpy().tolist() == [1, 2, 0, 0]
    assert found.place.numpy().tolist() == [1, 0, 2, 1, 1, 0]


def test_as_many_values_as_places():
    found = distinct(tf.constant([2, 1, 0]), 3)
    assert found.values.numpy().tolist() == [0, 1, 2]
    assert found.place.numpy().tolist() == [2, 1, 0]


def test_values_at_their_places_are_those_that_were_given():
    given = np.random.default_rng(0).integers(0, 50, 400).astype(np.int32)
    found = distinct(tf.constant(given), 50)
    assert (found.values.numpy()[found.place.numpy()] == given).all()
    assert sorted(set(found.values.numpy().tolist())) == sorted(set(given.tolist()))
