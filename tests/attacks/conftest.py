"""A small world of ratings that attacks are tried on."""

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary


def make_ratings(num_users=60, num_items=40, *, seed=0, ratings=True):
    """Two tastes: users of one half rate its half of the items 4-5, the others' 1-2."""
    rng = np.random.default_rng(seed)
    popularity = rng.permutation(num_items) / num_items
    rated = rng.random((num_users, num_items)) < 0.15 + 0.5 * popularity
    rated[:, 0] = np.arange(num_users) < 2  # item 0: a target that hardly anybody knows
    users, items = np.nonzero(rated)
    same = (users < num_users // 2) == (items < num_items // 2)
    rating = np.where(same, rng.integers(4, 6, len(users)), rng.integers(1, 3, len(users)))
    return Interactions(
        user_index=users.astype(np.int32),
        item_index=items.astype(np.int32),
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
        rating=rating.astype(np.float32) if ratings else None,
    )


@pytest.fixture(scope="session")
def ratings():
    return make_ratings()


@pytest.fixture(scope="session")
def implicit():
    return make_ratings(ratings=False)
