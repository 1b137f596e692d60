"""What a client says of what the model does not know."""

import warnings

import numpy as np
import pytest

from advrec_tf.serving.client_warnings import (
    UnknownIdWarning,
    warn_of_ids,
    warn_of_rows,
    warn_of_values,
)


def test_an_id_that_is_asked_for_twice_counts_once():
    with pytest.warns(UnknownIdWarning) as caught:
        warn_of_ids(["a", "x", "x", "y"], [True, False, False, False], "allow", "nothing follows")
    (only,) = caught
    assert str(only.message) == (
        "Of `allow` the model does not know 2 of 3 ids: nothing follows. The first is 'x'."
    )
    assert only.filename == __file__


def test_rows_of_which_nothing_is_known_are_counted_and_empty_ones_are_not():
    message = "no item in 1 of 3 rows, and read nothing there. The first is row 2, with 'x'"
    with pytest.warns(UnknownIdWarning, match=message):
        warn_of_rows([["", "a"], ["", ""], ["", "x"]], np.array([1, 0, 0]), "histories")


def test_a_column_with_unknown_values_is_named_with_the_first_of_them():
    columns = {"job": ["nurse", "pilot", "x"], "tags": [["a", ""], ["z", ""], ["", ""]]}
    unknown = np.array([["", ""], ["job", "tags"], ["job", ""]], object)
    with pytest.warns(UnknownIdWarning) as caught:
        warn_of_values(columns, unknown, "features")
    said = [str(warning.message) for warning in caught]
    assert said[0].startswith(
        "Of `features` the model does not know what stands in job in 2 of 3 rows, and reads it as "
    )
    assert said[0].endswith("The first is row 1, with 'pilot'.")
    assert "in tags in 1 of 3 rows" in said[1] and "row 1, with ['z']" in said[1]


def test_nothing_is_said_where_the_model_does_not_tell():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        warn_of_ids(["x"], None, "user_ids", "")
        warn_of_rows([["x"]], None, "histories")
        warn_of_values({"job": ["x"]}, None, "features")
