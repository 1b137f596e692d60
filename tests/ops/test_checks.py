import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.ops.checks import is_number


@pytest.mark.parametrize("value", [1, 0.5, True, np.float32(2), np.int64(3), tf.constant(1.0)])
def test_numbers_of_every_library_are_numbers(value):
    assert is_number(value)


@pytest.mark.parametrize("value", ["0.5", None, [0.5], {}])
def test_texts_and_lists_are_none(value):
    assert not is_number(value)
