"""Batches of encoded table rows for `fit`: compact in memory, widened in the graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import tensorflow as tf

from advrec_tf.data.batches import Batches, shuffled_index
from advrec_tf.data.streams.batches import of_epochs
from advrec_tf.data.streams.stream import Arrays
from advrec_tf.tabular.counted import CountedTable
from advrec_tf.tabular.transform import EncodedRows, TableTransform


def of_rows(rows: EncodedRows, *, batch_size: int, seed: int, multiple_of: int = 1) -> Batches:
    """`choices` [batch, columns] int32, `numbers` [batch, numbers] float32, `seed` [2] int32.

    Args:
        batch_size: at most the number of rows; rounded down to `multiple_of`.

    Raises:
        ValueError: if there are fewer rows, or a smaller batch, than `multiple_of`.
    """
    size = _batch_rows(len(rows), batch_size, multiple_of)
    choices, numbers = tf.constant(rows.choices), tf.constant(rows.numbers)

    def dataset(first_epoch: int) -> tf.data.Dataset:
        def gather(batch):
            return {
                "choices": tf.gather(choices, batch["index"]),
                "numbers": tf.gather(numbers, batch["index"]),
                "seed": batch["seed"],
            }

        return shuffled_index(len(rows), size, seed, first_epoch).map(gather).prefetch(4)

    return Batches(-(-len(rows) // size), dataset)


def of_table(
    table: CountedTable,
    transform: TableTransform,
    *,
    batch_size: int,
    seed: int,
    multiple_of: int = 1,
    steps_per_epoch: int | None = None,
    once: bool = False,
) -> Batches:
    """Batches as `of_rows` has them, of rows that are read and encoded as they are needed.

    A row is encoded alike in each epoch. The order is a function of (seed of the stream + `seed`,
    epoch), see `data.streams.stream`.

    Args:
        table: whose rows train.
        transform: that encodes them.
        batch_size, multiple_of: as in `of_rows`.
        seed: added to that of the stream, for the order; of the modes that are drawn; and of the
            seeds of the batches.
        steps_per_epoch: batches in an epoch of `fit`; by default those of all rows.
        once: a row stands in a batch at most once, see `data.streams.batches.of_epochs`.

    Raises:
        ValueError: if there are fewer rows, or a smaller batch, than `multiple_of`.
        tf.errors.OpError: in the iteration, with the sentence of the `DataError`, where a shard can
            no longer be read, or holds a value that does not fit the transform.
    """
    size = _batch_rows(len(table), batch_size, multiple_of)
    stream = dataclasses.replace(table.stream, seed=table.stream.seed + seed)

    def made(block: int) -> Arrays:
        rows = table.encoded(transform, block, seed=seed)
        return {"choices": rows.choices, "numbers": rows.numbers}

    def epoch(number: int, row: int) -> Iterator[Arrays]:
        return stream.shuffled(made, epoch=number, row=row, rows=table.rows)

    layout = transform.layout
    return of_epochs(
        epoch,
        {
            "choices": tf.TensorSpec([None, len(layout.names)], tf.int32),
            "numbers": tf.TensorSpec([None, layout.num_numbers], tf.float32),
        },
        count=len(table),
        batch_size=size,
        seed=seed,
        steps_per_epoch=steps_per_epoch,
        once=once,
    )


def _batch_rows(count: int, batch_size: int, multiple_of: int) -> int:
    size = min(batch_size, count) // multiple_of * multiple_of
    if size < 1:
        raise ValueError(
            f"A batch should have at least {max(multiple_of, 1)} rows. "
            f"Received: {min(batch_size, count)}."
        )
    return size
