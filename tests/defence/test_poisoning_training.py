import numpy as np
import pytest

from advrec_tf.defence.poisoning_training import erm_users, item_influence
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization


def test_the_influence_of_a_rating_is_the_change_of_the_risk(world):
    model = BiasedFactorization(dim=3, l2=2.0, epochs=30, seed=0).fit(world)
    user = np.append(np.full(3, 0.2), 0.1).astype(np.float32)
    rating = np.full(world.num_items, 4.0)
    influence = item_influence(model, world, user, rating)
    item, step = 5, 1e-3
    # The item's own regression with the new rating at a small weight, by finite difference.
    mine = world.item_index == item
    features = np.column_stack([model.users[world.user_index[mine], :-1], np.ones(mine.sum())])
    target = world.rating[mine] - model.mean - model.users[world.user_index[mine], -1]
    new, wanted = np.append(user[:-1], 1.0), 4.0 - model.mean - user[-1]

    def risk(weight):
        hessian = features.T @ features + 2.0 * np.eye(4) + weight * np.outer(new, new)
        vector = np.linalg.solve(hessian, features.T @ target + weight * new * wanted)
        return np.sum((target - features @ vector) ** 2)

    assert influence[item] == pytest.approx((risk(step) - risk(0.0)) / step, rel=0.05)


def test_erm_users_follow_the_others_and_change_no_interaction(world):
    added = erm_users(world, num_users=6, rounds=2, num_items=12, seed=0)
    assert added.num_users == world.num_users + 6
    np.testing.assert_array_equal(added.item_index[: len(world)], world.item_index)
    np.testing.assert_array_equal(added.rating[: len(world)], world.rating)
    assert (added.user_counts()[world.num_users :] == 12).all()
    again = erm_users(world, num_users=6, rounds=2, num_items=12, seed=0)
    assert again.fingerprint() == added.fingerprint()


def test_erm_users_rate_only_what_lowers_the_risk(world):
    added = erm_users(world, num_users=8, rounds=1, num_items=10, seed=0)
    model = BiasedFactorization(dim=16, epochs=4, seed=0).fit(world)
    counts = np.maximum(world.item_counts(), 1)
    means = np.bincount(world.item_index, world.rating, world.num_items) / counts
    wanted = np.clip(means + 1.0, 1, 5)
    influence = item_influence(model, world, model.users.mean(axis=0), wanted)
    assert (influence > 0).any()  # else there was nothing to choose
    chosen = added.item_index[len(world) :]
    assert (influence[chosen] < 0).all()
    # What lowers it most is chosen most.
    helpful = np.flatnonzero(influence < 0)
    assert influence[chosen].mean() < influence[helpful].mean()
