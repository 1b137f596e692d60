import dataclasses

import numpy as np
import pytest

from advrec_tf.attacks.injection import inject
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.defence.null_model import NullModel, nearest_overlaps, overlaps


def test_the_null_model_keeps_the_numbers_of_items_and_users():
    rng = np.random.default_rng(0)
    table = rng.random((60, 40)) < rng.random((60, 1)) * rng.random((1, 40))
    table[0, :30], table[:50, 0] = True, True
    table = table[table.any(axis=1)][:, table.any(axis=0)]
    users, items = table.sum(axis=1), table.sum(axis=0)
    null = NullModel.of(users, items)
    assert ((null.probability > 0) & (null.probability < 1)).all()
    chance = null.probability[np.searchsorted(null.lengths, users)]
    chance = chance[:, np.searchsorted(null.degrees, items)]
    np.testing.assert_allclose(chance.sum(axis=1), users, rtol=1e-3)
    np.testing.assert_allclose(chance.sum(axis=0), items, rtol=1e-3)


def test_deviations_vary_with_taste_and_as_by_chance_without_it(rows_of, world):
    rng = np.random.default_rng(0)
    chance = np.outer(rng.uniform(0.1, 0.6, 150), rng.uniform(0.2, 1.0, 600))
    user, item = np.nonzero(rng.random(chance.shape) < chance)
    rows = rows_of([(u, i, 1.0) for u, i in zip(user, item, strict=True)], items=600)
    found = overlaps(rows, rows, max_users=1000, seed=0)
    assert found.users.tolist() == list(range(150))
    # A little below 1: the counts that the model keeps on average are fixed in the data.
    assert 0.6 < found.variance.mean() < 1.1
    tasteful = overlaps(world, world, max_users=1000, seed=0)
    assert tasteful.variance.mean() > 1.3


def test_the_nearest_overlaps_equal_the_values_worked_by_hand():
    # Of 21 others one is 9 deviations away and has half of the user's items, one is 4 away and has
    # all; the third shares nothing. The quantiles are over the others, not over oneself.
    deviation = np.concatenate([[np.nan], np.linspace(-3.0, 3.0, 19), [4.0, 9.0]])[None, :]
    fraction = np.concatenate([[1.0], np.zeros(19), [1.0, 0.5]])[None, :]
    middle, tail = np.quantile(deviation[0, 1:], (0.5, 0.9))
    nearest, closest = nearest_overlaps(deviation, fraction)
    (first, third) = nearest[0]
    assert closest.tolist() == [21]
    assert first == pytest.approx(0.5 * (9.0 - tail) / (tail - middle))
    assert third == 0.0  # c = 0: near by chance, and nothing in common
    second = (4.0 - tail) / (tail - middle)
    assert second < first


def test_a_user_of_both_arguments_counts_once(world):
    alone = overlaps(world, world.select(np.zeros(len(world), bool)), max_users=1000, seed=0)
    both = overlaps(world, world, max_users=1000, seed=0)
    np.testing.assert_allclose(both.nearest, alone.nearest)
    np.testing.assert_allclose(both.variance, alone.variance)


def test_a_repeated_pair_is_one_common_item(world):
    again = world.select(np.concatenate([np.arange(len(world)), np.arange(0, len(world), 2)]))
    once = overlaps(world, world, max_users=1000, seed=0)
    twice = overlaps(again, again, max_users=1000, seed=0)
    assert (twice.common <= twice.length).all()
    np.testing.assert_array_equal(twice.common, once.common)
    np.testing.assert_allclose(twice.nearest, once.nearest)


def test_known_users_are_compared_with_too(world):
    half = world.user_index < 60
    rows, known = world.select(half), world.select(~half)
    # Vocabularies of the two need not be in the same order.
    turned = dataclasses.replace(
        known,
        users=Vocabulary(known.users.ids[::-1].copy()),
        user_index=(known.num_users - 1 - known.user_index).astype(np.int32),
    )
    apart = overlaps(rows, turned, max_users=1000, seed=0)
    whole = overlaps(world, world, max_users=1000, seed=0)
    np.testing.assert_allclose(apart.nearest, whole.nearest[:60])
    np.testing.assert_allclose(apart.variance, whole.variance[:60])
    assert (apart.closest == whole.closest[:60]).all()


def test_the_closest_user_of_a_copy_is_its_original(world):
    profile = np.zeros((1, 80), np.float32)
    own = world.item_index[world.user_index == 7]
    profile[0, own[:12]] = 4.0
    rng = np.random.default_rng(0)
    copied = inject(world, profile, targets=np.array([70]), attack="copy", rng=rng)
    found = overlaps(copied.interactions, world, max_users=1000, seed=0)
    fake = int(np.flatnonzero(copied.is_fake)[0])
    assert found.closest[fake] == 7 and found.common[fake] == len(np.unique(own[:12]))
    assert 0 < found.expected[fake] < found.common[fake]
