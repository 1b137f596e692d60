import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

import advrec_tf as ar
from advrec_tf.data.readers.files import DataError, MissingColumnError
from advrec_tf.ops.stored import DamagedFileError
from tests.data.streams.worlds import csv_shards, parquet_shards


@pytest.fixture(scope="module")
def stream(tmp_path_factory):
    """44 rows: row n is of user n % 7 and item "i" + n % 5."""
    return ar.data.stream(parquet_shards(tmp_path_factory.mktemp("shards")))


def test_ids_and_counts_are_those_of_all_shards(stream):
    ids = ar.data.count_ids(stream)
    # 44 = 6 * 7 + 2 = 8 * 5 + 4
    assert ids.users.vocabulary.ids.tolist() == list(range(7))
    assert ids.users.counts.tolist() == [7, 7, 6, 6, 6, 6, 6]
    assert ids.items.vocabulary.ids.tolist() == ["i0", "i1", "i2", "i3", "i4"]
    assert ids.items.counts.tolist() == [9, 9, 9, 9, 8]
    assert ids.rows == 44 and ids.keeps_all_rows
    assert repr(ids) == "CountedIds(44 rows; user_id: 7 ids; item_id: 5 ids)"


def test_the_format_of_the_shards_does_not_matter(stream, tmp_path):
    other = ar.data.count_ids(ar.data.stream(csv_shards(tmp_path / "csv")))
    ids = ar.data.count_ids(stream)
    for one, two in ((ids.users, other.users), (ids.items, other.items)):
        assert one.vocabulary.ids.tolist() == two.vocabulary.ids.tolist()
        assert one.counts.tolist() == two.counts.tolist()


def test_rare_ids_are_left_out_and_counted(stream):
    ids = ar.data.count_ids(stream, user_min_count=7, item_min_count=9)
    assert ids.users.vocabulary.ids.tolist() == [0, 1]
    assert (ids.users.rare, ids.users.rare_rows) == (5, 30)
    assert (ids.items.rare, ids.items.rare_rows) == (1, 8)
    assert not ids.keeps_all_rows and "5 rare ids with 30 rows left out" in repr(ids)
    with pytest.raises(DataError, match="'item_id': expected at least two ids with 10 rows"):
        ar.data.count_ids(stream, item_min_count=10)


@pytest.mark.parametrize("settings", [{}, {"user_min_count": 7}, {"user_buckets": 50}])
def test_what_is_saved_beside_a_model_is_read_back(stream, tmp_path, settings):
    ids = ar.data.count_ids(stream, **settings)
    ids.save(tmp_path / "ids.npz")
    again = ar.data.load_ids(tmp_path / "ids.npz")
    assert repr(again) == repr(ids) and again.data_fingerprint == stream.data_fingerprint
    asked = np.array([0, 1, 5])
    known, same = ids.users.vocabulary.index_of(asked), again.users.vocabulary.index_of(asked)
    assert known.tolist() == same.tolist()
    assert again.users.counts.tolist() == ids.users.counts.tolist()
    assert again.items.vocabulary.ids.tolist() == ids.items.vocabulary.ids.tolist()
    assert again.users.collisions == ids.users.collisions
    with pytest.raises(FileExistsError):
        ids.save(tmp_path / "ids.npz")


def test_a_file_of_something_else_is_refused(tmp_path):
    np.savez(tmp_path / "ids.npz", rows=np.array(3))
    with pytest.raises(DamagedFileError, match="no vocabularies.*count_ids"):
        ar.data.load_ids(tmp_path / "ids.npz")


def test_settings_that_do_not_fit_are_refused(stream):
    with pytest.raises(MissingColumnError, match="'user'"):
        ar.data.count_ids(stream, user_column="user")
    with pytest.raises(ValueError, match="`item_min_count` should be >= 1"):
        ar.data.count_ids(stream, item_min_count=0)
    with pytest.raises(ValueError, match="beside `user_buckets`"):
        ar.data.count_ids(stream, user_min_count=2, user_buckets=5)
    with pytest.raises(ValueError, match="`max_ids`"):
        ar.data.count_ids(stream, max_ids=4)


def test_rows_without_an_id_are_counted(tmp_path):
    table = pa.table({"user_id": [1, None, 2], "item_id": ["a", "b", " "]})
    parquet.write_table(table, tmp_path / "one.parquet")
    ids = ar.data.count_ids(ar.data.stream(tmp_path))
    assert (ids.users.missing, ids.items.missing) == (1, 1)
    assert ids.items.vocabulary.ids.tolist() == ["a", "b"] and not ids.keeps_all_rows
