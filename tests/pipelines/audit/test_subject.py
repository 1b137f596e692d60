import numpy as np
import pytest

from advrec_tf.pipelines.audit.settings import AuditSettings
from advrec_tf.pipelines.audit.subject import best_items, measured_users, overlap, seen_mask
from tests.worlds import interactions_of, split_of


def test_a_nan_is_refused_with_its_user_and_item(make_case, noise):
    scores = noise.copy()
    scores[3, 5] = np.nan
    with pytest.raises(ValueError, match="1 NaN of 1,920, the first for user 3 and item 5"):
        make_case(scores)


def test_infinity_is_refused_and_minus_infinity_is_no_score(make_case, noise):
    scores = noise.copy()
    scores[:, 5] = -np.inf
    assert not (make_case(scores).lists == 5).any()
    with pytest.raises(ValueError, match="below infinity"):
        make_case(-scores)


def test_scores_of_another_catalog_are_refused(make_case, noise):
    with pytest.raises(ValueError, match=r"should return \[80, 24\]"):
        make_case(noise[:, :20])


def test_many_users_are_sampled_and_users_without_a_test_item_are_left_out(split):
    assert len(measured_users(split, 2000, 24, 0)) == 80
    sample = measured_users(split, 30, 24, 0)
    assert len(sample) == 30 and (np.diff(sample) > 0).all()
    train = interactions_of([(0, 0), (1, 0)], 2, 2)
    assert measured_users(split_of(train, interactions_of([(1, 1)], 2, 2)), 9, 2, 0).tolist() == [1]
    with pytest.raises(ValueError, match="should have interactions"):
        measured_users(split_of(train), 9, 2, 0)


def test_a_case_answers_for_measured_users_in_any_order(make_case, noise):
    case = make_case(noise, settings=AuditSettings(max_users=30))
    some = case.users[[4, 2]]
    assert np.array_equal(case.score(some), noise[some])


def test_best_items_leave_hidden_ones_out_and_end_in_minus_one():
    hidden = np.array([[False, True, False]])
    assert best_items(np.array([[1.0, 3.0, 2.0]]), hidden, k=2).tolist() == [[2, 0]]
    assert best_items(np.array([[1.0, 3.0, -np.inf]]), hidden, k=4).tolist() == [[0, -1, -1, -1]]


def test_overlap_is_the_share_of_the_second_list():
    # Row 0: 1 of (1, 2) is in (1, 3). Row 1: the only item of (4, -1) is in (4, 5).
    assert overlap(np.array([[1, 3], [4, 5]]), np.array([[1, 2], [4, -1]])) == pytest.approx(0.75)


def test_the_seen_mask_is_what_each_user_has():
    data = interactions_of([(0, 1), (2, 0), (2, 1)], 3, 2)
    assert seen_mask(data, np.array([2, 1])).tolist() == [[True, True], [False, False]]
