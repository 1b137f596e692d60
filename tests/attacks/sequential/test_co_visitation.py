import numpy as np
import pytest

from advrec_tf.attacks.sequential.co_visitation import CoVisitation
from tests.attacks.sequential.five_users import DATA, TARGET, rng


def test_the_target_stands_between_popular_items():
    # 1 is the most popular; a tenth of nine other items is one
    found = CoVisitation(num_users=3, length=5, pool=0.1).histories(DATA, TARGET, rng=rng())
    assert found.tolist() == [[1, 7, 1, 7, 1]] * 3
    wide = CoVisitation(num_users=4, length=6, pool=1.0)
    found = wide.histories(DATA, np.array([7, 8]), rng=rng())
    assert found[:, 1::2].tolist() == [[7] * 3, [8] * 3] * 2
    assert not np.isin(found[:, ::2], [7, 8]).any()


def test_budgets_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`num_users` should be >= 1"):
        CoVisitation(num_users=0, length=4)
    with pytest.raises(ValueError, match="`pool` should lie in"):
        CoVisitation(num_users=1, length=4, pool=0.0)
