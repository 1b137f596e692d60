"""Filters of interactions, to apply before a split.

Each returns the interactions that stay, in file order, and how many it took out; ids that lost
all their interactions are taken out of the vocabularies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions


class Filtered(NamedTuple):
    """What stays, and the number of interactions taken out."""

    interactions: Interactions
    rows_removed: int


def pair_keys(interactions: Interactions) -> np.ndarray:
    """[n] int64, equal where the (user, item) pair is equal."""
    return interactions.user_index.astype(np.int64) * interactions.num_items + (
        interactions.item_index
    )


def minimum_rating(interactions: Interactions, threshold: float) -> Filtered:
    """Interactions rated `threshold` or higher on the data's own scale; those unrated are left out.

    Raises:
        ValueError: if there are no ratings, or none is that high.
    """
    if interactions.rating is None:
        raise ValueError(
            "`interactions` should have ratings, whose column `rating_column` names. Received "
            "interactions without."
        )
    keep = interactions.rating >= threshold
    highest = np.nanmax(interactions.rating, initial=-np.inf)
    return _keep(interactions, keep, f"The minimum rating should be at most {highest}", threshold)


def k_core(interactions: Interactions, *, users: int, items: int) -> Filtered:
    """The largest part where each user has `users` distinct items and each item `items` users.

    Taking out an item may leave a user short, and so on: repeated until nothing changes.

    Raises:
        ValueError: if a minimum is below 1, or nothing is left.
    """
    if min(users, items) < 1:
        raise ValueError(f"`users`, `items` should be at least 1. Received: {users}, {items}.")
    user, item = interactions.user_index, interactions.item_index
    once = ~pd.Series(pair_keys(interactions)).duplicated().to_numpy()
    keep, changed = np.ones(len(interactions), bool), True
    while changed:
        counted = keep & once
        enough_items = np.bincount(user[counted], minlength=interactions.num_users) >= users
        enough_users = np.bincount(item[counted], minlength=interactions.num_items) >= items
        kept = keep & enough_items[user] & enough_users[item]
        changed, keep = kept.sum() < keep.sum(), kept
    return _keep(
        interactions,
        keep,
        "The minima of a core (users, items) should leave interactions",
        (users, items),
    )


def without_repeats(interactions: Interactions) -> Filtered:
    """The last interaction in time of each pair; of equal times the last in the file. One without
    a time (NaN) stays only where none of the pair has one, and then it is the last in the file."""
    keep = last_of_pairs(interactions)
    return _keep(interactions, keep, "`interactions` should hold some", len(interactions))


def last_of_pairs(interactions: Interactions) -> np.ndarray:
    """[n] bool: the interactions that `without_repeats` keeps."""
    order = np.arange(len(interactions))
    if interactions.timestamp is not None:
        known = np.where(np.isnan(interactions.timestamp), -np.inf, interactions.timestamp)
        order = np.argsort(known, kind="stable")
    repeated = pd.Series(pair_keys(interactions)[order]).duplicated(keep="last").to_numpy()
    keep = np.ones(len(interactions), bool)
    keep[order[repeated]] = False
    return keep


def with_times(interactions: Interactions, *, whole_users: bool = False) -> Filtered:
    """Interactions that have a time.

    Args:
        interactions: with times, some of them NaN.
        whole_users: also without all others of a user who has one without a time.

    Raises:
        ValueError: if there are no times at all.
    """
    if interactions.timestamp is None:
        raise ValueError("`interactions` should have times. Received interactions without.")
    keep = ~np.isnan(interactions.timestamp)
    if whole_users:
        unknown = np.zeros(interactions.num_users, bool)
        unknown[interactions.user_index[~keep]] = True
        keep &= ~unknown[interactions.user_index]
    return _keep(interactions, keep, "`interactions` should hold a time", len(interactions))


def without_same_moments(interactions: Interactions) -> Filtered:
    """The last interaction in the file of each (user, item, time), as for a log written twice.

    Raises:
        ValueError: if there are no times.
    """
    if interactions.timestamp is None:
        raise ValueError("`interactions` should have times. Received interactions without.")
    moments = pd.DataFrame({"pair": pair_keys(interactions), "time": interactions.timestamp})
    keep = ~moments.duplicated(keep="last").to_numpy()
    return _keep(interactions, keep, "`interactions` should hold some", len(interactions))


def _keep(interactions: Interactions, keep: np.ndarray, expected: str, received) -> Filtered:
    if not keep.any():
        raise ValueError(f"{expected}. Received: {received}, which leaves none.")
    if keep.all():
        return Filtered(interactions, 0)
    return Filtered(interactions.select(keep).compacted(), int((~keep).sum()))
