"""Co-visitation, poisoned transitions, flooding, and how their users come into the data."""

import numpy as np
import pytest

from advrec_tf.attacks.sequential.co_visitation import CoVisitation
from advrec_tf.attacks.sequential.injection import inject_histories
from advrec_tf.attacks.sequential.session_flooding import SessionFlooding
from advrec_tf.attacks.sequential.transition_poisoning import TransitionPoisoning, anchor_values
from advrec_tf.data.order import ordered_by_user
from tests.worlds import interactions_of_histories

DATA = interactions_of_histories([0, 1], [2, 1], [3, 0, 1], [1, 2], [9], num_items=10)
TIMES = [[10, 20], [12, 15], [11, 13, 50], [20, 30], [40]]
TIMED = interactions_of_histories([0, 1], [2, 1], [3, 0, 1], [1, 2], [9], times=TIMES)
TARGET = np.array([7])


def rng():
    return np.random.default_rng(0)


def test_the_target_stands_between_popular_items():
    # 1 is the most popular; a tenth of nine other items is one
    found = CoVisitation(num_users=3, length=5, pool=0.1).histories(DATA, TARGET, rng=rng())
    assert found.tolist() == [[1, 7, 1, 7, 1]] * 3
    wide = CoVisitation(num_users=4, length=6, pool=1.0)
    found = wide.histories(DATA, np.array([7, 8]), rng=rng())
    assert found[:, 1::2].tolist() == [[7] * 3, [8] * 3] * 2
    assert not np.isin(found[:, ::2], [7, 8]).any()


def test_anchors_are_valued_by_users_who_end_on_them_and_pairs_that_are_wanting():
    reach, cost = anchor_values(DATA, 7, k=1)
    assert reach.tolist() == [0, 3, 1, 0, 0, 0, 0, 0, 0, 1]  # users 0, 1, 2 end on 1
    # after 0 comes 1 twice, after 1 comes 2 once, after 9 nothing
    assert cost[[0, 1, 9]].tolist() == [3, 2, 1]
    # for target 2: users 1 and 3 have it; after 1 it came once, after which nothing rivals
    reach, cost = anchor_values(DATA, 2, k=1)
    assert reach[1] == 2 and cost[1] == 1
    assert anchor_values(DATA, 7, k=2)[1][0] == 1


def test_pairs_are_bought_where_they_win_most_users():
    # of 1: 3 users / 2 pairs; of 9: 1 / 1; of 2: 1 / 2; three pairs buy 1 and 9
    found = TransitionPoisoning(num_users=3, length=2, k=1).histories(DATA, TARGET, rng=rng())
    assert (found[:, 1] == 7).all() and sorted(found[:, 0].tolist()) == [1, 1, 9]
    odd = TransitionPoisoning(num_users=1, length=5, k=1).histories(DATA, TARGET, rng=rng())
    assert odd[0, 1::2].tolist() == [7, 7] and set(odd[0, ::2]) <= {1}


def test_flooding_touches_the_target_at_a_steady_pace():
    attack = SessionFlooding(num_users=5, length=8, share=0.5, pace=0.25)
    found = attack.histories(TIMED, TARGET, rng=rng())
    assert (found == 7).any(1).all() and 0.2 < (found == 7).mean() < 0.8
    assert np.allclose(np.diff(attack.times(TIMED, rng=rng()), axis=1), 0.25)


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


def test_without_times_the_rows_say_the_order():
    found = inject_histories(
        DATA, np.array([[-1, 7, 1, 7]]), targets=TARGET, attack="by hand", rng=rng()
    )
    assert found.interactions.item_index[-3:].tolist() == [7, 1, 7]
    assert found.interactions.timestamp is None


@pytest.mark.parametrize(
    "histories, times, message",
    [
        ([[-1, -1]], None, "`histories` should each hold an item"),
        ([[3, 10]], None, "`histories` should each hold an item"),
        ([[3.0, 1.0]], None, "`histories` should be"),
        ([[3, 1]], [[1.0, 2.0]], "`times` should be"),
    ],
)
def test_histories_that_do_not_fit_are_refused(histories, times, message):
    with pytest.raises(ValueError, match=message):
        inject_histories(
            DATA, np.array(histories), targets=TARGET, attack="x", rng=rng(), times=times
        )


def test_budgets_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`num_users` should be >= 1"):
        CoVisitation(num_users=0, length=4)
    with pytest.raises(ValueError, match="`pool` should lie in"):
        CoVisitation(num_users=1, length=4, pool=0.0)
    with pytest.raises(ValueError, match="`share` should lie in"):
        SessionFlooding(num_users=1, length=4, share=0.0)
    with pytest.raises(ValueError, match="`k` should be >= 1"):
        TransitionPoisoning(num_users=1, length=4, k=0)
