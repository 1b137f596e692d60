"""Batches of a stream, as `data.batches.of_pairs` makes them of interactions in memory.

The batches are cut from the endless sequence of epochs, so all are of one size; where the rows of
an epoch do not divide by it, a batch holds the last rows of one and the first of the next. Training
that stopped after an epoch of `fit` goes on at the row where it was.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator
from typing import TYPE_CHECKING

import tensorflow as tf

from advrec_tf.data.batches import Batches
from advrec_tf.data.streams.stream import Arrays

if TYPE_CHECKING:
    from advrec_tf.data.streams.counted import CountedInteractions


def of_counted(
    data: CountedInteractions,
    *,
    batch_size: int,
    seed: int = 0,
    steps_per_epoch: int | None = None,
) -> Batches:
    """Batches of `user_index`, `item_index` [batch] int32, `weight` of ones, `generated` of False,
    `seed` [2] int32, and `label` [batch] float32 where a rating column was named.

    Args:
        data: the interactions.
        batch_size: rows of a batch.
        seed: added to that of the stream, for the order; and of the seeds of the batches.
        steps_per_epoch: batches in an epoch of `fit`, after which it validates and saves; by
            default those of all rows. With fewer, training that stopped in the middle of a long
            epoch goes on there.

    Raises:
        ValueError: if there is no row, or a number is < 1.
    """
    if not len(data) or batch_size < 1 or (steps_per_epoch is not None and steps_per_epoch < 1):
        raise ValueError(
            "Batches should have a row to draw from, and `batch_size` and `steps_per_epoch` be "
            f">= 1. Received: {len(data)} rows, {batch_size!r} and {steps_per_epoch!r}."
        )
    count = len(data)
    batch_size = min(batch_size, count)
    steps = steps_per_epoch or -(-count // batch_size)
    stream = dataclasses.replace(data.stream, seed=data.stream.seed + seed)
    columns = {"user_index": tf.int32, "item_index": tf.int32}
    if data.encoder.rating_column is not None:
        columns["label"] = tf.float32

    def rows_from(epoch: int, row: int) -> Iterator[Arrays]:
        for number in itertools.count(epoch):
            yield from stream.arrays(data.encoder, epoch=number, row=row, rows=data.rows)
            row = 0

    def with_the_rest(step, batch):
        key = tf.stack([tf.constant(seed, tf.int64), step])
        return {
            **batch,
            "weight": tf.ones(batch_size),
            "generated": tf.zeros(batch_size, tf.bool),
            "seed": tf.random.stateless_uniform([2], key, minval=None, maxval=None, dtype=tf.int32),
        }

    def dataset(first_epoch: int) -> tf.data.Dataset:
        first = first_epoch * steps
        epoch, row = divmod(first * batch_size, count)
        windows = tf.data.Dataset.from_generator(
            lambda: rows_from(epoch, row),
            output_signature={name: tf.TensorSpec([None], kind) for name, kind in columns.items()},
        )
        batches = windows.prefetch(1).rebatch(batch_size, drop_remainder=True)
        return batches.enumerate(first).map(with_the_rest).prefetch(4)

    return Batches(steps, dataset)
