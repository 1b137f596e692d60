import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.schema import are_lists, columns_of, features_of, kind_of, require_kinds
from tests.worlds import interactions_of


@pytest.mark.parametrize(
    "kind, values",
    [
        ("number", [20.0, 30.0, np.nan, 40.0]),
        ("category", [0, 1, 1, 0]),
        ("category", [True, False, True, True]),
        ("category", ["x", None, "y", "x"]),
        ("category", pd.Series([1, 2, 3, 4], dtype="category")),
        ("category", ["New York", "Los Angeles", "New York", "New York"]),
        ("time", pd.to_datetime(["2024-01-01", None, "2024-01-02", "2024-01-03"])),
        ("sequence", ["a|b", "a", None, "b"]),
        ("sequence", [["a", "b"], ["a"], [], ["b"]]),
        ("vector", [[1.0, 2.0], [3.0, 4.0], None, [5.0, 6.0]]),
        ("text", ["a fine day", "the rain it raineth", "one two three", None]),
    ],
)
def test_values_say_of_which_kind_they_are(kind, values):
    assert kind_of(pd.Series(values)) == kind


@pytest.mark.parametrize(
    ("texts", "lists"),
    [
        (["a|b", "a", "b"], True),  # 2 entries in 3 texts
        (["a|b", "b|c", "a|c"], True),  # a and b, b and c: both have b
        (["x|y", "a", "b"], False),  # 4 entries in 3 texts
        (["de|1", "de|2", "de|3"], False),  # 4 entries in 3 texts
        (["u|1", "u|2", "v|1", "v|2", "v|3"], False),  # 5 in 5, but u and v are never second
        ([*"abcdefghijk", "a|b"], False),  # 1 of 12 texts
        ([*"abcdefghi", "a|b"], True),  # 1 of 10
        (["a|b", "c", ""], True),  # 3 entries in 2 texts, which are few: half have several
        ([f"{i}|x{i}" for i in range(8)] + ["8", "9"], False),  # 18 entries in 10 texts
        ([f"{i}|x{i}" for i in range(8)] + ["8"], True),  # 17 entries in 9 texts, which are few
        (["a", "b"], False),
        ([], False),
    ],
)
def test_entries_of_lists_recur_and_parts_of_ids_do_not(texts, lists):
    assert are_lists(texts * 2) is lists
    assert (kind_of(pd.Series(texts, dtype=object)) == "sequence") is lists


def test_a_kind_may_be_named_where_values_do_not_show_it():
    table = pd.DataFrame({"hour": [1, 2, 3], "price": [1.0, 2.0, 4.0]})
    hour, price = columns_of(table, {"hour": "category"})
    assert (hour.kind, price.kind) == ("category", "number")
    with pytest.raises(ValueError, match="kinds among category, id, .*hour=clock"):
        require_kinds({"hour": "clock"}, ["hour"])
    with pytest.raises(ValueError, match="which are hour. Received: 'minute'"):
        require_kinds({"minute": "number"}, ["hour"])


def test_a_table_is_encoded_by_the_columns_of_another():
    columns = columns_of(pd.DataFrame({"job": ["x", "y"]}))
    values = features_of(pd.DataFrame({"job": ["y", "z"], "more": [1, 2]}), columns).values
    assert list(values) == ["job"] and values["job"].tolist() == [1, 2]


def test_the_schema_of_interactions_lists_ids_and_columns():
    data = interactions_of(
        [(0, 0), (1, 1)],
        users=["u", "v"],
        user_features=pd.DataFrame({"age": [20.0, 30.0]}),
        context=pd.DataFrame({"device": ["tv", "phone"]}),
    )
    schema = data.schema
    assert schema.user_id.categories == ("u", "v") and schema.item_id.categories == ("0", "1")
    assert (
        schema.summary() == "users: age (category); items: no columns; context: device (category)"
    )
