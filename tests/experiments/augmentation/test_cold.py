import numpy as np
import pytest

from advrec_tf.models.base import log_popularity
from experiments.augmentation import cold


def test_a_copied_profile_comes_first_and_popular_items_before_rare_ones(make_task):
    task = make_task("cold")
    scores = cold.bootstrapped_profiles(task).scores
    user = task.setting.cold.users[0]
    copied = scores[user] > 50
    assert 0 < copied.sum() < task.interactions.num_items
    expected = log_popularity(task.interactions)
    np.testing.assert_allclose(scores[user] - 100 * copied, expected, atol=1e-4)


@pytest.mark.parametrize(
    "train",
    [
        cold.random_interactions,
        cold.popular_interactions,
        cold.group_popular_interactions,
        cold.bootstrapped_interactions,
    ],
)
def test_only_the_cut_users_get_interactions_and_none_twice(make_task, trained_on, train):
    task = make_task("cold")
    train(task)
    generated = trained_on[-1][0]
    assert set(generated.user_index) <= set(task.setting.cold.users)
    pairs = set(zip(generated.user_index.tolist(), generated.item_index.tolist(), strict=True))
    assert len(pairs) == len(generated.user_index) > 0
