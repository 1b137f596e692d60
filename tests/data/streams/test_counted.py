import warnings

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import advrec_tf as ar
from tests.data.streams.worlds import parquet_shards, table_of
from tests.worlds import interactions_of_ids


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    return ar.data.stream(parquet_shards(tmp_path_factory.mktemp("shards")))


def pairs_of(data):
    users, items = data.users.ids[data.user_index], data.items.ids[data.item_index]
    return list(zip(users.tolist(), items.tolist(), strict=True))


def test_counts_are_there_before_any_row_is_read(stream, monkeypatch):
    ids = ar.data.count_ids(stream)
    monkeypatch.setattr(type(stream), "read", lambda *_: pytest.fail("a row was read"))
    data = ar.data.counted(stream, ids)
    assert (len(data), data.num_users, data.num_items) == (44, 7, 5)
    assert data.user_counts().tolist() == [7, 7, 6, 6, 6, 6, 6]
    assert data.item_counts().tolist() == [9, 9, 9, 9, 8]


def test_rows_are_those_of_the_files_where_they_are_asked_for(stream):
    data = ar.data.counted(stream, ar.data.count_ids(stream), rating_column="rating")
    assert pairs_of(data) == [(n % 7, f"i{n % 5}") for n in range(44)]
    assert data.rating.tolist() == list(range(44))
    # The mean of 0 to 43 is 43 / 2, that of their squares 43 * 87 / 6.
    assert data.rating_summary == pytest.approx((21.5, 623.5, 0.0, 43.0))
    held = data.held().by_user()
    assert data.by_user().items.tolist() == held.items.tolist()
    assert data.by_user().row_splits.tolist() == held.row_splits.tolist()
    assert pairs_of(data.select(np.array([3, 1]))) == [(3, "i3"), (1, "i1")]


def test_pairs_that_are_withheld_are_nowhere(stream):
    data = ar.data.counted(stream, ar.data.count_ids(stream))
    other = data.select(np.array([0, 8]))  # (0, i0), again at row 35; (1, i3), again at 43
    rest = data.without(other)
    expected = [pair for pair in pairs_of(data) if pair not in ((0, "i0"), (1, "i3"))]
    assert pairs_of(rest) == expected and len(rest) == 40
    assert rest.user_counts().tolist() == [5, 5, 6, 6, 6, 6, 6]
    batches = list(rest.batches(batch_size=40).dataset(0).take(1))
    users, items = batches[0]["user_index"].numpy(), batches[0]["item_index"].numpy()
    drawn = zip(rest.users.ids[users].tolist(), rest.items.ids[items].tolist(), strict=True)
    assert sorted(drawn) == sorted(expected)
    assert rest.fingerprint() != data.fingerprint()


def test_rare_and_missing_ids_are_left_out_and_counted(tmp_path):
    table = pa.table({"user_id": [1, 1, 2, 2, 3, None], "item_id": ["a", "b", "a", "b", "a", "b"]})
    parquet.write_table(table, tmp_path / "one.parquet")
    stream = ar.data.stream(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # they were counted before: nothing is new
        data = ar.data.counted(stream, ar.data.count_ids(stream, user_min_count=2))
    assert pairs_of(data) == [(1, "a"), (1, "b"), (2, "a"), (2, "b")] and len(data) == 4
    assert data.left_out == {"without user_id": 1, "user_id not in the vocabulary": 1}
    assert "without user_id: 1 rows" in repr(data)


def test_rows_without_a_time_are_left_out_and_counted_where_times_are_asked_for(tmp_path):
    table = pa.table(
        {
            "user_id": [1, 1, 2, 2, 3],
            "item_id": ["a", "b", "a", "b", "a"],
            "when": [1.0, None, 2.0, float("nan"), 3.0],
        }
    )
    parquet.write_table(table, tmp_path / "one.parquet")
    stream = ar.data.stream(str(tmp_path / "*.parquet"))
    ids = ar.data.count_ids(stream)
    data = ar.data.counted(stream, ids, time_column="when")
    assert len(data) == 3 and data.left_out == {"without when": 2}
    assert pairs_of(data) == [(1, "a"), (2, "a"), (3, "a")]
    assert data.item_counts().tolist() == [3, 0]
    rest = data.without(data.select(np.array([0])))
    assert pairs_of(rest) == [(2, "a"), (3, "a")]
    assert len(ar.data.counted(stream, ids)) == 5


def test_new_ids_in_later_shards_are_counted_and_said(stream, tmp_path):
    ids = ar.data.count_ids(stream)
    later = table_of(10)
    later = later.set_column(1, "item_id", pa.array(["new", *later["item_id"].to_pylist()[1:]]))
    parquet.write_table(later, tmp_path / "later.parquet")
    with pytest.warns(
        UserWarning, match="1 new ids in 'item_id' with 1 rows .such as 'new'.*1 of 10"
    ):
        data = ar.data.counted(ar.data.stream(tmp_path), ids)
    assert len(data) == 9 and data.item_counts().sum() == 9
    assert data.left_out == {"item_id not in the vocabulary": 1}


def test_vocabularies_of_another_data_set_are_refused(stream, tmp_path):
    ids = ar.data.count_ids(stream)
    table = pa.table({"user_id": ["anna", "ben"], "item_id": ["i0", "i1"]})
    parquet.write_table(table, tmp_path / "other.parquet")
    with pytest.raises(ValueError, match="other.parquet.*0 of 2 rows: 2 new ids in 'user_id'"):
        ar.data.counted(ar.data.stream(tmp_path), ids)


def test_what_was_written_from_memory_streams_back(tmp_path):
    data = interactions_of_ids([("a", "x"), ("b", "y"), ("a", "y")], rating=[1.0, np.nan, 3.0])
    data.to_parquet(tmp_path / "one.parquet")
    stream = ar.data.stream(tmp_path / "one.parquet")
    again = ar.data.counted(stream, ar.data.count_ids(stream), rating_column="rating")
    assert pairs_of(again) == [("a", "x"), ("b", "y"), ("a", "y")]
    assert again.rating.tolist() == pytest.approx([1.0, np.nan, 3.0], nan_ok=True)
