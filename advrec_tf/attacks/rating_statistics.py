"""Statistics of ratings that attacks need: means and counts by item, and the rating scale.

Data without ratings has the one rating 1. Which items a profile rates is left to the attacks.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from advrec_tf.data.interactions import Interactions


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class RatingStatistics:
    """Statistics of a data set by item.

    Attributes:
        levels: [levels] float32, the distinct ratings, rising.
        mean, std: of all ratings.
        item_mean: [num_items] float32, `mean` for an item without ratings.
        counts: [num_items] int64, interactions of an item.
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
        """[num_items] item indices, the most rated first."""
        return np.argsort(-self.counts, kind="stable")

    @classmethod
    def of(cls, interactions: Interactions) -> RatingStatistics:
        """The statistics of `interactions`; one without a rating (NaN) enters the counts only.

        Raises:
            ValueError: if there is no interaction, all ratings are NaN, or one is 0 or less: in a
                profile 0 marks an item that is not rated.
        """
        if not len(interactions):
            raise ValueError("`interactions` should not be empty. Received none.")
        rating = interactions.rating
        rating = np.ones(len(interactions), np.float32) if rating is None else rating
        rated = ~np.isnan(rating)
        if not rated.any():
            raise ValueError(
                "`interactions` should hold a rating, or None for all. Received NaN alone."
            )
        if rating[rated].min() <= 0:
            raise ValueError(
                "`interactions` should have ratings above 0: in a profile 0 marks an item that is "
                "not rated. `attacks.rating_statistics.above_zero` shifts them. Received ratings "
                f"from {rating[rated].min():g} on."
            )
        items, values = interactions.item_index[rated], rating[rated].astype(np.float64)
        count = np.bincount(items, minlength=interactions.num_items)
        total = np.bincount(items, values, minlength=interactions.num_items)
        mean, std = float(values.mean()), float(values.std())
        item_mean = np.where(count > 0, total / np.maximum(count, 1), mean)
        return cls(
            levels=np.unique(rating[rated]).astype(np.float32),
            mean=mean,
            std=std,
            item_mean=item_mean.astype(np.float32),
            counts=interactions.item_counts(),
        )


def above_zero(interactions: Interactions) -> tuple[Interactions, float]:
    """Ratings that are all above 0, as profiles need them.

    Returns:
        (the interactions, shifted so that the lowest rating is 1 where it is 0 or less; what was
        added to every rating).
    """
    rating = interactions.rating
    if rating is None or np.isnan(rating).all() or np.nanmin(rating) > 0:
        return interactions, 0.0
    shift = 1.0 - float(np.nanmin(rating))
    return dataclasses.replace(interactions, rating=rating + np.float32(shift)), shift


def shift_in_words(shift: float) -> str:
    """What `above_zero` did to the ratings, in a sentence."""
    return (
        f"Ratings were shifted by {shift:+g}, so that the lowest is 1: in a fake profile 0 is an "
        "item that is not rated."
    )


def ratings_by_user(interactions: Interactions) -> np.ndarray:
    """[nnz] float32, the last rating of each entry of `interactions.by_user().items`; 0 where it
    is missing."""
    keys = interactions.user_index.astype(np.int64) * interactions.num_items
    keys += interactions.item_index
    _, from_the_end = np.unique(keys[::-1], return_index=True)
    return np.nan_to_num(interactions.rating[::-1][from_the_end]).astype(np.float32)
