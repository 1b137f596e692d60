import math

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import MatrixRecommender, Recommender
from advrec_tf.models.baselines import EASE, Popularity
from advrec_tf.models.blend import Blend, HistoryBlend, standardized
from tests.worlds import interactions_of, interactions_of_histories


def rows(pairs, num_users=2, num_items=3):
    return interactions_of(pairs, num_users, num_items)


# User 0 has seen item 0, user 1 nothing.
TRAIN = rows([(0, 0)])


def matrix(scores, train=TRAIN):
    return MatrixRecommender(scores=np.array(scores, np.float32), interactions=train)


# Unseen by user 0: 1 and 3, mean 2, deviation 1; by user 1: 0, 3, 6, mean 3, deviation sqrt 6.
FIRST = matrix([[100, 1, 3], [0, 3, 6]])
# User 0: 8 and 4, mean 6, deviation 2; user 1: 2, 0, 1, mean 1, deviation sqrt(2/3).
SECOND = matrix([[-50, 8, 4], [2, 0, 1]])
A, B = math.sqrt(6), math.sqrt(2 / 3)


def test_a_blend_is_the_weighted_sum_of_scores_standardized_over_unseen_items():
    blend = Blend([FIRST, SECOND], [1, 2])
    expected = [
        [98 + 2 * -28, -1 + 2 * 1, 1 + 2 * -1],
        [-3 / A + 2 * 1 / B, 0 + 2 * -1 / B, 3 / A + 0],
    ]
    np.testing.assert_allclose(blend.score(tf.range(2)), expected, rtol=1e-5)
    # a block of users in any order
    np.testing.assert_allclose(blend.score(tf.constant([1])), expected[1:], rtol=1e-5)


def test_without_weights_members_count_alike():
    # user 0, items 1 and 2: -1 + 1 and 1 - 1
    bag = Blend([FIRST, SECOND]).score(tf.constant([0])).numpy()
    np.testing.assert_allclose(bag[0, 1:], [0, 0], atol=1e-6)


def test_the_unit_of_a_member_does_not_matter():
    moved = matrix(1000 * FIRST.scores + 70)
    for blend in (Blend([FIRST, SECOND]), Blend([moved, SECOND])):
        scores = blend.score(tf.constant([1]))[0]
        np.testing.assert_allclose(scores, [-3 / A + 1 / B, -1 / B, 3 / A], rtol=1e-4, atol=1e-6)


def test_what_a_member_says_of_seen_items_does_not_matter():
    closed = matrix([[-1e9, 1, 3], [0, 3, 6]])
    scores = [Blend([m, SECOND]).score(tf.range(2)).numpy() for m in (FIRST, closed)]
    np.testing.assert_array_equal(scores[0][:, 1:], scores[1][:, 1:])


def test_a_member_without_an_opinion_adds_nothing():
    flat = matrix([[5, 0.1, 0.1], [0.7, 0.7, 0.7]])
    both = Blend([FIRST, flat]).score(tf.range(2)).numpy()
    alone = Blend([FIRST]).score(tf.range(2)).numpy()
    np.testing.assert_array_equal(both, alone)


def test_a_user_who_has_seen_everything_gets_finite_scores():
    scores = standardized(tf.constant([[1.0, 2, 3]]), tf.ones([1, 3]))
    assert np.isfinite(scores).all()


def test_a_blend_ranks_and_serves_as_any_other_model():
    # FIRST has item 2 before all; thrice the weight on SECOND turns it round for both:
    # user 0 item 1: -1 + 3, item 2: 1 - 3; user 1 item 0: (-3 + 9) / A, item 2: 3 / A
    evaluator = RankingEvaluator(TRAIN, rows([(0, 1), (1, 0)]), ks=(1,))
    assert evaluator.evaluate(FIRST).metrics["hit_rate@1"] == 0.0
    blend = Blend([FIRST, SECOND], [1, 3])
    assert evaluator.evaluate(blend).metrics["hit_rate@1"] == 1.0
    frame = blend.recommend([0, 1, "unknown"], k=1)
    assert frame["item_id"].tolist() == [1, 0, 0]


