import numpy as np
import pytest

from advrec_tf.attacks.sequential.camouflage import Camouflage
from advrec_tf.attacks.sequential.co_visitation import CoVisitation
from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from tests.worlds import interactions_of_histories

CIRCLE = interactions_of_histories(
    *[[(u + i) % 8 for i in range(6)] for u in range(40)], num_items=10
)
TARGET = np.array([9])


@pytest.fixture(scope="module")
def detector():
    return TransitionSurprise(smoothing=1.0, worst=0.5).fit(CIRCLE)


def test_the_adaptive_attacker_is_less_suspicious_for_the_same_target(detector):
    def suspicion(attack):
        histories = attack.histories(CIRCLE, TARGET, rng=np.random.default_rng(0))
        assert (histories == 9).any(1).all()
        return detector.suspicion(histories).mean()

    plain = suspicion(CoVisitation(num_users=20, length=6))
    assert suspicion(Camouflage(num_users=20, length=6, detector=detector)) < 0.8 * plain


def test_camouflage_puts_the_target_where_it_is_minded_least(detector):
    # in the middle two transitions become strange, at an end one; three of five count
    attack = Camouflage(num_users=4, length=6, detector=detector, pool=1)
    found = attack.histories(CIRCLE, TARGET, rng=np.random.default_rng(0))
    assert np.isin(np.argmax(found == 9, 1), [0, 5]).all() and ((found == 9).sum(1) == 1).all()
    with pytest.raises(ValueError, match="`repeats` should lie in 1..3"):
        Camouflage(num_users=4, length=6, detector=detector, repeats=4)
