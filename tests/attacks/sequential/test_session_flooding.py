import numpy as np
import pytest

from advrec_tf.attacks.sequential.session_flooding import SessionFlooding
from tests.attacks.sequential.five_users import TARGET, TIMED, rng


def test_flooding_touches_the_target_at_a_steady_pace():
    attack = SessionFlooding(num_users=5, length=8, share=0.5, pace=0.25)
    found = attack.histories(TIMED, TARGET, rng=rng())
    assert (found == 7).any(1).all() and 0.2 < (found == 7).mean() < 0.8
    assert np.allclose(np.diff(attack.times(TIMED, rng=rng()), axis=1), 0.25)


def test_a_share_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`share` should lie in"):
        SessionFlooding(num_users=1, length=4, share=0.0)
