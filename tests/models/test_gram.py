import numpy as np
import pytest

from advrec_tf.models import gram
from advrec_tf.models.gram import gram_matrix, inverse_of, profiles_of, weighted_profiles
from tests.worlds import interactions_of


def test_the_gram_matrix_counts_the_users_of_both_items():
    # Item 0 is with users 0, 1, 2; item 1 with user 0; item 2 with user 3 alone.
    data = interactions_of([(0, 0), (0, 1), (1, 0), (2, 0), (3, 2)], num_users=4, num_items=3)
    np.testing.assert_array_equal(gram_matrix(data), [[3, 1, 0], [1, 1, 0], [0, 0, 1]])


def test_the_gram_matrix_is_the_same_by_pairs_and_by_products(monkeypatch):
    rng = np.random.default_rng(0)
    pairs = [(u, i) for u in range(9) for i in rng.permutation(12)[: u % 4]]  # some users have none
    data = interactions_of(pairs, 9, 12)
    profiles = data.by_user().dense()
    for few in (0.0, 1.0):
        monkeypatch.setattr(gram, "_FEW_PAIRS", few)
        assert gram_matrix(data).tolist() == (profiles.T @ profiles).tolist()


def test_a_profile_holds_the_root_of_the_highest_weight_of_a_pair():
    data = interactions_of([(0, 1), (0, 0), (0, 1), (2, 1)], 3, 2)
    found = weighted_profiles(data, np.array([4.0, 1.0, 9.0, 0.25])).toarray()
    np.testing.assert_array_equal(found, [[1, 3], [0, 0], [0, 0.5]])
    np.testing.assert_array_equal(profiles_of(data).toarray(), [[1, 1], [0, 0], [0, 1]])
    assert profiles_of(data.select(np.zeros(4, bool))).nnz == 0


def test_the_inverse_by_cholesky_is_the_inverse_and_stands_in_the_place_of_its_matrix(monkeypatch):
    monkeypatch.setattr(gram, "_MIRRORED", 3)
    rows = np.random.default_rng(0).random((9, 8))
    matrix = rows.T @ rows + np.eye(8)
    expected = np.linalg.inv(matrix)
    found = inverse_of(matrix)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    assert np.shares_memory(found, matrix) and found.flags.c_contiguous
    with pytest.raises(ValueError, match="positive definite. Received one whose leading part of 2"):
        inverse_of(np.array([[1.0, 2.0], [2.0, 1.0]]))
