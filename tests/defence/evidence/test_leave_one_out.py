import numpy as np
import pytest
from scipy import sparse

from advrec_tf.defence.evidence import leave_one_out
from advrec_tf.defence.evidence.leave_one_out import LeaveOneOut, fits, percentiles

L2 = 3.0


@pytest.fixture(scope="module")
def has():
    found = np.random.default_rng(0).random((9, 7)) < 0.45
    found[:, 0] |= ~found.any(axis=1)
    return found.astype(float)


def regression(has, weight, user, item):
    """[users] what each other user's pair with the item adds to the user's score of it."""
    others, items = np.arange(len(has)) != user, np.arange(has.shape[1]) != item
    x, w = has[others][:, items], weight[others]
    inverse = np.linalg.inv(x.T @ (w[:, None] * x) + L2 * np.eye(x.shape[1]))
    row = np.zeros(len(has))
    row[others] = has[user, items] @ inverse @ (x.T * w)
    return row


def test_a_score_is_that_of_the_regression_without_the_user_and_the_item(has):
    for weight in (np.ones(9), np.linspace(0.1, 1.0, 9)):
        found = LeaveOneOut(sparse.csr_array(has), weight, l2=L2).score
        for user, item in np.ndindex(has.shape):
            expected = regression(has, weight, user, item) @ has[:, item]
            assert found[user, item] == pytest.approx(expected, abs=1e-5)


def test_beyond_chance_is_the_deviation_from_as_many_users_drawn_by_their_length(has):
    out = LeaveOneOut(sparse.csr_array(has), np.ones(9), l2=L2)
    length = has.sum(axis=1)
    for item in range(7):
        users = np.flatnonzero(has[:, item])
        chance = np.minimum(len(users) * length / length.sum(), 0.95)
        expected = []
        for user in users:
            row = regression(has, np.ones(9), user, item)
            deviation = np.sqrt(row**2 @ (chance * (1 - chance)))
            expected.append((row @ has[:, item] - row @ chance) / deviation)
        np.testing.assert_allclose(out.beyond_chance(item), expected, atol=1e-6)


def test_a_percentile_counts_like_rows_without_the_column_and_half_of_ties():
    # Rows 0-4 in the order of their sizes; the pair (2, 0) among the two rows on either side.
    score = np.array([[0.1], [0.5], [0.5], [0.9], [0.2]])
    held = np.array([[False], [False], [True], [True], [False]])
    size = np.arange(5)
    row, column, rng = np.array([2]), np.array([0]), np.random.default_rng(0)
    # 0.1 and 0.2 are below, 0.5 is equal, 0.9 has the column: (2 + 1/2 + 1/2) / (3 + 1).
    assert percentiles(score, held, row, column, size, rng=rng) == pytest.approx([0.75])
    # Among one on either side: (1/2 + 1/2) / (1 + 1).
    assert percentiles(score, held, row, column, size, rng=rng, reach=1) == pytest.approx([0.5])


def test_the_matrices_are_refused_before_they_are_made(monkeypatch):
    # Ten users and five items: 8 * 10 * (3 * 5 + 2 * 10) = 2,800 bytes.
    monkeypatch.setattr(leave_one_out, "MEMORY_LIMIT", 2_800)
    assert fits(10, 5) and not fits(10, 6)
