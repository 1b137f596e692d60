"""Products of interaction matrices that closed-form models share: which users have which items."""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.linalg import lapack

from advrec_tf.data.interactions import Interactions, UserItems

_MIRRORED = 512  # rows that are mirrored at once


def weighted_profiles(interactions: Interactions, weight: np.ndarray) -> sparse.csr_array:
    """[num_users, num_items] float64, the square root of the weight of each pair.

    Args:
        weight: [interactions] float >= 0; of a pair that stands several times the highest counts.
    """
    place = interactions.user_index.astype(np.int64) * interactions.num_items
    place += interactions.item_index
    order = np.lexsort((-weight, place))
    place = place[order]
    first = np.append(True, place[1:] != place[:-1])[: len(place)]
    user, item = np.divmod(place[first], interactions.num_items)
    root = np.sqrt(np.asarray(weight, np.float64)[order][first])
    return sparse.csr_array(
        (root, (user, item)), shape=(interactions.num_users, interactions.num_items)
    )


def profiles_of(interactions: Interactions) -> sparse.csr_array:
    """[num_users, num_items] float64, 1 for every pair that there is."""
    return weighted_profiles(interactions, np.ones(len(interactions)))


def gram_matrix(interactions: Interactions) -> np.ndarray:
    """[num_items, num_items] float64, how many users have both items."""
    user_items = interactions.by_user()
    num_items = interactions.num_items
    counts = user_items.counts
    if int((counts * counts).sum()) < _FEW_PAIRS * num_items * num_items:
        return _gram_of_pairs(user_items)
    gram = np.zeros((num_items, num_items))
    block = max(1, 2**24 // num_items)
    for start in range(0, user_items.num_users, block):
        stop = min(start + block, user_items.num_users)
        first, last = user_items.row_splits[[start, stop]]
        profiles = np.zeros((stop - start, num_items), np.float32)
        of_block = counts[start:stop]
        profiles[np.repeat(np.arange(stop - start), of_block), user_items.items[first:last]] = 1.0
        gram += profiles.T @ profiles
    return gram


_FEW_PAIRS = 0.25  # pairs of a user's items, per cell of the matrix, up to which they are counted


def _gram_of_pairs(user_items: UserItems) -> np.ndarray:
    """The same by counting the pairs of each user's items: for sparse data the quicker way."""
    num_items = user_items.num_items
    partners = user_items.counts[user_items.users()]
    first = np.repeat(user_items.items, partners)
    begin = np.repeat(user_items.row_splits[user_items.users()], partners)
    place = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
    second = user_items.items[begin + place]
    keys = first.astype(np.int64) * num_items + second
    counted = np.bincount(keys, minlength=num_items * num_items)
    return counted.reshape(num_items, num_items).astype(np.float64)


def inverse_of(matrix: np.ndarray) -> np.ndarray:
    """[n, n] float64, the inverse of a symmetric positive definite matrix, by its Cholesky factor.

    Half the work of a general inverse, and in place.

    Args:
        matrix: [n, n] float64, C-contiguous; it is overwritten by its inverse.

    Raises:
        ValueError: if the matrix is not positive definite.
    """
    factor, failed = lapack.dpotrf(matrix.T, lower=1, overwrite_a=1, clean=0)
    if not failed:
        inverse, failed = lapack.dpotri(factor, lower=1, overwrite_c=1)
    if failed:
        raise ValueError(
            "`matrix` should be positive definite. Received one whose leading part of "
            f"{failed} x {failed} is not."
        )
    found = inverse.T  # its upper triangle holds the inverse
    for start in range(0, len(found), _MIRRORED):
        stop = min(start + _MIRRORED, len(found))
        found[stop:, start:stop] = found[start:stop, stop:].T
        square = found[start:stop, start:stop]
        square[:] = np.triu(square) + np.triu(square, 1).T
    return found
