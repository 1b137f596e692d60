import gzip

import pyarrow as pa
import pytest

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


def test_nothing_is_written_where_a_shard_is_damaged_in_the_middle(tmp_path):
    folder = parquet_shards(tmp_path / "in")
    path = folder / "part-1.parquet"
    content = bytearray(path.read_bytes())
    content[4:60] = b"\xff" * 56  # the pages of its first column
    path.write_bytes(content)
    with pytest.raises(DataError, match="part-1.parquet"):
        convert(folder, tmp_path / "out", rows_of_a_shard=6)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]
