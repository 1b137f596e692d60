import pytest
import tensorflow as tf

import advrec_tf as ar
from advrec_tf.data.readers.files import DataError
from advrec_tf.data.streams import tfrecord


def write(path, examples):
    """A file of examples, each a dictionary of lists of values."""
    with tf.io.TFRecordWriter(str(path)) as writer:
        for values in examples:
            features = {}
            for name, listed in values.items():
                if isinstance(listed[0], bytes):
                    features[name] = tf.train.Feature(bytes_list=tf.train.BytesList(value=listed))
                else:
                    features[name] = tf.train.Feature(int64_list=tf.train.Int64List(value=listed))
            example = tf.train.Example(features=tf.train.Features(feature=features))
            writer.write(example.SerializeToString())
    return path


def test_blocks_are_whole_records_in_their_order(tmp_path, monkeypatch):
    monkeypatch.setattr(tfrecord, "BLOCK_BYTES", 100)
    path = write(tmp_path / "one.tfrecord", [{"user": [n]} for n in range(9)])
    stream = ar.data.stream(path)
    assert len(stream.rows) > 2 and stream.rows.sum() == 9
    assert [row["user"] for block in stream.blocks() for row in block.to_pylist()] == list(range(9))


def test_a_feature_that_an_example_lacks_is_missing(tmp_path):
    examples = [{"user": [1], "item": [b"a"]}, {"user": [2]}, {"user": [3], "item": [b"c"]}]
    stream = ar.data.stream(write(tmp_path / "one.tfrecord", examples))
    (table,) = stream.blocks()
    assert table["item"].to_pylist() == ["a", None, "c"]


def test_examples_of_another_form_are_named(tmp_path):
    several = write(tmp_path / "a.tfrecord", [{"user": [1, 2]}])
    with pytest.raises(DataError, match="a.tfrecord, feature 'user'.*one value.*Received 2"):
        ar.data.stream(several)
    later = ar.data.stream(write(tmp_path / "b.tfrecord", [{"user": [1]}, {"user": [1, 2]}]))
    with pytest.raises(DataError, match="b.tfrecord, feature 'user'.*at most one"):
        list(later.blocks())
    odd = ar.data.stream(write(tmp_path / "c.tfrecord", [{"user": [1]}, {"user": [b"a"]}]))
    with pytest.raises(DataError, match="c.tfrecord.*user \\(int\\)"):
        list(odd.blocks())
    (tmp_path / "d.tfrecord").write_bytes(b"no records, but as many bytes as one has")
    with pytest.raises(DataError, match="d.tfrecord.*no TFRecord file"):
        ar.data.stream(tmp_path / "d.tfrecord")
    with tf.io.TFRecordWriter(str(tmp_path / "e.tfrecord")) as writer:
        writer.write(b"\xff no example")
    with pytest.raises(DataError, match="e.tfrecord.*tf.train.Example"):
        ar.data.stream(tmp_path / "e.tfrecord")
