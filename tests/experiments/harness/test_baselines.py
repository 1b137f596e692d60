import numpy as np

from advrec_tf.training import recipes
from experiments.harness import baselines
from experiments.harness.entries import Task
from tests.experiments.harness.toy import ITEMS, USERS, make_setting


def make_task(**changes):
    return Task(setting=make_setting(), seed=3, **changes)


def test_a_closed_form_has_its_own_settings_and_those_of_the_task():
    assert baselines.closed_form(recipes.ease)(make_task(settings={"l2": 7.0})).l2 == 7.0
    assert baselines.closed_form(recipes.ease, l2=5.0)(make_task()).l2 == 5.0


def test_scores_of_items_rank_alike_for_all_users():
    model = baselines.ranking(make_task(), np.arange(ITEMS))
    assert model.scores.tolist() == [list(range(ITEMS))] * USERS


def test_random_scores_follow_the_seed_and_their_stream():
    first = baselines.random_ranking(1)(make_task()).scores
    assert (first == baselines.random_scores(make_task(), 1)).all()
    assert (first != baselines.random_scores(make_task(), 2)).any()
    expected = np.random.default_rng([3, 1]).random((USERS, ITEMS), np.float32)
    np.testing.assert_array_equal(first, expected)
