"""Batches of encoded table rows for `fit`: compact in memory, widened in the graph."""

from __future__ import annotations

import tensorflow as tf

from advrec_tf.data.batches import Batches, shuffled_index
from advrec_tf.tabular.transform import EncodedRows


def of_rows(rows: EncodedRows, *, batch_size: int, seed: int, multiple_of: int = 1) -> Batches:
    """`choices` [batch, columns] int32, `numbers` [batch, numbers] float32, `seed` [2] int32.

    Args:
        batch_size: at most the number of rows; rounded down to `multiple_of`.

    Raises:
        ValueError: if there are fewer rows, or a smaller batch, than `multiple_of`.
    """
    size = min(batch_size, len(rows)) // multiple_of * multiple_of
    if size < 1:
        raise ValueError(
            f"A batch should have at least {max(multiple_of, 1)} rows. "
            f"Received: {min(batch_size, len(rows))}."
        )
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
