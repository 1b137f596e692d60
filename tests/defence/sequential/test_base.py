import numpy as np
import pytest

from advrec_tf.defence.sequential.base import mean_of_largest
from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from tests.worlds import interactions_of_histories

DATA = interactions_of_histories([0, 1, 2], [0, 1], [0, 3], [2], num_items=4)


def test_the_mean_is_over_the_largest_that_are_there():
    values = np.array([[1.0, np.nan, 5.0, 3.0], [np.nan] * 4])
    assert mean_of_largest(values, 1.0).tolist() == [3.0, 0.0]
    assert mean_of_largest(values, 0.5).tolist() == [4.0, 0.0]  # two of three
    assert mean_of_largest(values, 0.01).tolist() == [5.0, 0.0]


def test_the_threshold_leaves_the_stated_fraction_of_honest_users_above_it():
    detector = TransitionSurprise(smoothing=2.0, false_alarms=0.25).fit(DATA)
    scores = detector.score(DATA)
    assert (scores > detector.threshold).sum() == 1
    histories = np.array([[0, 1, 2], [2, 0, 3]])
    assert detector.flagged(histories).tolist() == [False, True]
    nobody = interactions_of_histories([], [0, 1], num_items=4)
    assert detector.score(nobody)[0] == -np.inf


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`worst` in"):
        TransitionSurprise(worst=0.0)
    with pytest.raises(ValueError, match="should have a user with interactions"):
        TransitionSurprise().fit(interactions_of_histories([], num_items=4))
