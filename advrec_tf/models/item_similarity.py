"""Similarity of items: vectors from a singular value decomposition of the interactions.

Used where items are exchanged for similar ones, and by measures of sequences. No training.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions


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
