"""Batches of a stream, as `data.batches.of_pairs` makes them of interactions in memory.

The batches are cut from the endless sequence of epochs, so all are of one size; where the rows of
an epoch do not divide by it, a batch holds the last rows of one and the first of the next, so that
a row may stand in it twice; or, where no row may, the last rows of each epoch are left out.
Training that stopped after an epoch of `fit` goes on at the row where it was.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping

import tensorflow as tf

from advrec_tf.data.batches import Batches
from advrec_tf.data.streams.stream import Arrays


def of_epochs(
    rows_of_epoch: Callable[[int, int], Iterator[Arrays]],
    columns: Mapping[str, tf.TensorSpec],
    *,
    count: int,
    batch_size: int,
    seed: int,
    steps_per_epoch: int | None,
    once: bool = False,
) -> Batches:
    """Batches of the columns, with `weight`, `generated` and `seed`; see
    `CountedInteractions.batches`.

    Args:
        rows_of_epoch: (epoch, row) -> the columns of the rows from this row of the epoch on, some
            rows at a time.
        columns: their names, and what some rows of each are.
        count: rows of an epoch.
        batch_size, seed, steps_per_epoch: of the batches.
        once: a row stands in a batch at most once, for no batch reaches into the next epoch.

    Raises:
        ValueError: if there is no row, or a number is < 1.
    """
    if not count or batch_size < 1 or (steps_per_epoch is not None and steps_per_epoch < 1):
        raise ValueError(
            "Batches should have a row to draw from, and `batch_size` and `steps_per_epoch` be "
            f">= 1. Received: {count} rows, {batch_size!r} and {steps_per_epoch!r}."
        )
    batch_size = min(batch_size, count)
    used = count // batch_size * batch_size if once else count
    steps = steps_per_epoch or -(-used // batch_size)

    def rows_from(epoch: int, row: int) -> Iterator[Arrays]:
        for number in itertools.count(epoch):
            left = used - row
            for rows in rows_of_epoch(number, row):
                taken = {name: values[:left] for name, values in rows.items()}
                yield taken
                left -= len(next(iter(taken.values())))
                if not left:
                    break
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
        epoch, row = divmod(first * batch_size, used)
        windows = tf.data.Dataset.from_generator(
            lambda: rows_from(epoch, row),
            output_signature=dict(columns),
        )
        batches = windows.prefetch(1).rebatch(batch_size, drop_remainder=True)
        return batches.enumerate(first).map(with_the_rest).prefetch(4)

    return Batches(steps, dataset)
