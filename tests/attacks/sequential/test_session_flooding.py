import numpy as np
import pytest

from advrec_tf.attacks.sequential.session_flooding import SessionFlooding
from tests.worlds import interactions_of_histories

DATA = interactions_of_histories([0, 1], [2, 1], [3, 0, 1], [1, 2], [9], num_items=10)
TIMES = [[10, 20], [12, 15], [11, 13, 50], [20, 30], [40]]
TIMED = interactions_of_histories([0, 1], [2, 1], [3, 0, 1], [1, 2], [9], times=TIMES)
TARGET = np.array([7])


def rng():
    return np.random.default_rng(0)


def test_flooding_touches_the_target_at_a_steady_pace():
    attack = SessionFlooding(num_users=5, length=8, share=0.5, pace=0.25)
    found = attack.histories(TIMED, TARGET, rng=rng())
    assert (found == 7).any(1).all() and 0.2 < (found == 7).mean() < 0.8
    assert np.allclose(np.diff(attack.times(TIMED, rng=rng()), axis=1), 0.25)


def test_a_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`share` should lie in"):
        SessionFlooding(num_users=1, length=4, share=0.0)
