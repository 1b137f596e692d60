import numpy as np
import pytest
from scipy import sparse

from advrec_tf.defence.evidence import leave_one_out
from advrec_tf.defence.evidence.coherence import (
    _Judged,
    among_like,
    among_nearest,
    coherence,
    fading,
)
from tests.worlds import interactions_of

BOUNDS = {"too_little": (1.3, 2.3), "too_much": (1.7, 2.6)}
TASTES, HONEST, ITEMS = 4, 200, 160


def honest_profiles(rng):
    """[HONEST, ITEMS]: each user has a fifth of the items of one taste, and few others."""
    liked = np.arange(HONEST)[:, None] % TASTES == np.arange(ITEMS) % TASTES
    return rng.random((HONEST, ITEMS)) < np.where(liked, 0.35, 0.03)


def with_fakes(fakes, rng, target=None):
    has = np.vstack([honest_profiles(rng), fakes])
    if target is not None:
        has[HONEST:, target] = True
    return interactions_of(np.argwhere(has), len(has), ITEMS)


def test_the_users_of_a_target_are_suspicious_as_a_group():
    rng = np.random.default_rng(4)
    data = with_fakes(rng.random((20, ITEMS)) < 0.11, rng, target=7)
    found = coherence(data, **BOUNDS)
    assert found.groups[7] == found.groups.min() < -5.0
    assert found.groups[7] < 2.0 * np.sort(found.groups)[1]
    np.testing.assert_array_equal(found.lower, found.users.min(axis=1))


def test_weights_fade_between_two_bounds():
    assert fading(np.array([-1.0, 1.0, 1.75, 2.0, 9.0]), (1.0, 2.0)).tolist() == [1, 1, 0.25, 0, 0]


def test_random_profiles_lose_their_weight_and_honest_ones_keep_it():
    rng = np.random.default_rng(0)
    fakes = rng.random((10, ITEMS)) < 0.11
    found = coherence(with_fakes(fakes, rng), **BOUNDS)
    assert found.users[HONEST:].min(axis=1).mean() < -3.0
    assert found.user_weight[HONEST:].mean() < 0.25
    assert found.user_weight[:HONEST].mean() > 0.85


def test_an_item_of_unrelated_copies_stands_below_items_with_as_many_users():
    rng = np.random.default_rng(1)
    has = honest_profiles(rng)
    has[:, 0] = False
    sources = rng.choice(HONEST, 24, replace=False)
    data = interactions_of(
        np.argwhere(np.vstack([has, has[sources] | (np.arange(ITEMS) == 0)])), HONEST + 24, ITEMS
    )
    found = coherence(data, **BOUNDS)
    assert found.items[0] < -2.0 and found.items[0] == found.items.min()


def test_profiles_that_others_copy_in_part_cohere_too_well():
    rng = np.random.default_rng(2)
    has = rng.random((HONEST, 800)) < 0.02 + 0.06 * (
        np.arange(HONEST)[:, None] % TASTES == np.arange(800) % TASTES
    )
    sources = has[np.argsort(-has.sum(axis=1))[:6]]
    fakes = np.repeat(sources, 2, axis=0)
    data = interactions_of(np.argwhere(np.vstack([has, fakes])), HONEST + 12, 800)
    found = coherence(data, **BOUNDS)
    assert found.user_weight[HONEST:].max() < 0.1 < 0.8 < found.user_weight[:HONEST].mean()


def test_means_are_judged_along_a_line_in_the_logarithm_of_their_number():
    # 40 users with 5 to 44 values on a line with small noise; one lies far below it.
    rng = np.random.default_rng(0)
    count = np.arange(5, 45)
    user = np.repeat(np.arange(40), count)
    center = 0.3 + 0.1 * np.log(count) + np.tile([-0.01, 0.01], 20)
    center[20] -= 0.4
    value = center[user] + rng.normal(0.0, 0.001, len(user))
    found = among_like(value, user, 42)
    assert found[20] < -20 and np.abs(np.delete(found, 20)).max() < 3
    assert found[40:].tolist() == [0, 0]  # no values, not judged
    assert not among_like(value[:60], user[:60], 42).any()  # fewer than twenty are judged


def test_an_item_is_compared_with_the_lower_half_of_its_neighbors():
    # 25 items with means 1..25 tenths: for the lowest the 24 others have median 1.35 and lower
    # quartile .775, so it lies (0.1 - 1.35) / (1.35 - .775) * .6745 away.
    mean = np.append(np.arange(1, 26) / 10, np.nan)
    found = among_nearest(mean, np.full(26, 4))
    assert found[0] == pytest.approx(-1.25 / 0.575 * 0.6745)
    assert found[25] == 0.0
    assert not among_nearest(mean[6:], np.full(20, 4)).any()  # nineteen are too few


def test_small_data_are_not_judged_and_large_ones_refused(monkeypatch):
    small = interactions_of([(u, u % 3) for u in range(30)], 30, 3)
    found = coherence(small, **BOUNDS)
    assert not found.users.any() and not found.items.any() and (found.user_weight == 1).all()
    monkeypatch.setattr(leave_one_out, "MEMORY_LIMIT", 10)
    with pytest.raises(ValueError, match="their coherence fits into memory. Received: 30 users"):
        coherence(small, **BOUNDS)


def test_users_who_are_no_strangers_by_chance_get_an_allowance_and_are_not_spared():
    # Each of 30 items has 40 of 200 users, who exceed chance by `mean` deviations each.
    has = (np.arange(200)[:, None] - np.arange(30)) % 5 == 0
    mean = np.linspace(3.0, 4.0, 30)
    mean[:2] = 1.0, 0.2  # 1 * sqrt 40 > 5 is beyond chance, .2 * sqrt 40 is not
    judged = _Judged(sparse.csr_array(has.astype(float)), seed=0)

    class Out:
        def beyond_chance(self, item):
            return np.full(40, mean[item])

    found, plain = judged.items_by(Out()), among_nearest(mean, np.full(30, 40))
    assert plain[0] < -4 and found[0] == pytest.approx(plain[0] + 0.3)
    assert found[1] == pytest.approx(plain[1]) and plain[1] < plain[0]
    others = np.where(plain < 0, np.minimum(plain + 0.3, 0.0), plain)
    np.testing.assert_allclose(found[2:], others[2:])
