import numpy as np
import pytest

from advrec_tf.serving.scorer_choice import HISTORY_L2, history_map
from tests.worlds import interactions_of


def test_the_history_map_is_the_ridge_regression_of_user_vectors_on_mean_items():
    # Users 0 and 1 have one item each, user 2 both and user 3 none: means 2, 4 and 3.
    data = interactions_of([(0, 0), (1, 1), (2, 0), (2, 1)], 4, 2)
    users = np.array([[1.0], [2.0], [2.0], [9.0]], np.float32)
    items = np.array([[2.0], [4.0]], np.float32)
    squares = 2**2 + 4**2 + 3**2
    expected = (2 * 1 + 4 * 2 + 3 * 2) / (squares + HISTORY_L2 * squares / 3)
    assert history_map(users, items, data).item() == pytest.approx(expected)
