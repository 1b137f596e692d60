"""Epochs cut into strata, of which several can be trained at once without a lock.

Gemulla et al. 2011 (distributed stochastic gradient descent): users and items are dealt to n groups
each. Two strata with no group in common read and write different rows, so n of them can be trained
at once with the result of one after the other. An epoch is n rounds of n such strata, which hold
every interaction once. The negatives of a stratum come from its own group of items; the groups are
dealt anew every epoch, so over the epochs negatives range over the catalogue.
`models.factorization.strata` trains them.
"""

from __future__ import annotations

import os

import numpy as np
import tensorflow as tf

from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import Interactions

RUN = 8
"""Interactions that stay beside each other when an epoch is shuffled: that is quicker."""

COLUMNS = ("user_index", "item_index", "negative")


def usable_cores() -> int:
    """The cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def in_strata(
    interactions: Interactions, *, batch_size: int, seed: int, strata: int | None = None
) -> Batches:
    """Positive pairs with uniform negatives, an epoch an element, for `MatrixFactorization` with
    `BPR`.

    An epoch is a function of (seed, epoch, strata), whatever the timing of the threads. It has, in
    the order of the rounds and in each of the groups of users,

    * `user_index`, `item_index`, `negative` [steps, batch] int32, places inside of the groups, and
      `weight` [steps, batch] of ones; the last batch of a stratum is filled up from its start;
    * `bounds` [strata^2 + 1] int32, the first step of each stratum and the number of all;
    * `user_rows`, `item_rows` [strata, places] int32, the rows of the tables that are in each
      group, -1 after the last, and `seed` [steps, 2] int32.

    Args:
        interactions: what is trained on; their ratings and their context are not read.
        batch_size: interactions in a step, those of the smallest stratum at most.
        seed: of groups, order and negatives.
        strata: how many are trained at once, >= 1; by default one for each core that the process
            may use, so that a result repeats on as many cores alone.

    Raises:
        ValueError: if there is no interaction, `batch_size` or `strata` < 1, or there are fewer
            users or items than `strata`.
    """
    fewest = min(interactions.num_users, interactions.num_items)
    count = min(usable_cores(), fewest) if strata is None else strata
    if not len(interactions) or batch_size < 1:
        raise ValueError(
            "`interactions` should have one at least and `batch_size` should be >= 1. "
            f"Received: {len(interactions)} and {batch_size!r}."
        )
    if not 1 <= count <= fewest:
        raise ValueError(
            f"`strata` should be between 1 and {fewest}, the fewer of users and items. "
            f"Received: {strata!r}."
        )
    batch_size = min(batch_size, max(1, len(interactions) // count**2))
    once = np.random.default_rng([seed]).permutation(len(interactions))
    pairs = (interactions.user_index[once], interactions.item_index[once])
    sizes = (interactions.num_users, interactions.num_items)

    def epoch(number):
        rng = np.random.default_rng([seed, int(number)])
        return _epoch(pairs, sizes, count, batch_size, rng)

    def element(number):
        types = [tf.int32] * 7
        *columns, bounds, user_rows, item_rows, seeds = tf.numpy_function(epoch, [number], types)
        found = dict(zip(COLUMNS, columns, strict=True))
        for column in columns:
            column.set_shape([None, batch_size])
        bounds.set_shape([count**2 + 1])
        seeds.set_shape([None, 2])
        for rows, size in ((user_rows, sizes[0]), (item_rows, sizes[1])):
            rows.set_shape([count, -(-size // count)])
        found["weight"] = tf.ones_like(columns[0], tf.float32)
        rows = {"user_rows": user_rows, "item_rows": item_rows}
        return {**found, **rows, "bounds": bounds, "seed": seeds}

    def dataset(first_epoch: int) -> tf.data.Dataset:
        return tf.data.Dataset.range(first_epoch, np.iinfo(np.int64).max).map(element).prefetch(1)

    return Batches(1, dataset)


def _epoch(pairs, sizes, count: int, batch_size: int, rng: np.random.Generator) -> list[np.ndarray]:
    """`COLUMNS`, bounds, user_rows, item_rows and seeds of one epoch, see `in_strata`."""
    # A user dealt the number p is in group p % count, at place p // count.
    dealt = [rng.permutation(size).astype(np.int32) for size in sizes]
    rows = [_rows_of_groups(numbers, count) for numbers in dealt]
    user, item = (numbers[index] for numbers, index in zip(dealt, pairs, strict=True))
    stratum = ((item - user) % count * count + user % count).astype(np.uint16)
    order = _shuffled(len(user), rng)
    order = order[np.argsort(stratum[order], kind="stable")]
    counts = np.bincount(stratum, minlength=count**2)
    ends = np.cumsum(counts)
    steps = -(-counts // batch_size)
    user, item = user // count, item // count
    columns = [np.empty([steps.sum() * batch_size], np.int32) for _ in COLUMNS]
    start = 0
    for number, (end, examples, own) in enumerate(zip(ends, counts, steps, strict=True)):
        stop = start + own * batch_size
        chosen = np.resize(order[end - examples : end], stop - start)
        columns[0][start:stop], columns[1][start:stop] = user[chosen], item[chosen]
        group = (number // count + number) % count
        in_group = -(-(sizes[1] - group) // count)
        columns[2][start:stop] = rng.integers(in_group, size=stop - start, dtype=np.int32)
        start = stop
    bounds = np.concatenate([[0], np.cumsum(steps)]).astype(np.int32)
    seeds = rng.integers(2**31, size=[bounds[-1], 2], dtype=np.int32)
    return [*(column.reshape(-1, batch_size) for column in columns), bounds, *rows, seeds]


def _rows_of_groups(numbers: np.ndarray, count: int) -> np.ndarray:
    """The numbers dealt to rows -> [count, places] int32, the rows of each group, then -1."""
    places = -(-len(numbers) // count)
    rows = np.full(places * count, -1, np.int32)
    rows[numbers] = np.arange(len(numbers), dtype=np.int32)
    return np.ascontiguousarray(rows.reshape(places, count).T)


def _shuffled(count: int, rng: np.random.Generator) -> np.ndarray:
    """0..count - 1 in random order, in runs of `RUN`."""
    runs = rng.permutation(-(-count // RUN)).astype(np.int32)
    order = (runs[:, None] * RUN + np.arange(RUN, dtype=np.int32)).reshape(-1)
    return order[order < count]
