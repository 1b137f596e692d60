import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.readers.ids import IdCodes
from advrec_tf.serving import values


def test_one_list_serves_all_users_and_lists_of_their_own_are_padded():
    assert values.lists_of([7, b"x"], "exclude", 2) == [["", "7", "x"], ["", "7", "x"]]
    assert values.lists_of([["a"], ["b", "c"]], "exclude", 2) == [["", "a", ""], ["", "b", "c"]]
    with pytest.raises(ValueError, match="`exclude` should hold 3 lists of ids, one for each user"):
        values.lists_of([["a"], ["b"]], "exclude", 3)


def test_ids_are_those_that_the_readers_have():
    asked = [
        "he\u0301llo",
        "  pad ",
        b" e\xcc\x81",
        7,
        np.int64(7),
        7.0,
        np.float32(7),
        "007",
        "7.0",
    ]
    texts = values.ids_of(asked, "user_ids")
    assert texts == ["h\u00e9llo", "pad", "\u00e9", "7", "7", "7", "7", "007", "7.0"]
    read = IdCodes()
    read.encode(["he\u0301llo", "  pad "])
    assert list(read.ids) == texts[:2]
    assert values.histories_of([[" a", 2.0]], "histories") == [["", "a", "2"]]


@pytest.mark.parametrize("value", [np.nan, None, np.float32("nan"), pd.NA, pd.NaT])
def test_a_missing_value_is_no_id(value):
    with pytest.raises(ValueError, match="`user_ids` should hold ids. Received: "):
        values.ids_of(["a", value], "user_ids")
    with pytest.raises(ValueError, match="`exclude` should hold ids. Received: "):
        values.lists_of([["a", value]], "exclude", 1)


@pytest.mark.parametrize("k", [0, 2**31, True, 1.5])
def test_a_length_is_a_whole_number(k):
    assert values.lengths_of(3, 2) == [3, 3] and values.lengths_of(None, 2) is None
    with pytest.raises(ValueError, match="`k` should be a whole number >= 1"):
        values.lengths_of(k, 1)


def test_answers_in_rows_are_turned_into_columns():
    rows = [{"a": [1], "b": 2}, {"a": [3], "b": 4}]
    assert values.columns_of({"predictions": rows}) == {"a": [[1], [3]], "b": [2, 4]}
    assert values.columns_of({"outputs": [1]}) == {"outputs": [1]}
    assert values.columns_of({"predictions": [{"a": 1}, {"b": 1}]}) is None


def test_bytes_become_text_of_the_same_shape():
    found = values.decoded(np.array([[b"a", b"\xff"]], object))
    assert found.shape == (1, 2) and found.tolist() == [["a", "\ufffd"]]
    assert values.text_of([{"b64": "w6k="}]) == ["\u00e9"]


def test_a_refusal_is_what_the_graph_says():
    assert values.refusal("x assertion failed: [`k` should be] [3] at y\nz") == "`k` should be 3"
    assert values.refusal("two\nlines") == "two lines"
