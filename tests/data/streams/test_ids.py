import numpy as np
import pyarrow as pa
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams import ids
from advrec_tf.data.streams.ids import IdCounter, as_values, distinct_ids


def column(*values, kind=None):
    return pa.chunked_array([pa.array(values, kind)])


def test_texts_are_trimmed_composed_and_marks_are_missing():
    given = column("a", " a ", None, "NULL", "e\u0301", "\u00e9", "")
    codes, values = distinct_ids(given, "item", "string")
    read = [None if code < 0 else values[code].as_py() for code in codes.tolist()]
    assert read == ["a", "a", None, None, "\u00e9", "\u00e9", None]


def test_whole_floats_are_integers_and_others_no_ids():
    codes, values = distinct_ids(column(3.0, None, 3.0), "user", "float")
    assert codes.tolist() == [0, -1, 0] and as_values(values).tolist() == [3]
    with pytest.raises(DataError, match="'user': expected ids"):
        distinct_ids(column(3.5), "user", "float")
    with pytest.raises(DataError, match="the kind bool"):
        distinct_ids(column(True), "user", "bool")


@pytest.mark.parametrize("merge_at", [1, 10**6])
def test_counts_are_those_of_all_blocks_in_the_order_of_ids(monkeypatch, merge_at):
    monkeypatch.setattr(ids, "_MERGE_AT", merge_at)
    counter = IdCounter("item")
    for block in (column("b", "a", "b"), column(None, "c", " a"), column("b")):
        counter.add(*distinct_ids(block, "item", "string"))
    found, counts = counter.counts()
    assert found.tolist() == ["a", "b", "c"] and counts.tolist() == [2, 3, 1]
    assert counter.missing == 1


def test_more_ids_than_may_be_held_are_refused_with_the_way_out():
    counter = IdCounter("item", most=3)
    counter.add(*distinct_ids(column(1, 2, 3), "item", "int"))
    assert counter.counts()[0].tolist() == [1, 2, 3]
    counter.add(*distinct_ids(column(4), "item", "int"))
    with pytest.raises(ValueError, match="`max_ids`.*'item'.*`item_buckets`"):
        counter.counts()


def test_a_column_without_ids_has_no_counts():
    counter = IdCounter("item")
    counter.add(*distinct_ids(column(None, kind=pa.string()), "item", "string"))
    found, counts = counter.counts()
    assert len(found) == 0 and len(counts) == 0 and counter.missing == 1
    assert np.asarray(counts).dtype == np.int64
