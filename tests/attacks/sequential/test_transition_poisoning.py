import pytest

from advrec_tf.attacks.sequential.transition_poisoning import TransitionPoisoning, anchor_values
from tests.attacks.sequential.five_users import DATA, TARGET, rng


def test_anchors_are_valued_by_users_who_end_on_them_and_pairs_that_are_wanting():
    reach, cost = anchor_values(DATA, 7, k=1)
    assert reach.tolist() == [0, 3, 1, 0, 0, 0, 0, 0, 0, 1]  # users 0, 1, 2 end on 1
    # after 0 comes 1 twice, after 1 comes 2 once, after 9 nothing
    assert cost[[0, 1, 9]].tolist() == [3, 2, 1]
    # for target 2: users 1 and 3 have it; after 1 it came once, after which nothing rivals
    reach, cost = anchor_values(DATA, 2, k=1)
    assert reach[1] == 2 and cost[1] == 1
    assert anchor_values(DATA, 7, k=2)[1][0] == 1


def test_against_damped_counts_popular_targets_pay_more():
    # after 1 comes 2 once, which has 2 interactions; 16 bought make item 7 as popular as 16:
    # c / 4 > 1 / sqrt 2 from c = 3 on
    assert anchor_values(DATA, 7, k=1, damping=0.5, bought=16)[1][1] == 3


def test_pairs_are_bought_where_they_win_most_users():
    # of 1: 3 users / 2 pairs; of 9: 1 / 1; of 2: 1 / 2; three pairs buy 1 and 9
    found = TransitionPoisoning(num_users=3, length=2, k=1).histories(DATA, TARGET, rng=rng())
    assert (found[:, 1] == 7).all() and sorted(found[:, 0].tolist()) == [1, 1, 9]
    odd = TransitionPoisoning(num_users=1, length=5, k=1).histories(DATA, TARGET, rng=rng())
    assert odd[0, 1::2].tolist() == [7, 7] and set(odd[0, ::2]) <= {1}


def test_a_length_of_lists_out_of_range_is_refused():
    with pytest.raises(ValueError, match="`k` should be >= 1 and `damping`"):
        TransitionPoisoning(num_users=1, length=4, k=0)
