"""A small world of raters, and it with a campaign in it."""

import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks.heuristic import AverageAttack
from advrec_tf.attacks.injection import inject
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary


def rated_world(num_users=120, num_items=80, seed=0):
    """Users of two tastes rate popular items of their taste, by taste and item."""
    rng = np.random.default_rng(seed)
    popularity = 1.0 / np.arange(1, num_items + 1)
    quality = rng.normal(0.0, 0.7, num_items)
    user, item, rating = [], [], []
    for u in range(num_users):
        liked = (np.arange(num_items) + u) % 2 == 0
        chance = popularity * np.where(liked, 1.0, 0.15)
        count = int(rng.integers(8, 25))
        own = rng.choice(num_items, count, replace=False, p=chance / chance.sum())
        user += [u] * count
        item += own.tolist()
        score = 3.2 + quality[own] + np.where(liked[own], 0.6, -0.6) + rng.normal(0, 0.5, count)
        rating += np.clip(np.rint(score), 1, 5).tolist()
    return Interactions(
        user_index=np.array(user, np.int32),
        item_index=np.array(item, np.int32),
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
        rating=np.array(rating, np.float32),
    )


@pytest.fixture(scope="session")
def rows_of():
    """(user, item, rating) triples -> Interactions over `items` items."""

    def build(triples, *, users=None, items=4, rated=True):
        user, item, rating = (np.array(column) for column in zip(*triples, strict=True))
        return Interactions(
            user_index=user.astype(np.int32),
            item_index=item.astype(np.int32),
            users=Vocabulary(np.arange(users or user.max() + 1)),
            items=Vocabulary(np.arange(items)),
            rating=rating.astype(np.float32) if rated else None,
        )

    return build


@pytest.fixture(scope="session")
def world():
    return rated_world()


@pytest.fixture(scope="session")
def large_world():
    """Where overlaps say more: 400 users, 300 items."""
    return rated_world(400, 300)


@pytest.fixture(scope="session")
def attacked(world):
    """Twelve average profiles on item 70."""
    rng = np.random.default_rng(1)
    attack = AverageAttack(num_profiles=12, num_fillers=15)
    targets = np.array([70])
    profiles = attack.profiles(world, targets, rng=rng)
    return inject(world, profiles, targets=targets, attack="average", rng=rng)


@pytest.fixture(scope="session")
def strangers():
    """Another draw of the world, with other users' ids, attacked likewise."""
    other = rated_world(seed=5)
    other = dataclasses.replace(other, users=Vocabulary(1000 + np.arange(other.num_users)))
    rng = np.random.default_rng(2)
    attack = AverageAttack(num_profiles=12, num_fillers=15)
    targets = np.array([66])
    profiles = attack.profiles(other, targets, rng=rng)
    return inject(other, profiles, targets=targets, attack="average", rng=rng)


@pytest.fixture(scope="session")
def block_and_chance(rows_of):
    """Forty users on 5 of 60 items at random, six more on the same ten items; who is of the six."""
    rng = np.random.default_rng(0)
    rows = [(u, i, 3.0) for u in range(40) for i in rng.choice(50, 5, replace=False)]
    rows += [(40 + u, 50 + i, 5.0) for u in range(6) for i in range(10)]
    return rows_of(rows, items=60), np.arange(46) >= 40
