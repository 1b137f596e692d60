import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.evaluation.history_attacks import attack_curve, ranks


class After:
    """After item i of five, i + 1 scores 3, i + 2 scores 2, the rest 1, plus `boost` for item 4."""

    def __init__(self, boost=0.0):
        self.boost = boost

    def score_history(self, histories):
        last = histories.numpy()[:, -1]
        scores = np.ones([len(last), 5], np.float32)
        scores[np.arange(len(last)), (last + 2) % 5] = 2
        scores[np.arange(len(last)), (last + 1) % 5] = 3
        scores[:, 4] += self.boost
        return tf.constant(scores)


HISTORIES = np.array([[-1, 0], [4, 1], [0, 2]], np.int32)


def test_equal_scores_count_against_an_item_and_the_history_is_left_out():
    # of 0: 1, 2, then 3 and 4 alike; of 2: 3, 4, then 1 (0 stands in the history)
    items = np.array([[1, 3], [2, 3], [3, 1]])
    assert ranks(After(), HISTORIES, items).tolist() == [[1, 4], [1, 2], [1, 3]]
    # what stands in its own history is behind all five
    assert ranks(After(), HISTORIES, np.array([[0], [4], [1]])).tolist() == [[6], [6], [3]]


def test_the_curve_of_polluted_histories_is_that_of_what_is_shown():
    """Budget 1 puts item 3 last in the first history: what comes next, 1, falls from rank 1 to 4,
    behind 4 and 0 and beside 2, which scores the same."""

    def polluted(budget):
        shown = HISTORIES.copy()
        if budget:
            shown[0] = [-1, 3]
        return After(), shown

    clean, hit = attack_curve(polluted, [0, 1], next_items=np.array([1, 2, 3]), k=2)
    assert (clean.budget, clean.ndcg, clean.hit_rate) == (0, 1.0, 1.0)
    assert hit.hit_rate == pytest.approx(2 / 3) and hit.ndcg == pytest.approx(2 / 3)
    assert np.isnan(hit.target_hit_rate)
    (wide,) = attack_curve(polluted, [1], next_items=np.array([1, 2, 3]), k=4)
    assert wide.ndcg == pytest.approx((2 + 1 / np.log2(5)) / 3)


def test_the_curve_of_a_poisoned_model_counts_users_without_the_target():
    points = attack_curve(
        lambda budget: (After(boost=budget), HISTORIES),
        [0, 1.5, 5],
        next_items=np.array([1, 2, 3]),
        promoted=4,
        k=1,
    )
    # the second user has item 4; of the others 0 is a user it is far from, 2 one it is second for
    assert [point.target_hit_rate for point in points] == [0.0, 0.5, 1.0]
    assert points[2].ndcg == pytest.approx(1 / 3)


@pytest.mark.parametrize("clean", [None, HISTORIES])
def test_the_users_of_a_target_are_those_without_it_before_the_attack(clean):
    def polluted(budget):
        shown = HISTORIES.copy()
        if budget:
            shown[1] = [-1, 3]  # the only 4 is taken out, so that this user would be shown it
            shown[2] = [0, 4]  # and here it is put in: it cannot be in the list
        return After(), shown

    settings = {"next_items": np.array([1, 2, 3]), "promoted": 4, "k": 2, "clean": clean}
    points = attack_curve(polluted, [0, 1], **settings)
    # after [-1, 0] item 4 comes third or later; after [0, 2] it is second
    assert [point.target_hit_rate for point in points] == [0.5, 0.0]
    assert [point.target_users for point in points] == [2, 2]
    if clean is not None:  # the first budget need not be the clean one
        assert attack_curve(polluted, [1], **settings) == points[1:]


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="`k` should be >= 1"):
        attack_curve(lambda _: (After(), HISTORIES), [0], next_items=np.zeros(3, int), k=0)
    with pytest.raises(ValueError, match="`clean` should have a history for each of 3 next items"):
        attack_curve(
            lambda _: (After(), HISTORIES), [0], next_items=np.zeros(3, int), clean=HISTORIES[:2]
        )
    with pytest.raises(ValueError, match="`histories` should be"):
        ranks(After(), HISTORIES, np.zeros([2, 1], int))
    with pytest.raises(ValueError, match="should not give NaN"):
        ranks(After(np.nan), HISTORIES, np.zeros([3, 1], int))
