import json

import numpy as np
import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

import advrec_tf as ar
from advrec_tf.data.readers.files import DataError, MissingColumnError
from advrec_tf.data.streams.position import Position
from tests.data.streams.worlds import (
    KINDS,
    csv_shards,
    delivered,
    parquet_shards,
    table_of,
    tfrecord_shards,
)

ROWS = 44  # of `parquet_shards` and its like


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    root = tmp_path_factory.mktemp("shards")
    return {
        "parquet": parquet_shards(root / "parquet"),
        "csv": csv_shards(root / "csv"),
        "tfrecord": tfrecord_shards(root / "tfrecord"),
    }


@pytest.fixture(params=["parquet", "csv", "tfrecord"])
def folder(request, folders):
    return folders[request.param]


def test_every_format_delivers_each_row_once_with_its_values(folder):
    stream = ar.data.stream(folder, window=10)
    assert len(stream) == ROWS and dict(stream.kinds) == KINDS
    rows = list(stream.dataset(3).as_numpy_iterator())
    assert sorted(row["rating"] for row in rows) == list(range(ROWS))
    for row in rows:
        number = int(row["rating"])
        assert row["user_id"] == number % 7 and row["item_id"] == f"i{number % 5}".encode()


def test_an_epoch_has_the_order_that_is_announced_and_that_of_no_other(folder):
    stream = ar.data.stream(folder, window=10)
    order = delivered(stream.dataset(1, batch_size=7))
    assert order == stream.order(1).tolist()
    assert order == ar.data.stream(folder, window=10).order(1).tolist()
    assert order != stream.order(0).tolist()
    assert order != ar.data.stream(folder, window=10, seed=1).order(1).tolist()


def test_an_epoch_goes_on_from_a_saved_position_as_if_it_had_not_stopped(folder):
    stream = ar.data.stream(folder, window=10)
    whole = delivered(stream.dataset(2, batch_size=4))
    place = stream.position(2)
    for batch in stream.dataset(place, batch_size=4).take(5):
        place = place.after(len(batch["rating"]))
    stored = json.loads(json.dumps(place.as_dict()))
    again = ar.data.stream(folder, window=10)
    assert delivered(again.dataset(Position(**stored), batch_size=4)) == whole[20:]
    assert delivered(again.dataset(again.position(2, ROWS), batch_size=4)) == []


def test_a_window_holds_the_rows_of_the_blocks_that_come_next(folders):
    # Row groups of 6, 6, 6, 2 | 6, 4 | 6, 6, 2 rows; a window ends once 10 rows are reached.
    stream = ar.data.stream(folders["parquet"], window=10)
    assert stream.rows.tolist() == [6, 6, 6, 2, 6, 4, 6, 6, 2]
    windows = stream.windows(0)
    sizes = [stream.rows[window].sum() for window in windows]
    assert all(size >= 10 for size in sizes[:-1])
    assert all(stream.rows[window[:-1]].sum() < 10 for window in windows)
    assert sorted(np.concatenate(windows)) == list(range(9))
    first = {0: 0, 1: 6, 2: 12, 3: 18, 4: 20, 5: 26, 6: 30, 7: 36, 8: 42}
    rows = {row for b in windows[0] for row in range(first[b], first[b] + stream.rows[b])}
    assert set(stream.order(0)[: sizes[0]]) == rows


def test_the_blocks_of_all_shards_are_shuffled_anew_in_every_epoch(folders):
    stream = ar.data.stream(folders["parquet"], window=1)
    orders = [np.concatenate(stream.windows(epoch)).tolist() for epoch in range(4)]
    assert all(sorted(order) == list(range(9)) != order for order in orders)
    assert len(set(map(tuple, orders))) == 4


def test_going_on_reads_no_block_before_the_window_of_the_position(folders, monkeypatch):
    stream = ar.data.stream(folders["parquet"], window=10)
    read = []
    original = type(stream).read
    monkeypatch.setattr(
        type(stream), "read", lambda self, block: read.append(block) or original(self, block)
    )
    windows = stream.windows(0)
    before = int(sum(stream.rows[window].sum() for window in windows[:2]))
    list(stream.dataset(stream.position(0, before), batch_size=50))
    assert read == np.concatenate(windows[2:]).tolist()


def test_a_position_of_another_stream_is_refused(folders):
    one = ar.data.stream(folders["parquet"])
    other = ar.data.stream(folders["parquet"], seed=1)
    with pytest.raises(ValueError, match="position of this stream"):
        other.dataset(one.position(0, 3))
    with pytest.raises(ValueError, match="`row` in 0..44. Received: 0 and 45"):
        one.position(0, 45)
    with pytest.raises(ValueError, match="`batch_size` should be >= 1"):
        one.dataset(batch_size=0)


def test_only_the_named_columns_are_read_in_the_kinds_that_were_asked_for(folder):
    stream = ar.data.stream(folder, columns=["item_id", "user_id"], kinds={"user_id": "string"})
    batch = next(iter(stream.dataset(batch_size=50)))
    assert list(batch) == ["item_id", "user_id"]
    assert batch["user_id"].dtype == tf.string and set(batch["user_id"].numpy()) == {
        str(user).encode() for user in range(7)
    }


