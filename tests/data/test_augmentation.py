import numpy as np
import pytest

from advrec_tf.data.augmentation import (
    AugmentedInteractions,
    best_unseen,
    sample_unseen,
    top_unseen,
)
from tests.worlds import interactions_of

REAL = interactions_of([(0, 0), (0, 1), (0, 2), (1, 3)], num_users=3, num_items=4)
SCORES = np.array([[9, 9, 9, 1], [0.1, 0.4, 0.3, 0.9], [5, 5, 7, 5]], np.float32)


def pairs(user_index, item_index):
    return list(zip(user_index.tolist(), item_index.tolist(), strict=True))


def augmented(users, items, **settings):
    return AugmentedInteractions(
        real=REAL,
        user_index=np.array(users, np.int32),
        item_index=np.array(items, np.int32),
        **settings,
    )


def test_each_user_is_filled_up_to_the_reach_with_the_best_unseen_items():
    # user 0 has 3 already; user 1 has item 3 and lacks 2: 1 then 2; user 2 lacks 3: 2, and
    # of the tied 0, 1, 3 the first two
    written = pairs(*top_unseen(SCORES, REAL, min_history=3))
    assert written == [(1, 1), (1, 2), (2, 2), (2, 0), (2, 1)]


def test_no_written_row_repeats_a_real_one_when_the_reach_is_the_catalogue():
    written = pairs(*top_unseen(SCORES, REAL, min_history=100))
    assert len(written) == 3 * 4 - len(REAL) == len(set(written))
    assert not set(written) & set(pairs(REAL.user_index, REAL.item_index))


def test_only_the_chosen_users_are_filled_up():
    written = pairs(*top_unseen(SCORES, REAL, min_history=2, users=np.array([0, 2])))
    assert written == [(2, 2), (2, 0)]


def test_users_with_enough_rows_leave_nothing_to_write():
    users, items = top_unseen(SCORES, REAL, min_history=3, users=np.array([0]))
    assert users.shape == items.shape == (0,) and users.dtype == items.dtype == np.int32


def test_an_item_scored_minus_infinity_is_never_written():
    scores = SCORES.copy()
    scores[2, [0, 1, 3]] = -np.inf
    assert pairs(*top_unseen(scores, REAL, min_history=4, users=np.array([2]))) == [(2, 2)]


def test_the_scores_are_left_as_they_were():
    scores = np.ones((3, 4))
    top_unseen(scores, REAL, min_history=4)
    np.testing.assert_array_equal(scores, np.ones((3, 4)))


def test_scores_of_another_shape_nan_and_no_reach_are_refused():
    with pytest.raises(ValueError, match=r"`scores` should have shape \(3, 4\).*\(2, 4\)"):
        top_unseen(SCORES[:2], REAL, min_history=3)
    with pytest.raises(ValueError, match="`scores` should be numbers. Received NaN"):
        top_unseen(np.where(SCORES == 7, np.nan, SCORES), REAL, min_history=3)
    with pytest.raises(ValueError, match="`min_history` should be >= 1. Received: 0"):
        top_unseen(SCORES, REAL, min_history=0)


def test_a_generated_row_that_the_user_has_is_refused():
    with pytest.raises(ValueError, match="Received 1 that the user has"):
        augmented([2, 0], [0, 1])
    assert len(augmented([2, 1], [0, 1])) == 2  # the same items of other users are new


def test_generated_rows_outside_the_vocabularies_are_refused():
    with pytest.raises(ValueError, match=r"`item_index` should lie in 0\.\.3"):
        augmented([2], [4])
    with pytest.raises(ValueError, match="should have the same length. Received: 2 and 1"):
        augmented([2, 1], [0])


@pytest.mark.parametrize("settings", [{"weight": -0.1}, {"fraction": 0.0}, {"fraction": 1.1}])
def test_weight_and_share_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="`weight` should be >= 0 and `fraction`"):
        augmented([2], [0], **settings)


def test_unseen_items_are_drawn_by_the_softmax_and_never_twice():
    # user 2 has nothing; chances 1/2, 1/4, 1/4, 0: of 2,000 draws 1,000 of item 0, deviation 22
    logits = np.log(np.array([[2.0, 1.0, 1.0, 1e-300]]))
    rng = np.random.default_rng(0)
    first = [sample_unseen(logits, [2], REAL, [1], rng=rng)[1][0] for _ in range(2000)]
    assert abs(first.count(0) - 1000) < 4 * 22 and 3 not in first
    users, items = sample_unseen(np.zeros((1, 4)), [2], REAL, [9], rng=rng)
    assert users.tolist() == [2] * 4 and sorted(items) == [0, 1, 2, 3]


def test_what_a_user_has_and_what_is_closed_is_never_drawn():
    logits = np.array([[9.0, 9.0, 9.0, 0.0], [0.0, -np.inf, -np.inf, 9.0]])
    users, items = sample_unseen(logits, [0, 1], REAL, [2, 2], rng=np.random.default_rng(0))
    assert pairs(users, items) == [(0, 3), (1, 0)]


def test_logits_to_draw_from_that_do_not_fit_are_refused():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match=r"`logits` should have shape \(2, 4\)"):
        sample_unseen(np.zeros((1, 4)), [0, 1], REAL, [1, 1], rng=rng)
    with pytest.raises(ValueError, match="`logits` should be numbers"):
        sample_unseen(np.full((1, 4), np.nan), [0], REAL, [1], rng=rng)


def test_the_best_of_what_is_not_seen_are_as_many_as_there_are():
    scores = np.array([0.1, 0.9, 0.5, 0.7])
    assert best_unseen(scores, np.array([1]), 2).tolist() == [3, 2]
    assert best_unseen(scores, np.array([0, 1, 3]), 2).tolist() == [2]
    assert scores.tolist() == [0.1, 0.9, 0.5, 0.7]  # as they were
