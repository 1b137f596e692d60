import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.ops.checks import as_number, is_number, is_whole


@pytest.mark.parametrize("value", [1, 0.5, True, np.float32(2), np.int64(3), tf.constant(1.0)])
def test_numbers_of_every_library_are_numbers(value):
    assert is_number(value)


@pytest.mark.parametrize("value", ["0.5", None, [0.5], {}])
def test_texts_and_lists_are_none(value):
    assert not is_number(value)


def test_what_is_no_number_lies_in_no_range():
    assert as_number(0.5) == 0.5
    assert all(math.isnan(as_number(value)) for value in ("0.5", None, [0.5]))


def test_a_whole_number_is_one_by_its_type():
    assert all(is_whole(value) for value in (2, -1, np.int64(3)))
    assert not any(is_whole(value) for value in (2.0, True, "2", None, [2]))
