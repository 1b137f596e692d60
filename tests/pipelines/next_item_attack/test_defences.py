import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.defence.sequential.purification import PurifiedHistories
from advrec_tf.defence.sequential.smoothing import DeletionSmoothing
from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from advrec_tf.pipelines.next_item_attack import defences
from tests.attacks.sequential.test_pollution import LastItem
from tests.worlds import interactions_of_histories, interactions_of_times

DATA = interactions_of_histories(*[[(u + i) % 8 for i in range(5)] for u in range(40)])


def test_what_is_attacked_behind_each_defence():
    network, detector = LastItem(), defences.trusted_detector(DATA, 5)
    plain = defences.behind("none", network, detector)
    assert plain.scorer is plain.network is network and plain.detector is None
    smoothed = defences.behind("smoothing", network, detector)
    assert isinstance(smoothed.scorer, DeletionSmoothing) and smoothed.network is network
    purified = defences.behind("purification", network, detector)
    assert isinstance(purified.scorer, PurifiedHistories) and purified.detector is detector
    with pytest.raises(ValueError, match="`defence` should be one of none, smoothing"):
        defences.behind("removal", network, detector)


class LastOfEight(LastItem):
    length = 6

    def score_history(self, histories):
        return tf.one_hot((np.asarray(histories)[:, -1] + 1) % 8, 8) * 9.0


def test_every_detector_is_fitted_on_trusted_data_and_pace_where_there_are_times():
    found = defences.detectors_of(DATA, LastOfEight())
    assert list(found) == ["transition surprise", "perplexity"]
    assert np.isfinite(found["transition surprise"].threshold)
    timed = interactions_of_times(
        [np.arange(6) * (1.0 + u) for u in range(8)],
        [[(u + i) % 8 for i in range(6)] for u in range(8)],
        8,
    )
    assert list(defences.detectors_of(timed, LastOfEight()))[2:] == ["pace"]
    short = interactions_of_times([[0.0, 1.0]] * 4, [[0, 1]] * 4, 8)
    assert "pace" not in defences.detectors_of(short, LastOfEight())


def test_new_users_pass_the_threshold_as_rarely_as_it_was_asked_for():
    rng = np.random.default_rng(0)
    histories = [rng.integers(0, 30, 8).tolist() for _ in range(400)]  # nothing is usual
    known = interactions_of_histories(*histories[:200], num_items=30)
    detector = defences.trusted_detector(known, 8)
    # fitted and calibrated on the same users it would flag nearly every new one
    assert detector.flagged(np.array(histories[200:])).mean() < 0.12
    assert (
        TransitionSurprise(length=8, worst=0.2).fit(known).flagged(np.array(histories[200:])).mean()
        > 0.3
    )


def test_what_the_detector_was_set_to_and_what_came_out():
    detector = defences.trusted_detector(DATA, 5)
    usual = [[(u + i) % 8 for i in range(5)] for u in range(3)]
    found = defences.about_detector(detector, DATA, np.array([*usual, [7, 3, 6, 2, 5]], np.int32))
    assert found == {
        "false_alarms": 0.05,
        "learned_users": 20,
        "set_users": 20,
        "set_flagged": pytest.approx(0.0, abs=0.05),
        "honest_flagged": 0.25,
    }
    detector.threshold = -np.inf
    assert defences.about_detector(detector, DATA, np.array(usual))["set_flagged"] == 1.0


def test_users_whose_order_was_never_seen_are_taken_out_before_learning():
    detector = defences.trusted_detector(DATA, 5)
    odd = interactions_of_histories(*[[(u + i) % 8 for i in range(5)] for u in range(9)], [7, 3, 6])
    kept = defences.without_suspicious(odd, detector)
    assert np.unique(kept.user_index).tolist() == list(range(9))
