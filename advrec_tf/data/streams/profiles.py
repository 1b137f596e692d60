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


def stream_profiles(
    data: CountedInteractions, *, batch_size: int, least: int = 1, seed: int = 0
) -> Batches:
    """Batches of users with what they have: `user_index` [batch] int32, `items` [batch, longest]
    int32, the distinct items of each and then `NONE`, and `weight` and `seed` as
    `data.batches.of_users` has them.

    Each user with `least` rows comes once an epoch. Shards come in an order of (seed, epoch), and
    users are shuffled among those whose profiles take about `Stream.window` cells.

    Args:
        data: of a stream whose shards hold each user's rows together.
        batch_size: users of a batch, >= 1.
        least: rows of a user who is not left out, >= 1.
        seed: added to that of the stream, for the order; and of the seeds of the batches.

    Raises:
        ValueError: if a number is < 1, nobody has so many rows, or users are hashed, see
            `histories.require_exact_ids`.
        tf.errors.OpError: in the iteration, with the sentence of a `DataError`, where the rows of a
            user stand in two places.
    """
    if least < 1:
        raise ValueError(f"`least` should be >= 1. Received: {least!r}.")
    counts = data.user_counts()
    longest = max(int(counts.max(initial=0)), 1)

    def padded(chunk: Interactions, users: np.ndarray) -> Arrays:
        return profiles_of(chunk, users, longest)

    return batches_of_users(
        data,
        padded,
        {"user_index": [], "items": [longest]},
        count=int((counts >= least).sum()),
        cells=longest,
        batch_size=batch_size,
        least=least,
        seed=seed,
    )


def profiles_of(chunk: Interactions, users: np.ndarray, longest: int) -> Arrays:
    """What `stream_profiles` says of some users of `histories.users_in_order`: `user_index` [n] and
    `items` [n, longest]. Who has no rows there is left out."""
    known = chunk.by_user()
    there = known.counts > 0
    items = np.full((len(users), longest), NONE, np.int32)
    items[np.arange(longest) < known.counts[:, None]] = known.items
    return {"user_index": users[there], "items": items[there]}
