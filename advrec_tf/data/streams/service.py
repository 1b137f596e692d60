"""Rows of TFRecord shards through the workers of a `tf.data` service.

The service sends a pipeline to other processes, so it has to be a graph: TFRecord is read by
TensorFlow alone, Parquet and CSV are not. Which worker reads which shard is decided while they run
(`DYNAMIC`), so each row comes once in an epoch, and in no fixed order.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.streams.stream import Stream
from advrec_tf.data.streams.tfrecord import TFRecordFormat

_TYPES = {"int": tf.int64, "float": tf.float32, "string": tf.string}
_MISSING = {"int": None, "float": float("nan"), "string": ""}
SHUFFLED = 2**16
"""Rows that a worker shuffles among at most."""


def service_dataset(
    stream: Stream, address: str, *, batch_size: int, epoch: int = 0, job_name: str | None = None
) -> tf.data.Dataset:
    """The rows of one epoch in batches, read by the workers of a `tf.data` service.

    Columns are int64, float32 or text; a missing number is NaN, a missing text empty, and a missing
    integer an error of the worker.

    Args:
        stream: of TFRecord shards that every worker can read by the same paths.
        address: of the dispatcher, such as "grpc://localhost:5050".
        batch_size: rows of an element, >= 1; the last ones of a worker are fewer.
        epoch: its number; shuffles differ between epochs.
        job_name: consumers that give the same one share the rows of an epoch, each row for one of
            them.

    Raises:
        ValueError: if the shards are no TFRecord, `batch_size` < 1, or the address has no protocol.
    """
    if not isinstance(stream.file_format, TFRecordFormat):
        raise ValueError(
            "`stream` should be one of TFRecord shards, which the workers of a service read "
            f"without this process. Received: {stream.shards[0].path}. `advrec data convert "
            "--shard-format tfrecord` writes them."
        )
    if batch_size < 1 or "://" not in address:
        raise ValueError(
            "`batch_size` should be >= 1 and `address` like 'grpc://localhost:5050'. "
            f"Received: {batch_size!r} and {address!r}."
        )
    own = stream.file_format.own_kinds
    specs = {
        name: tf.io.FixedLenFeature([], _TYPES[own[name]], default_value=_MISSING[own[name]])
        for name in stream.kinds
    }
    # Shuffled here: behind a `shuffle` of the files every worker would read all of them.
    order = np.random.default_rng([stream.seed, epoch]).permutation(len(stream.shards))
    shards = tf.data.Dataset.from_tensor_slices([stream.shards[i].path for i in order])
    rows = shards.interleave(tf.data.TFRecordDataset, cycle_length=4)
    rows = rows.shuffle(
        min(stream.window, SHUFFLED), seed=stream.seed + epoch, reshuffle_each_iteration=False
    )
    batches = rows.batch(batch_size).map(lambda examples: tf.io.parse_example(examples, specs))
    return batches.apply(
        tf.data.experimental.service.distribute(
            processing_mode=tf.data.experimental.service.ShardingPolicy.DYNAMIC,
            service=address,
            job_name=None if job_name is None else f"{job_name}-{epoch}",
        )
    )
