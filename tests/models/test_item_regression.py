import numpy as np
import pytest

from advrec_tf.models import item_regression
from advrec_tf.models.item_regression import ItemRegression
from tests.worlds import interactions_of

USERS, ITEMS, L2 = 6, 11, 1.5


@pytest.mark.parametrize("weighted", [False, True])
def test_scores_and_weights_are_those_of_the_regression_over_items(weighted, monkeypatch):
    monkeypatch.setattr(item_regression, "_BLOCK", 4)
    rng = np.random.default_rng(3)
    pairs = np.argwhere(rng.random((USERS, ITEMS)) < 0.4)
    weight = rng.random(len(pairs)) * (np.arange(len(pairs)) % 5 > 0) if weighted else None
    data = interactions_of(pairs, USERS, ITEMS)
    x, y = np.zeros((USERS, ITEMS)), np.zeros((USERS, ITEMS))
    x[tuple(pairs.T)] = 1.0
    y[tuple(pairs.T)] = 1.0 if weight is None else np.sqrt(weight)
    inverse = np.linalg.inv(y.T @ y + L2 * np.eye(ITEMS))
    expected = np.eye(ITEMS) - inverse / np.diag(inverse)
    found = ItemRegression(data, weight, l2=L2)
    np.testing.assert_allclose(found.weights(), expected, atol=1e-6)
    np.testing.assert_allclose(found.scores(), x @ expected, atol=1e-6)


@pytest.mark.parametrize("weighing", [[0, 3], []])
def test_users_who_weigh_nothing_are_scored_by_what_the_others_taught(weighing):
    rng = np.random.default_rng(4)
    profiles = rng.random((USERS, ITEMS)) < 0.4
    data = interactions_of(np.argwhere(profiles), USERS, ITEMS)
    weight = np.isin(data.user_index, weighing).astype(float)
    y = profiles * np.isin(np.arange(USERS), weighing)[:, None]
    inverse = np.linalg.inv(y.T @ y + L2 * np.eye(ITEMS))
    expected = profiles @ (np.eye(ITEMS) - inverse / np.diag(inverse))
    found = ItemRegression(data, weight, l2=L2).scores()
    np.testing.assert_allclose(found, expected, atol=1e-6)
