"""Statistics of a reference: degrees and mean ratings of items, and lengths of profiles.

The features of profiles (`features`) are measured against them.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions

CLASSES = 5  # of items by degree, in `pop_shift`


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class ItemStatistics:
    """Statistics of the reference; n_i, m_i, m, N and N_v are those of `features`.

    Attributes:
        degree: [num_items] float64, n_i, at least 1.
        seen: [num_items] bool, items with a reference interaction.
        mean: [num_items] float64, m_i; None without ratings.
        global_mean: m; None without ratings.
        highest, lowest: the ends of the rating scale; None without ratings.
        item_class: [num_items] int, 0 (rarest) .. CLASSES - 1.
        class_fraction: [CLASSES] float64, of the reference's interactions.
        mean_length, length_sum: N, and sum_v (N_v - N)^2 over users with interactions.
    """

    degree: np.ndarray
    seen: np.ndarray
    mean: np.ndarray | None
    global_mean: float | None
    highest: float | None
    lowest: float | None
    item_class: np.ndarray
    class_fraction: np.ndarray
    mean_length: float
    length_sum: float


def item_statistics(reference: Interactions) -> ItemStatistics:
    """The statistics of `reference`; an interaction without a rating enters the degrees only.

    Raises:
        ValueError: if the reference is empty.
    """
    if not len(reference):
        raise ValueError("`reference` should not be empty. Received none.")
    counts = reference.item_counts()
    mean = global_mean = highest = lowest = None
    if has_ratings(reference):
        rated = ~np.isnan(reference.rating)
        ratings = reference.rating[rated].astype(np.float64)
        items = reference.item_index[rated]
        number = np.bincount(items, minlength=reference.num_items)
        total = np.bincount(items, ratings, minlength=reference.num_items)
        global_mean = float(ratings.mean())
        mean = np.where(number > 0, total / np.maximum(number, 1), global_mean)
        highest, lowest = float(ratings.max()), float(ratings.min())
    order = np.argsort(counts, kind="stable")
    before = np.cumsum(counts[order]) - counts[order]
    item_class = np.empty(len(counts), np.int64)
    item_class[order] = before * CLASSES // len(reference)
    class_counts = np.bincount(item_class, counts, minlength=CLASSES)
    lengths = reference.user_counts()
    lengths = lengths[lengths > 0]
    return ItemStatistics(
        degree=np.maximum(counts, 1).astype(np.float64),
        seen=counts > 0,
        mean=mean,
        global_mean=global_mean,
        highest=highest,
        lowest=lowest,
        item_class=item_class,
        class_fraction=(class_counts + 1.0) / (len(reference) + CLASSES),
        mean_length=float(lengths.mean()),
        length_sum=float(np.sum((lengths - lengths.mean()) ** 2)),
    )


def has_ratings(interactions: Interactions) -> bool:
    """Whether any interaction has a rating."""
    return interactions.rating is not None and not np.isnan(interactions.rating).all()
