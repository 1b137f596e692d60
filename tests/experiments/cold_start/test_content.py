import numpy as np
import pandas as pd

from experiments.cold_start.content import coded_where_few, items_with_fact


def test_items_with_a_fact_are_those_that_some_fact_names(cold_content):
    graph = cold_content.graph
    assert items_with_fact(graph).tolist() == [True] * 60
    some = graph.select(graph.heads != 3)
    assert np.flatnonzero(~items_with_fact(some)).tolist() == [3]


def test_columns_of_many_categories_are_left_out_by_name():
    table = pd.DataFrame(
        {"kind": ["a", "b", None, "a"] * 25, "name": [f"n{i}" for i in range(100)]}
    )
    coded, left_out = coded_where_few(table, "attributes")
    assert left_out == ["name"] and coded.width == 3  # a, b and missing
    assert coded_where_few(table[["name"]], "attributes") == (None, ["name"])
    assert coded_where_few(None, "attributes") == (None, [])
