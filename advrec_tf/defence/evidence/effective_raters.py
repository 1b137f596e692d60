"""How many independent users stand behind an item: overlapping raters count as fewer.

Kish's design effect (Kish 1965, Survey Sampling, ch. 8): n answers with a mean correlation r are
worth n / (1 + (n - 1) r) independent ones. Answers are raters of an item, and the correlation of
two is the cosine of their other items, each weighted by the inverse root of its number of users, so
that what everybody has says little. n identical profiles are worth one, n profiles without a common
item are worth n. What a recommender makes of it is left to `ranking`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import sparse

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.gram import profiles_of, weighted_profiles


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ItemEvidence:
    """The raters of every item.

    Attributes:
        raters: [num_items] float64, users with the item, each by its weight.
        overlap: [num_items] float64 in [0, 1], mean cosine of two of its raters by their other
            items; 0 for an item with fewer than two.
        effective: [num_items] float64, 0 <= effective <= raters, what they are worth.
    """

    raters: np.ndarray
    overlap: np.ndarray
    effective: np.ndarray


def normalized_profiles(interactions: Interactions) -> sparse.csr_array:
    """[num_users, num_items] float64, rows of length 1 (of 0 for a user without an item): every
    item by the inverse root of its number of users."""
    profiles = profiles_of(interactions)
    counts = np.maximum(np.asarray(profiles.sum(axis=0)), 1.0)
    weighted = sparse.csr_array(profiles @ sparse.diags_array(counts**-0.5))
    length = np.sqrt(np.asarray(weighted.multiply(weighted).sum(axis=1)))
    scale = np.divide(1.0, length, out=np.zeros_like(length), where=length > 0)
    return sparse.csr_array(sparse.diags_array(scale) @ weighted)


def item_evidence(interactions: Interactions, weight: np.ndarray | None = None) -> ItemEvidence:
    """The evidence behind every item; costs the pairs of the items of each user.

    Args:
        weight: [interactions] float >= 0, how much of a rater each is; None counts all alike. Of a
            pair that stands several times the highest counts.
    """
    rows = normalized_profiles(interactions)
    root = weighted_profiles(interactions, np.ones(len(interactions)) if weight is None else weight)
    present = root.multiply(root).tocsr()
    raters = np.asarray(present.sum(axis=0))
    alone = np.asarray(present.multiply(present).sum(axis=0))
    # The squared length of the sum of the raters' rows is the sum of the products of all pairs.
    sums = present.T @ rows
    squares = np.asarray(sums.multiply(sums).sum(axis=1)) - sums.diagonal() ** 2
    own = alone - np.asarray(present.multiply(rows).power(2).sum(axis=0))
    pairs = raters**2 - alone
    overlap = np.divide(squares - own, pairs, out=np.zeros_like(squares), where=pairs > 1e-9)
    overlap = np.clip(overlap, 0.0, 1.0)
    effective = raters / (1.0 + np.maximum(raters - 1.0, 0.0) * overlap)
    return ItemEvidence(raters=raters, overlap=overlap, effective=effective)
