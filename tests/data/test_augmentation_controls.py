import numpy as np
import pandas as pd
import pytest

from advrec_tf.data.augmentation_controls import (
    add_noise_to_numbers,
    drop_interactions,
    mix_profiles,
    swap_items,
)
from tests.worlds import interactions_of


@pytest.fixture
def data():
    """Users 0 and 1 have 200 items each of 400, in two halves; user 2 has one."""
    pairs = [(0, i) for i in range(200)] + [(1, i) for i in range(200, 400)] + [(2, 0)]
    return interactions_of(pairs, 3, 400)


def rng():
    return np.random.default_rng(0)


def test_dropping_leaves_out_the_asked_for_share_but_no_user(data):
    left = drop_interactions(data, 0.3, rng=rng())
    # 400 rows kept with .7: 280, deviation sqrt(400 * .21) = 9
    assert abs((left.user_index < 2).sum() - 280) < 4 * 9
    assert (left.user_index == 2).sum() == 1
    assert drop_interactions(data, 0.99, rng=rng()).user_counts().min() == 1
    assert len(drop_interactions(data, 0.0, rng=rng())) == len(data) == 401


def test_a_swap_is_a_neighbor_that_the_user_lacks(data):
    neighbors = ((np.arange(400) + 200) % 400)[:, None]  # the same place in the other half
    users, items = swap_items(data, neighbors, 0.25, rng=rng())
    # 401 rows at .25: 100, deviation 8.7; items of the other half alone
    assert abs(len(users) - 100) < 4 * 8.7
    assert (items[users == 0] >= 200).all() and (items[users == 1] < 200).all()
    known = (np.arange(400)[:, None] // 200 * 200 + 5).astype(int)  # swaps into what one has
    users, _ = swap_items(data, known, 0.9, rng=rng())
    assert not (users < 2).any()


def test_a_mixed_profile_takes_less_than_half_of_the_partner(data):
    users, items = mix_profiles(data, 1e6, rng=rng(), users=np.array([2]))
    # alpha is huge: lambda = 1/2, so about 100 of the partner's 200 items, deviation 7
    assert set(users) == {2} and abs(len(items) - 100) < 5 * 7
    assert len(set(items // 200)) == 1 and 0 not in items
    taken = len(mix_profiles(data, 0.01, rng=rng(), users=np.array([2]))[0])
    assert taken < 20  # alpha near 0: lambda is near 1


def test_noise_is_on_the_numbers_alone_and_in_deviations_of_the_column():
    table = pd.DataFrame({"age": np.tile([20.0, 40.0, 60.0], 400), "flag": [0, 1, 1] * 400})
    table["name"] = "x"
    noisy = add_noise_to_numbers(table, 0.5, rng=rng())
    deviation = np.std([20, 40, 60])  # 16.3; noise of half of it
    assert (noisy["age"] - table["age"]).std() == pytest.approx(0.5 * deviation, rel=0.1)
    pd.testing.assert_frame_equal(noisy[["flag", "name"]], table[["flag", "name"]])
    assert table["age"].nunique() == 3
    pd.testing.assert_frame_equal(add_noise_to_numbers(table, 0.0, rng=rng()), table)


def test_settings_out_of_range_are_refused(data):
    with pytest.raises(ValueError, match=r"`fraction` should lie in \[0, 1\)"):
        drop_interactions(data, 1.0, rng=rng())
    with pytest.raises(ValueError, match=r"`neighbors` should be \[400, n\]"):
        swap_items(data, np.zeros((3, 1), int), 0.1, rng=rng())
    with pytest.raises(ValueError, match="`alpha` should be > 0"):
        mix_profiles(data, 0.0, rng=rng())
    with pytest.raises(ValueError, match="two users with interactions. Received: 1"):
        mix_profiles(data.select(np.arange(200)), 1.0, rng=rng())
    with pytest.raises(ValueError, match="`scale` should be >= 0"):
        add_noise_to_numbers(pd.DataFrame({"a": [1, 2, 3]}), -1.0, rng=rng())
