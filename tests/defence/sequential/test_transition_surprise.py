import numpy as np
import pytest

from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from tests.worlds import interactions_of_histories

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


def test_smoothing_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`smoothing` should be"):
        TransitionSurprise(smoothing=0.0)
