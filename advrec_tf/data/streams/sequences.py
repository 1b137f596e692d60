"""Short sequences of users from shards that hold each user's rows in one place: sequence GANs.

The pieces are those of `data.sequences`, cut from a block of users at a time, as windows for
next-item models are in `histories`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import require_length, sequences_of
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.data.streams.encoding import require_times
from advrec_tf.data.streams.histories import batches_of_users
from advrec_tf.data.streams.stream import Arrays


def stream_sequences(
    data: CountedInteractions,
    *,
    length: int,
    batch_size: int,
    least: int = 2,
    time_column: str | None = None,
    seed: int = 0,
) -> Batches:
    """Batches for `gan.SequenceGAN`: `items` [batch, length] int32, `NONE` after the end of a
    sequence, `user_index` [batch] int32, and `weight` and `seed` as `data.batches` has them.

    The sequences are those of `sequences_of`. Shards come in an order of (seed, epoch), and
    sequences are shuffled among those of about `Stream.window` cells.

    Args:
        data: of a stream whose shards hold each user's rows together.
        length: items of a sequence, >= 2.
        batch_size: sequences of a batch, >= 1.
        least: items that the shorter piece at a user's beginning has, in 1..length.
        time_column: orders the rows of a user, equal times by the rule of the interactions; None
            for the order of the file.
        seed: added to that of the stream, for the order; and of the seeds of the batches.

    Raises:
        ValueError: if a number is out of its range, nobody has a sequence, or ids are hashed, see
            `histories.require_exact_ids`.
        MissingColumnError: if the shards lack the column of times.
        DataError: if it holds text or booleans, or is that of the users or items.
        tf.errors.OpError: in the iteration, with the sentence of a `DataError`, where the rows of a
            user stand in two places.
    """
    require_length(length, least)
    require_times(data.stream, data.ids, time_column)
    rows = data.user_counts()
    count = int((rows // length + (rows % length >= least)).sum())

    def sequences(chunk: Interactions, users: np.ndarray) -> Arrays:
        found = sequences_of(chunk, length=length, least=least)
        return {"items": found.items, "user_index": users[found.user_index]}

    return batches_of_users(
        data,
        sequences,
        {"items": [length], "user_index": []},
        count=count,
        cells=length,
        batch_size=batch_size,
        time_column=time_column,
        least=least,
        seed=seed,
    )
