import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.ops.checks import as_number, is_number


@pytest.mark.parametrize("value", [1, 0.5, True, np.float32(2), np.int64(3), tf.constant(1.0)])
def test_numbers_of_every_library_are_numbers(value):
    assert is_number(value)


@pytest.mark.parametrize("value", ["0.5", None, [0.5], {}])
def test_texts_and_lists_are_none(value):
    assert not is_number(value)


def test_what_is_no_number_lies_in_no_range():
    assert as_number(0.5) == 0.5
    assert all(math.isnan(as_number(value)) for value in ("0.5", None, [0.5]))
