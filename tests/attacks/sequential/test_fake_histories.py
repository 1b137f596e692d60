import numpy as np
import pytest

from advrec_tf.attacks.sequential.co_visitation import CoVisitation
from advrec_tf.attacks.sequential.session_flooding import SessionFlooding
from advrec_tf.data.order import ordered_by_user
from tests.attacks.sequential.five_users import DATA, TARGET, TIMED, rng


def test_fake_users_keep_their_order_in_time_and_real_ones_stay():
    attack = CoVisitation(num_users=20, length=6)
    poisoned = attack.poison(TIMED, TARGET, rng=rng())
    data = poisoned.interactions
    assert poisoned.num_real == 5 and poisoned.is_fake.sum() == 20
    np.testing.assert_array_equal(data.timestamp[: len(TIMED)], TIMED.timestamp)
    order, starts = ordered_by_user(data)
    for user in range(5, 25):
        own = order[starts[user] : starts[user + 1]]
        assert data.item_index[own][1::2].tolist() == [7] * 3
        assert (np.diff(data.timestamp[own]) > 0).all()
    assert data.timestamp.max() == 50  # none begins after the data end
    assert poisoned.targets.tolist() == [7] and poisoned.attack == "CoVisitation"


def test_two_attacks_follow_each_other_and_flooding_brings_its_own_times():
    first = CoVisitation(num_users=2, length=2).poison(TIMED, TARGET, rng=rng())
    both = SessionFlooding(num_users=3, length=4, pace=2.0).poison(first, np.array([8]), rng=rng())
    assert both.attack == "CoVisitation + SessionFlooding" and both.is_fake.sum() == 5
    assert both.targets.tolist() == [7, 8]
    last = both.interactions.timestamp[-4:]
    assert np.allclose(np.diff(last), 2.0)


def test_targets_should_leave_an_item():
    with pytest.raises(ValueError, match="`targets` should leave other items"):
        CoVisitation(num_users=1, length=4).histories(DATA, np.arange(10), rng=rng())
