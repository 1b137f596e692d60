import numpy as np
import pytest

from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams.shards import Shard, find_shards, format_name, unchanged


def test_shards_of_a_folder_come_in_the_order_of_their_names_without_hidden_files(tmp_path):
    for name in ("b.csv", "a.csv", ".a.csv", "_SUCCESS", "notes.txt", "c.CSV"):
        (tmp_path / name).touch()
    found = find_shards(tmp_path)
    assert [path.rsplit("/")[-1] for path in found] == ["a.csv", "b.csv", "c.CSV"]
    assert find_shards(str(tmp_path / "[ab].csv")) == found[:2]
    assert find_shards([tmp_path / "b.csv", str(tmp_path / "a*")]) == [found[1], found[0]]


def test_a_name_with_the_signs_of_a_pattern_is_a_name_where_such_a_file_is(tmp_path):
    (tmp_path / "a[1].csv").touch()
    assert len(find_shards(tmp_path / "a[1].csv")) == 1


def test_the_format_is_that_of_the_endings():
    assert format_name(["a.pq", "b.parquet"]) == "parquet"
    assert format_name(["a.tsv"]) == "csv" and format_name(["a.tfrecords"]) == "tfrecord"
    with pytest.raises(ValueError, match="Received: a.txt"):
        format_name(["a.txt"])


def test_an_error_of_the_disk_names_the_shard(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("abc")
    shard = Shard(path=str(path), size=3, rows=np.array([1]), places=np.array([0, 3]))
    with unchanged(shard):
        pass
    with pytest.raises(DataError, match="a.csv: expected a whole shard. Received: broken"):
        with unchanged(shard):
            raise OSError("broken")
