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
