"""Whether indices mean the same users and items in two places, such as a model and its evaluator.

An index means whatever id the vocabulary gives it, and the vocabulary follows the order of the
data. That saved weights are of the same ids is told by `models.weights`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions


def first_difference(ids: np.ndarray, others: np.ndarray) -> tuple[int, object, object] | None:
    """The first row in which two columns of ids differ and what either has there; None where one
    is the beginning of the other."""
    both = min(len(ids), len(others))
    if ids is others or np.array_equal(ids[:both], others[:both]):
        return None
    row = int(np.flatnonzero(np.asarray(ids[:both] != others[:both]))[0])
    return row, ids[[row]].tolist()[0], others[[row]].tolist()[0]


def require_same_ids(
    first: Interactions,
    second: Interactions,
    names: tuple[str, str],
    *,
    users: np.ndarray | None = None,
) -> None:
    """Compare the items of two sets of interactions and their users.

    Args:
        names: what the sentence calls the first, which is "here", and the second, "there".
        users: [n] indices of `first` that have to mean the same users in `second`; none compares
            the items alone. By default both should have the same users.

    Raises:
        ValueError: if they differ; it names both and the first difference.
    """
    ours, theirs = names
    for kind in ("items", "users"):
        ids, others = getattr(first, kind).ids, getattr(second, kind).ids
        if ids is others:
            continue
        some = kind == "users" and users is not None
        rows = np.asarray(users, np.int64) if some else np.arange(len(ids))
        there = rows[rows < len(others)]
        found = first_difference(ids[there], others[there])
        if found is not None:
            place, own, other = found
            told = f"index {there[place]} is {other!r} there and {own!r} here"
        elif len(there) < len(rows) or (not some and len(ids) != len(others)):
            told = f"{len(others):,} there and {len(ids):,} here"
        else:
            continue
        raise ValueError(
            f"{theirs} should have the {kind} of {ours}, in the same order. Received other {kind}: "
            f"{told}."
        )


def checked_users(users: Sequence | np.ndarray, num_users: int, name: str = "users") -> np.ndarray:
    """Indices of users, sorted, each once.

    Raises:
        ValueError: if they are none.
    """
    found = np.asarray(users)
    if found.ndim == 1 and not found.size:
        return np.zeros(0, np.int64)
    whole = found.ndim == 1 and found.dtype.kind in "iu"
    if whole and found.min() >= 0 and found.max() < num_users:
        return np.unique(found)
    shown = f"shape {found.shape}"
    if found.ndim == 1:
        wrong = found[(found < 0) | (found >= num_users)] if whole else found
        shown = repr(wrong.tolist()[0])
    raise ValueError(
        f"`{name}` should hold indices of users, whole numbers in 0..{num_users - 1}, which "
        f"`interactions.users.index_of(ids)` gives. Received: {shown}."
    )
