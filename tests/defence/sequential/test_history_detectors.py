"""Perplexity, transition surprise and pace, and the threshold that they share."""

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.defence.sequential.base import mean_of_largest
from advrec_tf.defence.sequential.pace import PaceSurprise
from advrec_tf.defence.sequential.perplexity import Perplexity
from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from tests.worlds import interactions_of_histories


def test_the_mean_is_over_the_largest_that_are_there():
    values = np.array([[1.0, np.nan, 5.0, 3.0], [np.nan] * 4])
    assert mean_of_largest(values, 1.0).tolist() == [3.0, 0.0]
    assert mean_of_largest(values, 0.5).tolist() == [4.0, 0.0]  # two of three
    assert mean_of_largest(values, 0.01).tolist() == [5.0, 0.0]


class Rule:
    """After any history whose last item is i: log p is log(3/4) for i + 1 of 3, log(1/8) else."""

    def __init__(self):
        self.asked = []

    def score_history(self, histories):
        self.asked += histories.numpy().tolist()
        last = histories.numpy()[:, -1]
        probability = np.full([len(last), 3], 1 / 8)
        probability[np.arange(len(last)), (last + 1) % 3] = 3 / 4
        return tf.constant(np.log(probability) + 7, tf.float32)  # a softmax ignores the 7


def test_perplexity_is_that_of_each_item_after_those_before_it():
    model = Rule()
    detector = Perplexity(model)
    found = detector.suspicion(np.array([[-1, 0, 1, 0], [-1, -1, -1, 2]]))
    assert found[0] == pytest.approx((np.log(4 / 3) + np.log(8)) / 2) and found[1] == 0.0
    assert sorted(model.asked) == [[-1, -1, -1, 0], [-1, -1, 0, 1]]


DATA = interactions_of_histories([0, 1, 2], [0, 1], [0, 3], [2], num_items=4)


def test_transitions_are_surprising_by_smoothed_counts():
    # counts: 0-1 twice, 1-2 and 0-3 once; items 3, 2, 2, 1 of 8, plus one each: 4, 3, 3, 2 of 12
    detector = TransitionSurprise(smoothing=2.0).fit(DATA)
    found = detector.surprises(np.array([[-1, 0, 1], [3, 0, 0]]), None)
    assert np.isnan(found[0, :2]).all() and np.isnan(found[1, 0])
    assert found[0, 2] == pytest.approx(-np.log((2 + 2 * 3 / 12) / (3 + 2)))
    assert found[1, 1:] == pytest.approx([-np.log(4 / 12), -np.log((2 * 4 / 12) / 5)])
    # log p sums to one over what follows
    after = detector.surprises(np.array([[0, j] for j in range(4)]), None)[:, 1]
    assert np.exp(-after).sum() == pytest.approx(1)


def test_the_threshold_leaves_the_stated_fraction_of_honest_users_above_it():
    detector = TransitionSurprise(smoothing=2.0, false_alarms=0.25).fit(DATA)
    scores = detector.score(DATA)
    assert (scores > detector.threshold).sum() == 1
    histories = np.array([[0, 1, 2], [2, 0, 3]])
    assert detector.flagged(histories).tolist() == [False, True]
    nobody = interactions_of_histories([], [0, 1], num_items=4)
    assert detector.score(nobody)[0] == -np.inf


def timed(*times):
    return interactions_of_histories(*[range(len(own)) for own in times], times=times)


def test_a_burst_and_a_clock_are_suspicious_and_a_human_is_not():
    rng = np.random.default_rng(0)
    human = [np.cumsum(rng.exponential(100.0, 9)).tolist() for _ in range(40)]
    detector = PaceSurprise().fit(timed(*human))
    burst = (np.cumsum(rng.exponential(1.0, 9)) + 50).tolist()
    clock = (np.arange(9) * 100.0).tolist()
    few = [0.0, 1.0]
    scores = detector.score(timed(burst, clock, few, human[0]))
    assert scores[0] > detector.threshold and scores[1] > detector.threshold
    assert scores[2] == 0.0 and scores[0] == pytest.approx(np.log(100), abs=1.0)
    assert (detector.score(timed(*human)) > detector.threshold).mean() <= 0.05


def test_what_does_not_fit_is_refused():
    with pytest.raises(ValueError, match="`worst` in"):
        TransitionSurprise(worst=0.0)
    with pytest.raises(ValueError, match="`smoothing` should be"):
        TransitionSurprise(smoothing=0.0)
    with pytest.raises(ValueError, match="`interactions` should have times"):
        PaceSurprise().fit(DATA)
    with pytest.raises(ValueError, match="should have a user with 6 items"):
        PaceSurprise().fit(timed([1.0, 2.0]))
    with pytest.raises(ValueError, match="`times` should be given"):
        PaceSurprise().fit(timed([1.0, 2, 4, 5, 7, 9])).suspicion(np.array([[1, 2]]))
    with pytest.raises(ValueError, match="should have a user with interactions"):
        TransitionSurprise().fit(interactions_of_histories([], num_items=4))
