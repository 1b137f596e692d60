"""The order of a user's interactions: by time, and equal times by a stated rule.

Equal times are ties: which of them came first is not known, and `ties.TieRule` says what stands in
its place. `ordered_by_user` is the one place that orders: splits, sequences, histories and counts
of transitions all go by it, so that they agree. Interactions carry their rule
(`Interactions.ties`) through splits and selections. How many ties there are is counted by `audit`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions


def ordered_by_user(interactions: Interactions) -> tuple[np.ndarray, np.ndarray]:
    """The order of all interactions by user, and by time within a user.

    Ties go by `interactions.ties`, and by the file where the rule leaves them open (a pair that is
    repeated at one time). Without times all are in the order of the file.

    Returns:
        [n] positions in that order, and [num_users + 1], where each user's begin in it.

    Raises:
        ValueError: if a time is NaN.
    """
    keys = [interactions.user_index]
    if interactions.timestamp is not None:
        missing = int(np.isnan(interactions.timestamp).sum())
        if missing:
            raise ValueError(
                f"`interactions` should have a time each. Received {missing} NaN of "
                f"{len(interactions)}. Apply ar.data.filters.with_times(interactions) first."
            )
        order = np.lexsort((interactions.timestamp, interactions.user_index))
        if _has_ties(interactions, order):
            keys = [_tie_keys(interactions), interactions.timestamp, *keys]
        else:
            keys = []
    if keys:
        order = np.lexsort(keys)  # stable; the last key sorts first
    starts = np.concatenate([[0], np.cumsum(interactions.user_counts())])
    return order, starts


def _has_ties(interactions: Interactions, order: np.ndarray) -> bool:
    assert interactions.timestamp is not None
    user, time = interactions.user_index[order], interactions.timestamp[order]
    return bool(((user[1:] == user[:-1]) & (time[1:] == time[:-1])).any())


def _tie_keys(interactions: Interactions) -> np.ndarray:
    return interactions.ties.keys(
        interactions.user_index,
        interactions.item_index,
        interactions.users.ids,
        interactions.items.ids,
    )
