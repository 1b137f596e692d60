"""How far equal times leave the order of a user's interactions open, in counts.

What orders them is in `ties`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.ties import rank_of_ids

TIED = 0.01
"""The share of tied neighbors, or of tied test interactions, from which an audit warns."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ties:
    """How far equal times leave the order of a user's interactions open.

    Attributes:
        neighbors: fraction of neighboring interactions of a user with equal times.
        ascending: fraction of these neighbors, in the order of the file, whose item id is the
            larger one: 1/2 by chance, and near 0 or 1 where the file is sorted by item.
        last: fraction of users with two interactions whose last one ties with the one before.
    """

    neighbors: float
    ascending: float
    last: float

    def __str__(self) -> str:
        said = (
            f"{self.neighbors:.1%} of neighboring interactions of a user have equal times, and "
            f"{self.last:.1%} of the users end in a tie"
        )
        if self.neighbors < 0.001:  # what few pairs have in common says nothing
            return said
        share = f"{self.ascending:.0%} of the tied pairs have ascending item ids"
        return f"{said}; {share} (50% by chance)"


def ties(interactions: Interactions) -> Ties | None:
    """The ties of interactions; None without times, or where no user has two interactions."""
    if interactions.timestamp is None:
        return None
    if not pd.Series(_moment_keys(interactions)).duplicated().any():
        several = len(interactions) and interactions.user_counts().max() > 1
        return Ties(neighbors=0.0, ascending=0.5, last=0.0) if several else None
    order = np.lexsort((interactions.timestamp, interactions.user_index))
    user, moment = interactions.user_index[order], interactions.timestamp[order]
    same_user = user[1:] == user[:-1]
    tied = same_user & (moment[1:] == moment[:-1])
    rank = rank_of_ids(interactions.items.ids)[interactions.item_index[order]]
    ascending = rank[1:] > rank[:-1]
    last = same_user & np.append(user[2:] != user[1:-1], True)
    return Ties(
        neighbors=float(tied[same_user].mean()),
        ascending=float(ascending[tied].mean()) if tied.any() else 0.5,
        last=float(tied[last].mean()),
    )


def _moment_keys(interactions: Interactions) -> np.ndarray:
    """[n] int64, equal where user and time are equal."""
    times = interactions.timestamp
    assert times is not None
    moments = times - times.min(initial=0.0)
    span = moments.max(initial=0.0) + 1.0
    if span * interactions.num_users < 2**62 and (moments == np.floor(moments)).all():
        return interactions.user_index * np.int64(span) + moments.astype(np.int64)
    moments, kinds = pd.factorize(times)
    return interactions.user_index.astype(np.int64) * len(kinds) + moments
