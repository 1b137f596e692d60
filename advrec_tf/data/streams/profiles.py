"""Profiles of users, a row each, from shards that hold each user's rows in one place.

What GANs of profiles are trained on where interactions are not held; windows on histories are in
`histories`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import NONE
from advrec_tf.data.streams.counted import CountedInteractions
from advrec_tf.data.streams.histories import batches_of_users
from advrec_tf.data.streams.stream import Arrays


def stream_profiles(data: CountedInteractions, *, batch_size: int, seed: int = 0) -> Batches:
    """Batches of users with what they have: `user_index` [batch] int32, `items` [batch, longest]
    int32, the distinct items of each and then `NONE`, and `weight` and `seed` as
    `data.batches.of_users` has them.

    Each user with a row comes once an epoch. Shards come in an order of (seed, epoch), and users
    are shuffled among those whose profiles take about `Stream.window` cells.

    Args:
        data: of a stream whose shards hold each user's rows together.
        batch_size: users of a batch, >= 1.
        seed: added to that of the stream, for the order; and of the seeds of the batches.

    Raises:
        ValueError: if a number is < 1, or nobody has a row.
        tf.errors.OpError: in the iteration, with the sentence of a `DataError`, where the rows of a
            user stand in two places.
    """
    counts = data.user_counts()
    longest = max(int(counts.max(initial=0)), 1)

    def profiles_of(chunk: Interactions, users: np.ndarray) -> Arrays:
        known = chunk.by_user()
        there = known.counts > 0  # who has too few rows is left out
        items = np.full((len(users), longest), NONE, np.int32)
        items[np.arange(longest) < known.counts[:, None]] = known.items
        return {"user_index": users[there], "items": items[there]}

    return batches_of_users(
        data,
        profiles_of,
        {"user_index": [], "items": [longest]},
        count=int((counts > 0).sum()),
        cells=longest,
        batch_size=batch_size,
        least=1,
        seed=seed,
    )
