"""Near duplicates: the most similar other set of items of each user.

Fake profiles are often near copies, of another one of their campaign or of a real user whom the
attack took for a template.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions

_BLOCK_CELLS = 2**24


def near_duplicates(interactions: Interactions, known: Interactions) -> np.ndarray:
    """The highest similarities of each user's items A to the items B of all other users.

    Args:
        interactions: whose users are measured, among themselves too.
        known: more users to compare with, over the same items; one who is in `interactions` too
            counts once (external ids tell).

    Returns:
        [num_users, 2] float64 in [0, 1]: the highest Jaccard index |A and B| / |A or B| and the
        highest containment |A and B| / |A|; 0 for a user without interactions or without others.
    """
    users = np.flatnonzero(interactions.user_counts() > 0)
    profiles = interactions.by_user().dense()[users]
    ids = interactions.users.ids[users]
    more = np.flatnonzero(known.user_counts() > 0)
    more = more[~np.isin(known.users.ids[more], ids)]
    others = np.concatenate([profiles, known.by_user().dense()[more]])
    size, other_size = profiles.sum(axis=1), others.sum(axis=1)
    highest = np.zeros((len(users), 2))
    block = max(1, _BLOCK_CELLS // max(len(others), 1))
    for start in range(0, len(users), block):
        own = size[start : start + block, None]
        common = profiles[start : start + block] @ others.T
        common[np.arange(len(common)), start + np.arange(len(common))] = 0.0
        jaccard = common / (own + other_size[None, :] - common)
        highest[start : start + block, 0] = jaccard.max(axis=1, initial=0.0)
        highest[start : start + block, 1] = (common / own).max(axis=1, initial=0.0)
    result = np.zeros((interactions.num_users, 2))
    result[users] = highest
    return result
