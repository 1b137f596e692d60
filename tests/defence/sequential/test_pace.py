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
