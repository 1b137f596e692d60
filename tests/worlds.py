"""Small data sets that tests share, built from what a test wants to say about them.

`interactions_of` builds interactions from pairs of indices, `interactions_of_ids` from pairs
of external ids, `interactions_of_histories` from lists of items, `interactions_of_counts`,
`interactions_of_matrix` and `interactions_of_times` from other forms. `ring_world`, `block_world`
and `tiny_world` are small data sets with a known structure. Vocabularies are 0, 1, ... unless a
test names them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.data.vocabulary import Vocabulary


def interactions_of(
    pairs: Sequence[tuple[int, int]],
    num_users: int | None = None,
    num_items: int | None = None,
    *,
    users: Sequence | None = None,
    items: Sequence | None = None,
    rating: Sequence[float] | None = None,
    timestamp: Sequence[float] | None = None,
    **tables,
) -> Interactions:
    """Pairs (user index, item index), or triples with a rating, -> interactions in that order.

    Args:
        pairs: [n] pairs or triples; an empty list is allowed where the sizes are given.
        num_users, num_items: how many ids there are; by default one more than the highest index.
        users, items: the external ids; by default 0, 1, ...
        rating, timestamp: [n] numbers, or None.
        **tables: `user_features`, `item_features`, `item_text` of `Interactions`.
    """
    columns = np.array(pairs, float).reshape(-1, 3 if len(pairs) and len(pairs[0]) == 3 else 2)
    user_index, item_index = columns[:, 0].astype(np.int32), columns[:, 1].astype(np.int32)
    if columns.shape[1] == 3:
        rating = columns[:, 2]
    return Interactions(
        user_index=user_index,
        item_index=item_index,
        users=_vocabulary(users, num_users, user_index),
        items=_vocabulary(items, num_items, item_index),
        rating=None if rating is None else np.array(rating, np.float32),
        timestamp=None if timestamp is None else np.array(timestamp, np.float64),
        **tables,
    )


def interactions_of_histories(
    *histories: Sequence[int], times: Sequence[Sequence[float]] | None = None, num_items: int = 10
) -> Interactions:
    """The items of users 0, 1, ... in order, and where given the time of each."""
    pairs = [(user, item) for user, history in enumerate(histories) for item in history]
    timestamp = None if times is None else [time for own in times for time in own]
    return interactions_of(pairs, len(histories), num_items, timestamp=timestamp)


def interactions_of_ids(pairs: Sequence[tuple], **columns) -> Interactions:
    """Pairs (user id, item id) -> interactions; the vocabularies hold the ids in sorted order."""
    users, items = (sorted(set(ids)) for ids in zip(*pairs, strict=True))
    index = [(users.index(user), items.index(item)) for user, item in pairs]
    return interactions_of(index, users=users, items=items, **columns)


def interactions_of_counts(counts: Sequence[int], num_items: int, **columns) -> Interactions:
    """User u has the first `counts[u]` items, one user after the other."""
    pairs = [(user, item) for user, count in enumerate(counts) for item in range(count)]
    return interactions_of(pairs, len(counts), num_items, **columns)


def interactions_of_matrix(matrix, *, rated: bool = True, **columns) -> Interactions:
    """Ratings [users, items], 0 where there is none -> interactions, user by user."""
    matrix = np.array(matrix, np.float32)
    pairs = np.argwhere(matrix)
    ratings = matrix[tuple(pairs.T)] if rated else None
    return interactions_of(pairs, *matrix.shape, rating=ratings, **columns)


def interactions_of_times(
    times: Sequence[Sequence[float]],
    items: Sequence[Sequence[int]] | None = None,
    num_items: int | None = None,
) -> Interactions:
    """A list of times for each user -> interactions, each with its own item unless given."""
    users = np.repeat(np.arange(len(times)), [len(own) for own in times])
    index = np.arange(len(users)) if items is None else np.concatenate(items)
    pairs = np.stack([users, index], axis=1)
    return interactions_of(pairs, len(times), num_items, timestamp=np.concatenate(times))


def split_of(
    train: Interactions,
    test: Interactions | None = None,
    validation: Interactions | None = None,
    *,
    name: str = "by hand",
) -> Split:
    """A split of ready-made parts; a part that is not given is empty."""
    empty = train.select(np.zeros(0, np.int64))
    return Split(name=name, train=train, validation=validation or empty, test=test or empty)


def pairs_of(interactions: Interactions) -> list[tuple[int, int]]:
    """Interactions -> their (user index, item index) pairs, in order."""
    columns = interactions.user_index.tolist(), interactions.item_index.tolist()
    return list(zip(*columns, strict=True))


def ring_world(num_users: int = 7, num_items: int = 6, length: int = 3) -> Interactions:
    """User u has the items u, u + 1, ... of a ring of `num_items`, `length` of them in order."""
    pairs = [(u, (u + i) % num_items) for u in range(num_users) for i in range(length)]
    return interactions_of(pairs, num_users, num_items)


def block_world(
    num_users: int = 60,
    num_items: int = 20,
    per_user: int = 6,
    *,
    num_cold: int = 0,
    seed: int = 0,
    **columns,
) -> Interactions:
    """Two tastes: user u draws `per_user` items of its own parity, so nothing joins the two.

    The last `num_cold` of the `num_items` have no interactions.
    """
    rng = np.random.default_rng(seed)
    pairs = [
        (user, item)
        for user in range(num_users)
        for item in rng.choice(np.arange(user % 2, num_items - num_cold, 2), per_user, False)
    ]
    return interactions_of(pairs, num_users, num_items, **columns)


def tiny_world(
    num_users: int = 40,
    num_items: int = 30,
    *,
    density: float | Sequence[float] = 0.3,
    seed: int = 0,
    rated: bool = True,
) -> Interactions:
    """Each pair stands with probability `density` (of all, or [num_items]); ratings 1 to 5."""
    rng = np.random.default_rng(seed)
    pairs = np.argwhere(rng.random((num_users, num_items)) < np.asarray(density))
    rating = rng.integers(1, 6, len(pairs)) if rated else None
    return interactions_of(pairs, num_users, num_items, rating=rating)


def _vocabulary(ids: Sequence | None, size: int | None, index: np.ndarray) -> Vocabulary:
    if ids is not None:
        return Vocabulary(ids)
    return Vocabulary(np.arange(int(index.max(initial=-1)) + 1 if size is None else size))
