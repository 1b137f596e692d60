"""Rows above memory: what a process needs that trains on shards, and that it learns the same."""

import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import advrec_tf as ar
from advrec_tf.data.streams.writing import write_shards
from tests.children import found_by

CEILING_MIB = 2048
CHILD = Path(__file__).with_name("trained_in_child.py")


def made_rows(count, users, items, block=2**18):
    """Rows that lie in the order of users, whose taste is a fifth of the catalogue."""
    rng = np.random.default_rng(0)
    for begin in range(0, count, block):
        size = min(block, count - begin)
        user = (begin + np.arange(size)) * users // count
        popular = (rng.random(size) ** 3 * (items // 5)).astype(np.int64)
        yield pa.table({"user_id": user, "item_id": user % 5 + 5 * popular})


@pytest.mark.slow
def test_ten_million_rows_train_below_two_gigabytes_to_the_metrics_of_memory(tmp_path):
    rows = 10_000_000
    kinds = {"user_id": "int", "item_id": "int"}
    write_shards(made_rows(rows, 100_000, 10_000), tmp_path / "shards", kinds=kinds)
    streamed = found_by(CHILD, "streamed", tmp_path / "shards")
    memory = found_by(CHILD, "memory", tmp_path / "shards")
    print(json.dumps({"streamed": streamed, "memory": memory}))
    assert streamed["rows"] == memory["rows"] == rows
    assert streamed["weights"] == memory["weights"]
    assert streamed["metrics"] == memory["metrics"]
    assert streamed["peak_mib"] < CEILING_MIB


def test_what_a_stream_holds_does_not_grow_with_its_rows(tmp_path):
    most = []
    for rows in (2_000, 60_000):
        folder = tmp_path / str(rows)
        made = made_rows(rows, 50, 20, block=1000)
        kinds = {"user_id": "int", "item_id": "int"}
        write_shards(made, folder, kinds=kinds, rows_of_a_shard=1000)
        stream = ar.data.stream(folder, window=1000)
        before = pa.total_allocated_bytes()
        ids = ar.data.count_ids(stream)
        data = ar.data.counted(stream, ids)
        held = []
        for window in stream.arrays(data.encoder, epoch=0):
            held.append(pa.total_allocated_bytes() - before + window["user_index"].nbytes)
        most.append(max(held))
    assert most[1] <= 2 * most[0] + 2**16
