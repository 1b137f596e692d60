import dataclasses

import numpy as np
import pytest

from advrec_tf.models.baselines import EASE
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.audit import lists
from advrec_tf.pipelines.audit.subject import UNKNOWN_ITEM
from tests.worlds import interactions_of


def test_a_model_that_lists_seen_items_is_found(make_case, noise, split):
    own = split.train.by_user()
    planted = np.full((80, 10), -1)
    for user in range(80):
        planted[user, :2] = own[user][:2]  # two items that the user has
        planted[user, 2:4] = np.setdiff1d(np.arange(24), own[user])[:2]  # and two new ones
    found = lists.served(make_case(noise, lists=lambda users: planted[users]))
    assert found["seen"] == 0.5 and found["unknown"] == 0.0 and found["shorter"] == 1.0


def test_items_of_another_catalog_are_counted(make_case, noise):
    planted = np.full((80, 10), UNKNOWN_ITEM)
    found = lists.served(make_case(noise, lists=lambda users: planted[users]))
    assert found["unknown"] == 1.0 and found["seen"] == 0.0


def test_a_model_that_only_scores_is_not_accused(make_case, split):
    scores = split.train.by_user().dense()  # the items that the user has come first
    found = lists.served(make_case(scores))
    assert found["seen"] is None and found["serves_lists"] is False
    assert found["seen_by_scores"] == pytest.approx(0.6)  # 6 training items of a list of 10


def test_one_list_for_all_is_found(make_case):
    found = lists.measure(make_case(np.tile(np.arange(24.0), (80, 1))))
    assert found["between_users"] > 0.5  # only what users have differs
    assert found["gini"] > 0.3


def test_gini_equals_the_values_worked_by_hand():
    # (2i - n - 1) x for x = 1, 3: -1 + 3 = 2, over 2 * 4.
    assert lists.gini(np.array([3, 1])) == pytest.approx(0.25)
    assert lists.gini(np.array([2, 2, 2])) == 0.0
    assert lists.gini(np.array([0, 0, 0, 8])) == pytest.approx(0.75)  # (n - 1) / n
    assert lists.gini(np.zeros(3)) == 0.0


def test_lists_that_do_not_share_an_item_do_not_overlap():
    assert lists.between_users(np.array([[0, 1], [2, 3]])) == 0.0
    assert lists.between_users(np.array([[0, 1], [1, 0]])) == 1.0


def test_scores_on_the_edge_are_unstable_under_noise(make_case, noise):
    flat = np.tile(np.arange(24.0) % 2, (80, 1))  # ties that noise decides
    steps = np.tile(np.arange(24.0), (80, 1))
    unstable, stable = (lists.under_noise(make_case(scores)) for scores in (flat, steps))
    assert unstable["noise_overlap"] < 0.9 < stable["noise_overlap"]
    assert stable["noise_on"] == "scores"


def test_vectors_are_disturbed_where_there_are_any(make_case, noise, split):
    vectors = VectorRecommender(
        user_vectors=noise[:, :4],
        item_vectors=noise[:24, 4:8],
        unknown_user=np.zeros(4, np.float32),
        interactions=split.train,
    )
    case = make_case(vectors.user_vectors @ vectors.item_vectors.T, vectors=vectors)
    found = lists.under_noise(case)
    assert found["noise_on"] == "vectors" and 0.5 < found["noise_overlap"] < 1.0


def test_a_list_that_one_click_turns_over_is_found(make_case, noise, split):
    def by_parity_of_length(histories):
        first = np.array([12 * (len(items) % 2) for items in histories])
        return first[:, None] + np.arange(10)

    found = lists.without_one_item(make_case(noise, history_lists=by_parity_of_length))
    assert found["removal_overlap"] < 0.1
    ease = EASE(100.0).fit(split.train)

    def by_ease(histories):
        profile = np.zeros((len(histories), 24), np.float32)
        for row, items in enumerate(histories):
            profile[row, items] = 1.0
        scores = np.where(profile > 0, -np.inf, profile @ ease.weights.numpy())
        return np.argsort(-scores, axis=1)[:, :5]

    found = lists.without_one_item(make_case(noise, history_lists=by_ease))
    assert found["removal_overlap"] > 0.6 and found["removal_users"] == 80


def test_histories_are_asked_for_in_order_of_time_each_item_once():
    times = [5, 1, 3, 2, 9]
    data = interactions_of([(0, 0), (0, 2), (0, 1), (1, 0), (0, 2)], timestamp=times)
    assert [own.tolist() for own in lists._in_order(data, np.array([1, 0]))] == [[0], [1, 0, 2]]
    holes = dataclasses.replace(data, timestamp=np.array([np.nan, *times[1:]]))
    assert lists._in_order(holes, np.array([0]))[0].tolist() == [0, 1, 2]


def test_without_histories_the_page_says_so(make_case, noise):
    found = lists.without_one_item(make_case(noise))
    assert found["removal_overlap"] is None and "no history" in found["no_removal_overlap"]