def test_fitted_models_blend():
    data = rows([(u, i) for u in range(6) for i in range(4) if i != u % 4], 6, 4)
    ease, popular = EASE(1.0).fit(data), Popularity().fit(data)
    scores = Blend([ease, popular], [2, 1]).score(tf.range(6))
    assert scores.shape == (6, 4) and np.isfinite(scores).all()
    # one item is unseen: alone it has no spread
    np.testing.assert_array_equal(scores, np.zeros((6, 4)))


@pytest.mark.parametrize(
    ("members", "weights", "message"),
    [
        ([], None, "`members` should hold one recommender or more. Received none"),
        ([FIRST, SECOND], [1], "`weights` should hold 2 finite numbers > 0"),
        ([FIRST], [0], "`weights` should hold 1 finite numbers > 0"),
        ([FIRST], [-1.0], "`weights` should hold 1 finite numbers > 0"),
        ([FIRST], [math.nan], "`weights` should hold 1 finite numbers > 0"),
        ([FIRST], [math.inf], "`weights` should hold 1 finite numbers > 0"),
        (
            [FIRST, matrix(np.zeros((2, 3)), rows([(0, 1)]))],
            None,
            "`members` should be trained on the same interactions. Received: member 1",
        ),
        (
            [FIRST, matrix(np.zeros((3, 3)), rows([(0, 0)], num_users=3))],
            None,
            "`members` should be trained on the same interactions",
        ),
        (
            [FIRST, matrix(np.zeros((2, 4)), rows([(0, 0)], num_items=4))],
            None,
            "`members` should be trained on the same interactions",
        ),
    ],
)
def test_members_and_weights_that_do_not_fit_are_refused(members, weights, message):
    with pytest.raises(ValueError, match=message):
        Blend(members, weights)


class Constant(Recommender):
    """The same scores whatever the history."""

    interactions = TRAIN

    def __init__(self, scores):
        self.scores = tf.constant([scores], tf.float32)

    def score_history(self, history):
        return tf.repeat(self.scores, tf.shape(history)[0], axis=0)


HISTORY = tf.constant([[-1, 0]])


def test_models_of_histories_are_blended_over_what_is_not_in_them():
    """Unseen are 1 and 3, mean 2, deviation 1, and 8 and 4, mean 6, deviation 2."""
    blend = HistoryBlend([Constant([100, 1, 3]), Constant([-50, 8, 4])], [1, 2])
    scores = blend.score_history(HISTORY)
    np.testing.assert_allclose(scores[0, 1:], [-1 + 2 * 1, 1 + 2 * -1], rtol=1e-5)


def test_where_items_repeat_all_count():
    blend = HistoryBlend([Constant([0, 3, 6]), Constant([2, 0, 1])], [1, 2], repeats=True)
    scores = blend.score_history(HISTORY)
    np.testing.assert_allclose(scores[0], [-3 / A + 2 / B, -2 / B, 3 / A], rtol=1e-5, atol=1e-6)


def test_what_scores_no_histories_is_refused():
    with pytest.raises(ValueError, match="member 1, a MatrixRecommender, which does not"):
        HistoryBlend([Constant([0, 1, 2]), FIRST])
    with pytest.raises(ValueError, match="`weights` should hold 1 finite numbers"):
        HistoryBlend([Constant([0, 1, 2])], [0])


def test_a_user_is_scored_by_the_own_history_of_which_the_last_items_are_read():
    class Last(Constant):
        horizon = 1

        def score_history(self, history):
            assert history.shape[1] <= 2  # what the other reads
            return super().score_history(history)

    data = interactions_of_histories([2, 0], [1], num_items=3)
    members = [Last([100, 1, 3]), Constant([-50, 8, 4])]
    for member in members:
        member.interactions = data
    blend = HistoryBlend(members, [1, 2])
    assert blend.horizon == 2 and blend.own_windows.items.tolist() == [[2, 0], [-1, 1]]
    expected = blend.score_history(tf.constant([[2, 0]]))
    np.testing.assert_allclose(blend.score(tf.constant([0])), expected)
    np.testing.assert_allclose(blend.score_history(tf.constant([[1, 1, 2, 0]])), expected)
