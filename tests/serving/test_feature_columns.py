import numpy as np
import pandas as pd
import pytest

from advrec_tf.serving.feature_columns import raw_columns, table_of

SPECS = {
    "job": ("string", (None,)),
    "tags": ("string", (None, None)),
    "age": ("float32", (None,)),
    "since": ("float64", (None,)),
    "face": ("float32", (None, 2)),
}


def test_values_are_what_a_request_carries():
    table = pd.DataFrame(
        {
            "job": ["nurse", 7.0],
            "tags": ["a|b|c", ["d"]],
            "age": [31, 32],
            "since": ["1970-01-02", "1970-01-01T00:01:00"],
            "face": [[1, 2], [3.5, 4]],
        }
    )
    assert raw_columns(table, SPECS) == {
        "job": ["nurse", "7"],
        "tags": [["a", "b", "c"], ["d", "", ""]],
        "age": [31.0, 32.0],
        "since": [86400.0, 60.0],
        "face": [[1.0, 2.0], [3.5, 4.0]],
    }


def test_what_is_left_out_is_missing():
    found = raw_columns(pd.DataFrame({"job": [None]}), SPECS)
    assert found["job"] == [""] and found["tags"] == [[""]] and found["face"] == [[0.0, 0.0]]
    assert np.isnan(found["age"]).all() and np.isnan(found["since"]).all()


def test_a_strange_column_or_value_is_named():
    with pytest.raises(ValueError, match="among job, tags, age, since, face. Received: jobb"):
        raw_columns(pd.DataFrame({"jobb": ["x"]}), SPECS)
    with pytest.raises(ValueError, match="The column 'age' should hold numbers"):
        raw_columns(pd.DataFrame({"age": ["old"]}), SPECS)


@pytest.mark.parametrize(
    ("features", "received"),
    [
        ({"age": 31, "job": "cook"}, "age with the single value 31, job with the single value 'c"),
        ({"age": [31, 32], "job": ["cook"]}, "age with 2 values, job with 1 values"),
        ("age", "'age'"),
        (3, "3"),
    ],
)
def test_what_is_no_table_is_told(features, received):
    with pytest.raises(ValueError, match=f"`features` should be a table.*Received: {received}"):
        table_of(features)


def test_whole_numbers_and_truth_values_are_never_missing():
    specs = {"year": ("int64", (None,)), "paid": ("bool", (None,)), "pair": ("int32", (None, 2))}
    table = pd.DataFrame({"year": [1990.0, 7], "paid": [True, False], "pair": [[1, 2], [3, 4]]})
    assert raw_columns(table, specs) == {
        "year": [1990, 7],
        "paid": [True, False],
        "pair": [[1, 2], [3, 4]],
    }
    for column, wrong in (("year", [1.5, 2]), ("year", [1, None]), ("pair", [[1, 2], [3]])):
        with pytest.raises(ValueError, match=f"'{column}' of `features` should be .*none missing"):
            raw_columns(table.assign(**{column: wrong}), specs)
    with pytest.raises(ValueError, match="it is left out"):
        raw_columns(table[["paid", "pair"]], specs)


def test_lists_of_text_have_the_width_of_the_input():
    specs = {"tags": ("string", (None, 2))}
    assert raw_columns(pd.DataFrame({"tags": ["a", ""]}), specs) == {"tags": [["a", ""], ["", ""]]}
    with pytest.raises(ValueError, match="at most 2 entries. Received one of 3"):
        raw_columns(pd.DataFrame({"tags": ["a|b|c"]}), specs)
