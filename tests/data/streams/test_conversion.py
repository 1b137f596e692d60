import gzip

import pyarrow as pa
import pytest
import tensorflow as tf
from pyarrow import parquet

import advrec_tf as ar
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams.conversion import convert
from tests.data.streams.worlds import csv_shards, parquet_shards, table_of


def written(folder, **settings):
    return pa.concat_tables(ar.data.stream(folder, **settings).blocks())


@pytest.mark.parametrize("make", [csv_shards, parquet_shards])
def test_rows_keep_their_order_and_columns_can_be_chosen_and_renamed(tmp_path, make):
    lines = []
    columns = {"item_id": "item", "rating": "rating"}
    done = convert(
        make(tmp_path / "in"),
        tmp_path / "out",
        columns=columns,
        rows_of_a_shard=20,
        log=lines.append,
    )
    assert done.rows == 44 and len(done.shards) == 3 and len(lines) == 2
    expected = table_of(44).select(["item_id", "rating"]).rename_columns(["item", "rating"])
    assert written(tmp_path / "out").to_pydict() == expected.to_pydict()


def test_parquet_becomes_tfrecord(tmp_path):
    convert(parquet_shards(tmp_path / "in"), tmp_path / "out", file_format="tfrecord")
    found = written(tmp_path / "out").select(table_of(1).column_names)
    assert found.to_pydict() == table_of(44).to_pydict()


def test_a_compressed_csv_file_is_read_from_its_start(tmp_path):
    (csv_path,) = csv_shards(tmp_path / "in", counts=(9,)).iterdir()
    (tmp_path / "a.csv.gz").write_bytes(gzip.compress(csv_path.read_bytes()))
    convert(tmp_path / "a.csv.gz", tmp_path / "out")
    assert written(tmp_path / "out").to_pydict() == table_of(9).to_pydict()


def test_shards_by_user_are_read_by_windows_of_histories(tmp_path):
    # 13 users of 1, 2, 3, 4, 5, 1, 2, ... rows; a window each for those of two rows or more
    users = [f"u{user:02}" for user in range(13) for _ in range(1 + user % 5)]
    table = pa.table({"user": users, "item_id": [row % 3 for row in range(len(users))]})
    parquet.write_table(table, tmp_path / "one.parquet", row_group_size=4)
    names = {"user": "user_id", "item_id": "item_id"}
    settings = {"columns": names, "rows_of_a_shard": 8}
    done = convert(tmp_path / "one.parquet", tmp_path / "by_user", together="user", **settings)
    convert(tmp_path / "one.parquet", tmp_path / "anywhere", **settings)
    # 1 + 2 + 3 + 4 = 10 rows, then 5 + 1 + 2 = 8, 3 + 4 + 5 = 12, and 1 + 2 + 3 = 6
    rows = [len(ar.data.stream(tmp_path / "by_user" / name)) for name in done.shards]
    assert rows == [10, 8, 12, 6]

    def histories(folder):
        stream = ar.data.stream(folder)
        data = ar.data.counted(stream, ar.data.count_ids(stream))
        batches = ar.data.stream_windows(data, length=4, batch_size=1)
        taken = batches.dataset(0).take(batches.steps_per_epoch)
        return sorted(int(batch["user_index"][0]) for batch in taken)

    assert histories(tmp_path / "by_user") == [1, 2, 3, 4, 6, 7, 8, 9, 11, 12]
    cure = "not sorted by 'user_id', or a shard ends among.*`convert.*together='user_id'"
    with pytest.raises(tf.errors.OpError, match=cure):
        histories(tmp_path / "anywhere")
    with pytest.raises(ValueError, match="`together` should be a column that is written, one of u"):
        convert(tmp_path / "one.parquet", tmp_path / "new", together="user_id", **settings)


def test_rows_in_two_places_are_said_of_the_column_of_the_source(tmp_path):
    table = pa.table({"who": ["a", "b", "a"], "item_id": [0, 1, 2]})
    parquet.write_table(table, tmp_path / "one.parquet")
    names = {"who": "user_id", "item_id": "item_id"}
    with pytest.raises(DataError, match="'who': expected .* of 'a' in .*: sort the rows by 'who'"):
        convert(tmp_path / "one.parquet", tmp_path / "out", columns=names, together="who")


def test_nothing_is_written_where_a_shard_is_damaged_in_the_middle(tmp_path):
    folder = parquet_shards(tmp_path / "in")
    path = folder / "part-1.parquet"
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56  # the pages of its first column
    path.write_bytes(content)
    with pytest.raises(DataError, match="part-1.parquet"):
        convert(folder, tmp_path / "out", rows_of_a_shard=6)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
