"""The dispatcher and the workers of the `tf.data` service are processes of their own."""

import collections
import contextlib
import subprocess
import sys

import pytest

import advrec_tf as ar
from tests.data.streams.worlds import parquet_shards, table_of, tfrecord_shards

DISPATCHER = """
import tensorflow as tf
server = tf.data.experimental.service.DispatchServer()
print(server.target, flush=True)
server.join()
"""
WORKER = """
import sys
import tensorflow as tf
config = tf.data.experimental.service.WorkerConfig(dispatcher_address=sys.argv[1])
server = tf.data.experimental.service.WorkerServer(config)
print("ready", flush=True)
server.join()
"""


@contextlib.contextmanager
def process(code, *words):
    """(the first line that a Python process prints); the process ends with the block."""
    running = subprocess.Popen(
        [sys.executable, "-c", code, *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    try:
        yield running.stdout.readline().decode().strip()
    finally:
        running.kill()
        running.wait()
        running.stdout.close()


@pytest.mark.slow
def test_two_workers_deliver_each_row_once_in_every_epoch(tmp_path):
    stream = ar.data.stream(tfrecord_shards(tmp_path / "shards"), window=10)
    assert len(stream.shards) == 3
    with contextlib.ExitStack() as stack:
        target = stack.enter_context(process(DISPATCHER))
        for _ in range(2):
            ready = stack.enter_context(process(WORKER, target.removeprefix("grpc://")))
            assert ready == "ready"
        expected = table_of(44).to_pylist()
        for epoch in range(2):
            batches = ar.data.service_dataset(stream, target, batch_size=7, epoch=epoch)
            rows = [
                (int(user), item.decode(), float(rating))
                for batch in batches.as_numpy_iterator()
                for user, item, rating in zip(
                    batch["user_id"], batch["item_id"], batch["rating"], strict=True
                )
            ]
            assert collections.Counter(rows) == collections.Counter(
                (row["user_id"], row["item_id"], row["rating"]) for row in expected
            )


def test_shards_that_only_this_process_reads_and_odd_settings_are_refused(tmp_path):
    parquet = ar.data.stream(parquet_shards(tmp_path / "parquet"))
    with pytest.raises(ValueError, match="TFRecord.*part-0.parquet.*advrec data convert"):
        ar.data.service_dataset(parquet, "grpc://localhost:1", batch_size=2)
    stream = ar.data.stream(tfrecord_shards(tmp_path / "shards", counts=(5,)))
    with pytest.raises(ValueError, match="`batch_size` should be >= 1"):
        ar.data.service_dataset(stream, "grpc://localhost:1", batch_size=0)
    with pytest.raises(ValueError, match="`address`.*'localhost:1'"):
        ar.data.service_dataset(stream, "localhost:1", batch_size=2)
