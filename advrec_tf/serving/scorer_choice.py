"""The scorer that gives what a trained recommender gives: vectors, item weights or a table.

Each takes the scores of some users, and is None where it would give others.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import log_popularity
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.recommender import served_histories
from advrec_tf.serving.scorers import ItemWeightScorer, Scorer, ScoreTable, VectorScorer

TABLE_LIMIT = 2**30
"""Bytes that a stored table of scores (users x items) or of item weights may take."""

HISTORY_L2 = 10.0
"""Ridge of `history_map`, in users: as if so many users had vectors of zero."""

_BLOCK_USERS = 1024
_TOLERANCE = 1e-3


def as_vectors(model, frozen, tried: np.ndarray, expected: np.ndarray) -> Scorer | None:
    """Vectors of users and items whose products are the scores.

    Args:
        frozen: the model as it scores, `model.frozen()` where there is one.
        tried: [n] int32, users.
        expected: [n, num_items] float32, their scores.
    """
    data = model.interactions
    if isinstance(frozen, VectorRecommender):
        users, items = frozen.user_vectors, frozen.item_vectors
        nobody = frozen.unknown_user
    else:
        try:
            users, items = model.user_vectors(), model.item_vectors()
        except (AttributeError, NotImplementedError):
            return None
        nobody = np.zeros(np.shape(items)[1])
    users, items = np.asarray(users, np.float32), np.asarray(items, np.float32)
    if len(users) != data.num_users or len(items) != data.num_items:
        return None
    if not _equal(users[tried] @ items.T, expected):
        return None
    of_history = history_map(users, items, data)
    popularity = log_popularity(data)
    if not np.allclose(items @ nobody, popularity, rtol=1e-6, atol=1e-6):
        # One more dimension, in which of all users only the unknown one is not zero.
        users = np.pad(users, [(0, 0), (0, 1)])
        items = np.concatenate([items, popularity[:, None]], axis=1)
        nobody = np.append(np.zeros(items.shape[1] - 1), 1.0)
        of_history = np.pad(of_history, [(0, 1), (0, 1)])
    return VectorScorer(
        np.concatenate([users, nobody[None, :]]).astype(np.float32),
        items,
        of_history,
    )


def as_item_weights(
    model, tried: np.ndarray, expected: np.ndarray, unknown: np.ndarray
) -> Scorer | None:
    """The model's item weights [num_items, num_items], which take a profile to its scores.

    Args:
        tried, expected: as of `as_vectors`.
        unknown: [num_items] float32, the scores of an unknown user.
    """
    data, given = model.interactions, getattr(model, "weights", None)
    if given is None or isinstance(given, list):  # of a Keras model, the list of its variables
        return None
    weights = np.asarray(given, np.float32)
    if weights.shape != (data.num_items,) * 2 or weights.nbytes > TABLE_LIMIT:
        return None
    profiles = np.zeros((len(tried), data.num_items), np.float32)
    seen = data.by_user()
    for row, user in enumerate(tried):
        profiles[row, seen[user]] = 1.0
    if not _equal(profiles @ weights, expected):
        return None
    return ItemWeightScorer(weights, unknown, served_histories(data))


def as_table(
    model,
    data: Interactions,
    score: Callable[[np.ndarray], np.ndarray],
    unknown: np.ndarray,
) -> Scorer:
    """The scores of all users.

    Args:
        score: users [n] int32 -> [n, num_items] float32.
        unknown: as of `as_item_weights`.

    Raises:
        ValueError: if the table takes more than `TABLE_LIMIT` bytes, or a score is not below
            infinity.
    """
    size = 4 * (data.num_users + 1) * data.num_items
    if size > TABLE_LIMIT:
        raise ValueError(
            f"`model` is neither vectors nor item weights, and a table of the scores of "
            f"{data.num_users} users and {data.num_items} items takes {size / 2**30:.1f} GiB, over "
            f"the limit of {TABLE_LIMIT / 2**30:.1f} GiB. `serving.recommend_all` writes the lists "
            f"of all users to a file instead. Received: {type(model).__name__}."
        )
    table = np.concatenate([score(np.arange(data.num_users, dtype=np.int32)), unknown[None, :]])
    if np.isnan(table).any() or (table == np.inf).any():
        raise ValueError(
            f"`model` should have scores below infinity. {type(model).__name__} gives NaN or "
            "infinity."
        )
    return ScoreTable(np.maximum(table, LOWEST))


def _equal(found: np.ndarray, expected: np.ndarray) -> bool:
    """To 1e-3 of the largest score: is this the model's own formula?"""
    size = max(1e-6, float(np.abs(expected).max(initial=0.0)))
    return bool(np.isfinite(expected).all() and np.abs(found - expected).max() <= _TOLERANCE * size)


def history_map(
    user_vectors: np.ndarray, item_vectors: np.ndarray, interactions: Interactions
) -> np.ndarray:
    """[dim, dim] float32, A: the mean item vector of a history times A is the user's vector.

    Ridge regression of the user vectors of the table on the means of their items:
    A = (M'M + l2 D)^-1 M'U with D the mean square of each column of M and l2 = `HISTORY_L2`.

    Chosen on ml-100k by the two-tower model (64 dimensions, 8 epochs), five folds of users held
    out of training altogether, whose last but one item is to be found from what came before.
    NDCG@10: .0812 by this map; .0650 by the mean item vector itself; .0645 at best by ridge
    regression on the history's own items, .0642 with all other items as zeros; .0361 by
    popularity; .0842 where each user was trained on.
    """
    seen = interactions.by_user()
    users = np.flatnonzero(seen.counts)
    means = np.zeros((len(users), item_vectors.shape[1]))
    for start in range(0, len(users), _BLOCK_USERS):
        block = users[start : start + _BLOCK_USERS]
        first, last = seen.row_splits[block[0]], seen.row_splits[block[-1] + 1]
        own = item_vectors[seen.items[first:last]]
        totals = np.add.reduceat(own, seen.row_splits[block] - first, axis=0)
        means[start : start + len(block)] = totals / seen.counts[block, None]
    gram = means.T @ means
    squares = np.maximum(np.diag(gram) / max(len(users), 1), 1e-9)
    gram[np.diag_indices(len(gram))] += HISTORY_L2 * squares
    return np.linalg.solve(gram, means.T @ user_vectors[users]).astype(np.float32)
