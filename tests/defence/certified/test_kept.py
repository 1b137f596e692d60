import numpy as np
import pytest

from advrec_tf.defence.certified.kept import Kept, kept_measures, require_test
from tests.worlds import interactions_of


def test_measures_by_hand():
    # Lists of two. User 0: both hits kept of three items; user 1: one of one hit lost.
    rows = np.array([[2, 2, 3, 1.0], [1, 0, 1, 0.5]])
    found = Kept(**kept_measures(rows, 2))
    assert (found.hits, found.kept, found.barred) == (3, 2, 0.75)
    assert found.kept_share == pytest.approx(2 / 3)
    assert found.precision == 0.5 and found.recall == pytest.approx(1 / 3)
    assert found.ndcg == 0.5  # a full list, and an empty one


def test_one_kept_hit_counts_at_the_end_of_the_list():
    found = kept_measures(np.array([[1, 1, 1, 1.0]]), 2)
    assert found["ndcg"] == pytest.approx(1 / np.log2(3))


def test_nothing_is_kept_of_no_hits():
    assert Kept(**kept_measures(np.array([[0, 0, 1, 1.0]]), 2)).kept_share == 0.0


def test_held_out_interactions_are_of_the_same_users_and_items():
    train = interactions_of([(0, 0)], 2, 3)
    require_test(train, interactions_of([(1, 1)], 2, 3), 1)
    for test, k in ((interactions_of([(1, 1)], 2, 4), 1), (interactions_of([], 2, 3), 1)):
        with pytest.raises(ValueError, match="`test` should hold interactions of 2 users and 3"):
            require_test(train, test, k)
    with pytest.raises(ValueError, match="`k` be >= 1"):
        require_test(train, interactions_of([(1, 1)], 2, 3), 0)
    with pytest.raises(ValueError, match="`test` should hold items that their users do not have"):
        require_test(train, interactions_of([(0, 0)], 2, 3), 1)
