import numpy as np
import pytest

from advrec_tf.defence.sequential.pace import PaceSurprise
from tests.worlds import interactions_of_histories


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


def test_times_that_are_not_there_are_refused():
    with pytest.raises(ValueError, match="`interactions` should have times"):
        PaceSurprise().fit(interactions_of_histories([0, 1]))
    with pytest.raises(ValueError, match="should have a user with 6 items"):
        PaceSurprise().fit(timed([1.0, 2.0]))
    with pytest.raises(ValueError, match="`times` should be given"):
        PaceSurprise().fit(timed([1.0, 2, 4, 5, 7, 9])).suspicion(np.array([[1, 2]]))


@pytest.mark.parametrize(
    ("histories", "times", "said"),
    [
        ([[0, 1, 2]], [[1.0, 2.0]], r"`times` should have the shape of `histories`, \(1, 3\)"),
        ([[-1, 0, 1]], [[0.0, 1.0, np.nan]], "should be finite .* nan in history 0, place 2"),
        ([[-1, 0, 1]], [[0.0, 5.0, 4.0]], "should not fall .* Received: 5, then 4 in history 0"),
        ([0, 1, 2], [0.0, 1.0, 2.0], r"`histories` should be \[n, places\] .* shape \(3,\)"),
        ([[0.0, 1.0]], [[0.0, 1.0]], "`histories` should be .* an array of float64"),
        ([[0, -2]], [[0.0, 1.0]], "`histories` should hold item indices >= 0, and -1 .*: -2"),
    ],
)
def test_histories_and_times_that_are_none_are_refused(histories, times, said):
    detector = PaceSurprise().fit(timed([1.0, 2, 4, 5, 7, 9]))
    with pytest.raises(ValueError, match=said):
        detector.suspicion(histories, times)


def test_times_of_empty_places_are_not_looked_at():
    detector = PaceSurprise().fit(timed([1.0, 2, 4, 5, 7, 9]))
    times = np.array([[np.nan, 1e9, 1.0, 2, 4, 5, 7, 9]])
    assert detector.suspicion(np.array([[-1, -1, 0, 1, 2, 3, 4, 5]]), times) == [0.0]


def test_nothing_is_judged_before_it_was_learned():
    with pytest.raises(ValueError, match="`fit` should be called .* a PaceSurprise that was not"):
        PaceSurprise().suspicion(np.array([[0, 1]]), np.array([[0.0, 1.0]]))
