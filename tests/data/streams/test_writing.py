import datetime

import pyarrow as pa
import pytest
from pyarrow import parquet

import advrec_tf as ar
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams import writing
from advrec_tf.data.streams.writing import write_shards
from tests.data.streams.worlds import KINDS, table_of


def test_rows_are_written_in_shards_of_about_the_size_and_read_back_in_order(tmp_path, monkeypatch):
    monkeypatch.setattr(writing, "ROWS_OF_A_BLOCK", 4)
    out, lines = tmp_path / "out", []
    tables = [table_of(5), table_of(1, 5), table_of(16, 6)]
    names = write_shards(tables, out, kinds=KINDS, rows_of_a_shard=11, log=lines.append)
    assert names == ["part-00000.parquet", "part-00001.parquet"]
    assert lines == ["part-00000.parquet: 12 rows so far"]
    stream = ar.data.stream(out)
    assert stream.rows.tolist() == [4, 4, 4, 4, 4, 2]
    assert pa.concat_tables(stream.blocks()).to_pydict() == table_of(22).to_pydict()
    with pytest.raises(FileExistsError):
        write_shards(tables, out, kinds=KINDS)


# Users of 3, 1, 4, 2 and 1 rows. A shard of 3 rows or more ends where the next user begins: after
# user 0 (3 rows), after users 1 and 2 (5 rows), and users 3 and 4 are left (3 rows). A row without
# a user goes with the one before it.
@pytest.mark.parametrize("rows_of_a_block", [1, 2, 5, 100])
@pytest.mark.parametrize("users", [list("aaabccccdde"), [0, 0, 0, 1, 2, None, 2, 2, 3, 3, 4]])
def test_the_rows_of_a_user_are_not_cut_between_shards(
    tmp_path, monkeypatch, rows_of_a_block, users
):
    monkeypatch.setattr(writing, "ROWS_OF_A_BLOCK", rows_of_a_block)
    kinds = {"user": "string" if users[0] == "a" else "int", "row": "int"}
    table = pa.table({"user": users, "row": range(11)})
    write_shards([table], tmp_path / "out", kinds=kinds, rows_of_a_shard=3, together="user")
    shards = [parquet.read_table(path) for path in sorted((tmp_path / "out").iterdir())]
    assert [shard["row"].to_pylist() for shard in shards] == [
        [0, 1, 2],
        [3, 4, 5, 6, 7],
        [8, 9, 10],
    ]


def test_rows_that_are_not_sorted_by_user_are_refused(tmp_path):
    table = pa.table({"user": ["a", "b", "a"]})
    settings = {"kinds": {"user": "string"}, "rows_of_a_shard": 1}
    with pytest.raises(DataError, match="'user': expected.*rows of 'a' in two places: sort"):
        write_shards([table], tmp_path / "out", together="user", **settings)
    with pytest.raises(ValueError, match="`together` should be one of the columns, user. Received"):
        write_shards([table], tmp_path / "out", together="users", **settings)
    assert list(tmp_path.iterdir()) == []


def test_a_writing_that_fails_leaves_nothing(tmp_path):
    def tables():
        yield table_of(3)
        raise DataError("the second shard is cut short")

    with pytest.raises(DataError, match="second shard"):
        write_shards(tables(), tmp_path / "out", kinds=KINDS, rows_of_a_shard=2)
    assert list(tmp_path.iterdir()) == []


def test_tfrecord_keeps_missing_values_and_whole_microseconds(tmp_path):
    at = datetime.datetime(2020, 1, 1, 0, 0, 0, 5)
    table = pa.table(
        {"user": [1, None], "at": [at, None], "rating": [0.5, None], "ok": [True, None]}
    )
    kinds = {"user": "int", "at": "time", "rating": "float", "ok": "bool"}
    write_shards([table], tmp_path / "out", kinds=kinds, file_format="tfrecord")
    stream = ar.data.stream(tmp_path / "out", kinds={"at": "time", "ok": "bool"})
    (read,) = stream.blocks()
    assert read.select(list(kinds)).to_pydict() == table.to_pydict()


def test_tfrecord_refuses_whole_numbers_that_would_lose_digits(tmp_path):
    table = pa.table({"at": [1_200_000_001.0]})
    with pytest.raises(DataError, match="'at'.*32 bits.*1200000001"):
        write_shards([table], tmp_path / "out", kinds={"at": "float"}, file_format="tfrecord")


def test_settings_out_of_their_range_are_refused(tmp_path):
    with pytest.raises(ValueError, match="`file_format` should be one of parquet, tfrecord"):
        write_shards([], tmp_path / "out", kinds=KINDS, file_format="csv")
    with pytest.raises(ValueError, match="`rows_of_a_shard` should be >= 1"):
        write_shards([], tmp_path / "out", kinds=KINDS, rows_of_a_shard=0)


def test_dictionaries_of_text_are_text(tmp_path):
    table = pa.table({"item": pa.array(["a", "b", "a"]).dictionary_encode()})
    parquet.write_table(table, tmp_path / "one.parquet")
    stream = ar.data.stream(tmp_path / "one.parquet")
    assert stream.kinds["item"] == "string"
    lists = pa.table({"item": [[1], [2]]})
    parquet.write_table(lists, tmp_path / "two.parquet")
    with pytest.raises(DataError, match="two.parquet, column 'item'.*list"):
        ar.data.stream(tmp_path / "two.parquet")
