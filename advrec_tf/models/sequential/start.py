"""Where the vectors of items start: from what is known before the first step."""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.sequential.transitions import counted_pairs

SPREAD = 0.02
"""Root mean square of the numbers of the vectors, as in a random start."""


def transition_vectors(
    interactions: Interactions, dim: int, *, window: int = 10, seed: int = 0
) -> np.ndarray:
    """[num_items, dim] float32: items that stand near each other in histories are near each other.

    The largest singular values and vectors of log(1 + n(i, j) n / (n(i) n(j))), where n(i, j) are
    the symmetric counts of `transitions.counted_pairs`, n(i) and n their sums: the matrix that
    word2vec factorizes (Levy & Goldberg 2014), with log(1 + x) in the place of its positive part.
    The root mean square of their numbers is `SPREAD`. Items without a neighbour, and the
    dimensions that the matrix has not, are random, of the same size.

    Args:
        interactions: those of training.
        dim: >= 1.
        window: steps between two items of a user that are counted, >= 1.
        seed: of the random part, and of the start of the iteration that finds the vectors.

    Raises:
        ValueError: if `dim` or `window` is < 1.
    """
    if dim < 1 or window < 1:
        raise ValueError(f"`dim` and `window` should be >= 1. Received: {dim!r} and {window!r}.")
    from scipy import sparse
    from scipy.sparse import linalg

    num_items = interactions.num_items
    rng = np.random.default_rng(seed)
    vectors = rng.normal(0.0, SPREAD, [num_items, dim]).astype(np.float32)
    keys, counts = counted_pairs(interactions, window=window, symmetric=True)
    found = min(dim, num_items - 1)
    if not len(keys) or found < 1:
        return vectors
    one, other = np.divmod(keys, num_items)
    of_item = np.bincount(one, counts, minlength=num_items)
    values = np.log1p(counts * counts.sum() / (of_item[one] * of_item[other]))
    table = sparse.csr_matrix((values, (one, other)), shape=(num_items, num_items))
    left, sizes, _ = linalg.svds(table, k=found, v0=rng.normal(size=num_items))
    near = left * np.sqrt(np.maximum(sizes, 0.0))
    there = of_item > 0
    vectors[there, :found] = SPREAD * near[there] / np.sqrt(np.square(near[there]).mean())
    return vectors
