"""Similarity of items: vectors from a singular value decomposition of the interactions.

Used where items are exchanged for similar ones, and by measures of sequences. No training.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.order import ordered_by_user


def singular_item_vectors(interactions: Interactions, dim: int = 32) -> np.ndarray:
    """[num_items, at most dim] float32: V * S of the profiles scaled to length 1 a user.

    An item's vector is zero where it has no interactions.

    Raises:
        ValueError: if `dim` < 1.
    """
    if dim < 1:
        raise ValueError(f"`dim` should be >= 1. Received: {dim!r}.")
    profiles = interactions.by_user().dense()
    profiles /= np.maximum(np.sqrt(profiles.sum(1, keepdims=True)), 1.0)
    # The smaller of the two Gram matrices has the same singular values.
    if profiles.shape[0] <= profiles.shape[1]:
        values, left = np.linalg.eigh((profiles @ profiles.T).astype(np.float64))
        kept = np.argsort(-values)[:dim]
        return (profiles.T @ left[:, kept]).astype(np.float32)
    values, right = np.linalg.eigh((profiles.T @ profiles).astype(np.float64))
    kept = np.argsort(-values)[:dim]
    return (right[:, kept] * np.sqrt(np.maximum(values[kept], 0.0))).astype(np.float32)


def nearest_items(vectors: np.ndarray, count: int) -> np.ndarray:
    """[num_items, count] int32, the other items of largest cosine, nearest first.

    Raises:
        ValueError: if `count` lies outside 1..num_items - 1.
    """
    if not 1 <= count < len(vectors):
        raise ValueError(f"`count` should lie in 1..{len(vectors) - 1}. Received: {count!r}.")
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    found = np.empty((len(unit), count), np.int32)
    for start in range(0, len(unit), 1024):
        block = np.arange(start, min(start + 1024, len(unit)))
        cosine = unit[block] @ unit.T
        cosine[np.arange(len(block)), block] = -np.inf
        found[block] = np.argsort(-cosine, axis=1, kind="stable")[:, :count]
    return found


def sign_groups(vectors: np.ndarray, bits: int = 5) -> np.ndarray:
    """[num_items] int64 in 0..2^bits - 1: items by the signs of their second and further
    components (the first is popularity), each cut at its median."""
    cut = vectors[:, 1 : bits + 1]
    above = cut > np.median(cut, axis=0)
    return above @ (1 << np.arange(above.shape[1]))


def co_occurring_items(interactions: Interactions, count: int, *, window: int = 3) -> np.ndarray:
    """[num_items, count] int32: the items that stand near an item in histories, best first.

    By n_ij / sqrt(n_i n_j), n_ij the pairs at most `window` steps apart in either direction, n_i
    the interactions; ties by index. The item itself fills up where fewer stand near it. Memory is
    that of the pairs that occur.

    Raises:
        ValueError: if `count` or `window` < 1.
    """
    if count < 1 or window < 1:
        raise ValueError(
            f"`count` and `window` should be >= 1. Received: {count!r} and {window!r}."
        )
    order, _ = ordered_by_user(interactions)
    user = interactions.user_index[order]
    item = interactions.item_index[order].astype(np.int64)
    num_items = interactions.num_items
    keys = []
    for step in range(1, window + 1):
        near = (user[step:] == user[:-step]) & (item[step:] != item[:-step])
        one, other = item[:-step][near], item[step:][near]
        keys += [one * num_items + other, other * num_items + one]
    keys, pairs = np.unique(np.concatenate(keys), return_counts=True)
    first, second = np.divmod(keys, num_items)
    counts = np.maximum(interactions.item_counts(), 1)
    strength = pairs / np.sqrt(counts[first] * counts[second].astype(np.float64))
    order = np.lexsort((second, -strength, first))
    first, second = first[order], second[order]
    rank = np.arange(len(first)) - np.searchsorted(first, first)
    found = np.repeat(np.arange(num_items, dtype=np.int32)[:, None], count, axis=1)
    kept = rank < count
    found[first[kept], rank[kept]] = second[kept]
    return found
