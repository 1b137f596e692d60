"""What an attacker has to know of a data set to write ratings into it.

The mean and the count of ratings by item, and the scale that a written rating has to lie
on. Data without ratings has the one rating 1. Which items are rated is left to the attacks.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RatingFacts:
    """Facts of a data set by item.

    Attributes:
        levels: [levels] float32, the distinct ratings there are, rising.
        mean, std: of all ratings.
        item_mean: [num_items] float32, `mean` where nobody rated.
        counts: [num_items] int64, ratings of an item.
    """

    levels: np.ndarray
    mean: float
    std: float
    item_mean: np.ndarray
    counts: np.ndarray

    @property
    def low(self) -> float:
        return float(self.levels[0])

    @property
    def high(self) -> float:
        return float(self.levels[-1])

    def on_scale(self, values: np.ndarray) -> np.ndarray:
        """The nearest level of each value, any shape; halfway goes up."""
        middles = (self.levels[1:] + self.levels[:-1]) / 2
        return self.levels[np.searchsorted(middles, values, side="right")]

    def by_popularity(self) -> np.ndarray:
        """[num_items], the most rated first."""
        return np.argsort(-self.counts, kind="stable")


def facts_of(data: Interactions) -> RatingFacts:
    """The facts of `data`; rows without a rating (NaN) count as an item's, not for its mean.

    Raises:
        ValueError: if there is no row, no rating where there should be, or one of 0 or less:
            in a profile 0 is an item that is not rated.
    """
    if not len(data):
        raise ValueError("`data` should hold a row. Received none.")
    rating = np.ones(len(data), np.float32) if data.rating is None else data.rating
    rated = ~np.isnan(rating)
    if not rated.any():
        raise ValueError("`data` should hold a rating, or None for all. Received NaN alone.")
    if rating[rated].min() <= 0:
        raise ValueError(
            "`data` should have ratings above 0: in a profile 0 says that an item is not rated. "
            "`attacks.ratings.above_zero` shifts them. Received ratings from "
            f"{rating[rated].min():g} on."
        )
    items, values = data.item_index[rated], rating[rated].astype(np.float64)
    count = np.bincount(items, minlength=data.num_items)
    total = np.bincount(items, values, minlength=data.num_items)
    mean, std = float(values.mean()), float(values.std())
    item_mean = np.where(count > 0, total / np.maximum(count, 1), mean)
    return RatingFacts(
        levels=np.unique(rating[rated]).astype(np.float32),
        mean=mean,
        std=std,
        item_mean=item_mean.astype(np.float32),
        counts=data.item_counts(),
    )


def above_zero(data: Interactions) -> tuple[Interactions, float]:
    """The data with its ratings shifted so that the lowest is 1, where it is 0 or less, and what
    was added: in a profile 0 says that an item is not rated."""
    if data.rating is None or np.isnan(data.rating).all() or np.nanmin(data.rating) > 0:
        return data, 0.0
    shift = 1.0 - float(np.nanmin(data.rating))
    return dataclasses.replace(data, rating=data.rating + np.float32(shift)), shift


def ratings_by_user(data: Interactions) -> np.ndarray:
    """[nnz] float32, the last rating of each entry of `data.by_user().items`; 0 where there is
    none."""
    keys = data.user_index.astype(np.int64) * data.num_items + data.item_index
    _, from_the_end = np.unique(keys[::-1], return_index=True)
    return np.nan_to_num(data.rating[::-1][from_the_end]).astype(np.float32)
