import numpy as np
import pytest

from advrec_tf.models.factorization.least_squares import (
    GroupedInteractions,
    checked_weights,
    solve_entities,
)
from tests.worlds import interactions_of


def test_a_regression_of_one_feature_is_the_one_worked_by_hand():
    # entity 0 has features 1 and 2 with targets 3 and 1: (3 + 2 * 1) / (1 + 4 + l2 1) = 5 / 6;
    # with weight .5 on the second: (3 + .5 * 2) / (1 + .5 * 4 + 1) = 1; entity 1 has no row
    rows = GroupedInteractions(np.array([0, 0]), np.array([0, 1]), 2)
    features, target = np.array([[1.0], [2.0]], np.float32), np.array([3.0, 1.0])
    plain = solve_entities(rows, features, target, np.ones(2), l2=1.0)
    assert plain.tolist() == [[pytest.approx(5 / 6)], [0.0]]
    weighted = solve_entities(rows, features, target, np.array([1.0, 0.5]), l2=1.0)
    assert weighted[0, 0] == pytest.approx(1.0)


def test_weights_that_are_none_are_refused():
    data = interactions_of([(0, 0), (1, 1)])
    assert checked_weights(data, None).tolist() == [1.0, 1.0]
    for weight in (np.ones(3), -np.ones(2), np.full(2, np.nan)):
        with pytest.raises(ValueError, match="`weight` should hold 2 finite numbers >= 0"):
            checked_weights(data, weight)