def test_a_missing_value_is_nan_or_empty_and_refused_where_there_is_no_such_value(tmp_path):
    table = pa.table({"number": [1.5, None], "text": [None, "a"], "whole": pa.array([None, 3])})
    table = table.append_column("at", pa.array([0, None], pa.timestamp("s", "UTC")))
    parquet.write_table(table, tmp_path / "one.parquet")
    stream = ar.data.stream(tmp_path, columns=["number", "text", "at"])
    rows = sorted(stream.dataset().as_numpy_iterator(), key=lambda row: row["text"])
    assert rows[0]["number"] == 1.5 and rows[0]["text"] == b"" and rows[0]["at"] == 0
    assert np.isnan(rows[1]["number"]) and rows[1]["text"] == b"a" and np.isnan(rows[1]["at"])
    with pytest.raises(tf.errors.OpError, match="'whole'.*expected a value in every row"):
        list(ar.data.stream(tmp_path, columns=["whole"]).dataset())
    as_floats = ar.data.stream(tmp_path, columns=["whole"], kinds={"whole": "float"})
    values = [row["whole"] for row in as_floats.dataset().as_numpy_iterator()]
    assert sorted(values, key=np.isnan) == [3.0, pytest.approx(np.nan, nan_ok=True)]


def test_a_source_that_names_no_shard_or_two_formats_is_refused(folders, tmp_path):
    with pytest.raises(FileNotFoundError, match="absent.parquet, where no shard is"):
        ar.data.stream([folders["parquet"] / "part-0.parquet", tmp_path / "absent.parquet"])
    with pytest.raises(FileNotFoundError, match="where no shard is"):
        ar.data.stream(str(tmp_path / "*.csv"))
    with pytest.raises(FileNotFoundError, match="empty list"):
        ar.data.stream([])
    with pytest.raises(ValueError, match="one format"):
        ar.data.stream([folders["parquet"], folders["csv"]])
    with pytest.raises(ValueError, match="Received twice: .*part-0.parquet"):
        ar.data.stream([folders["parquet"], folders["parquet"] / "part-0.parquet"])
    (tmp_path / "a.csv.gz").touch()
    with pytest.raises(ValueError, match="compressed file cannot be read from its middle"):
        ar.data.stream(tmp_path / "a.csv.gz")


def test_arguments_out_of_their_range_are_refused(folders):
    parts = folders["parquet"]
    with pytest.raises(MissingColumnError, match="part-0.parquet.*'user'"):
        ar.data.stream(parts, columns=["user"])
    for wrong, said in (
        ({"seed": -1}, "`seed` should be >= 0"),
        ({"window": 0}, "`window` >= 1"),
        ({"columns": "user_id"}, "list of names"),
        ({"kinds": {"user_id": "int8"}}, "user_id=int8"),
        ({"kinds": {"nothing": "int"}}, "nothing=int"),
        ({"separator": ";"}, "for CSV alone"),
    ):
        with pytest.raises(ValueError, match=said):
            ar.data.stream(parts, **wrong)


def test_a_shard_with_another_schema_is_named(tmp_path):
    parquet_shards(tmp_path)
    parquet.write_table(table_of(3).drop_columns(["rating"]), tmp_path / "part-1.parquet")
    with pytest.raises(MissingColumnError, match="part-1.parquet.*'rating'"):
        ar.data.stream(tmp_path)
    texts = table_of(3).set_column(0, "user_id", pa.array(["a", "b", "c"]))
    parquet.write_table(texts, tmp_path / "part-1.parquet")
    with pytest.raises(DataError, match="part-1.parquet, column 'user_id'.*int, as in the first"):
        ar.data.stream(tmp_path)
    assert len(ar.data.stream(tmp_path, kinds={"user_id": "string"})) == 20 + 3 + 14


def test_a_shard_that_is_cut_short_is_named(folders, tmp_path):
    for name, parts in folders.items():
        copy = tmp_path / name
        copy.mkdir()
        paths = sorted(parts.iterdir())
        for path in paths:
            content = path.read_bytes()
            whole = path != paths[1]
            (copy / path.name).write_bytes(content if whole else content[: len(content) // 2 + 2])
        if name == "csv":  # half a line has fewer fields
            content = (copy / paths[1].name).read_bytes()
            (copy / paths[1].name).write_bytes(content[: content.rfind(b",")])
        with pytest.raises(DataError, match=paths[1].name):
            ar.data.stream(copy)
    (copy / paths[1].name).write_bytes(b"")
    with pytest.raises(DataError, match="empty file"):
        ar.data.stream(copy)


def test_a_record_that_was_changed_is_found_by_its_sum(folders, tmp_path):
    path = tmp_path / "one.tfrecord"
    content = bytearray((folders["tfrecord"] / "part-00000.tfrecord").read_bytes())
    content[-10] ^= 1  # in the last record
    path.write_bytes(content)
    with pytest.raises(tf.errors.OpError, match="one.tfrecord: expected whole records"):
        list(ar.data.stream(path).dataset(batch_size=50))


def test_a_shard_that_is_removed_or_replaced_later_is_named(tmp_path):
    stream = ar.data.stream(parquet_shards(tmp_path), window=5)
    parquet.write_table(table_of(11), tmp_path / "part-2.parquet")
    with pytest.raises(tf.errors.OpError, match="part-2.parquet.*bytes that it had"):
        list(stream.dataset(batch_size=5))
    (tmp_path / "part-2.parquet").unlink()
    with pytest.raises(tf.errors.OpError, match="part-2.parquet.*removed meanwhile"):
        list(stream.dataset(batch_size=5))


def test_a_stream_says_what_it_holds(folders):
    said = repr(ar.data.stream(folders["parquet"]))
    assert said == "Stream(44 rows of 3 shards: user_id (int), item_id (string), rating (float))"
