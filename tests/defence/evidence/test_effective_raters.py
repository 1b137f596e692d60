import numpy as np
import pytest

from advrec_tf.defence.evidence.effective_raters import item_evidence, normalized_profiles
from tests.worlds import interactions_of


def test_identical_raters_are_worth_one_and_strangers_all():
    # Users 0-2 have items 0 and 1; users 3-5 have item 2 and an item of their own each.
    pairs = [(u, i) for u in range(3) for i in (0, 1)]
    pairs += [(u, i) for u in range(3, 6) for i in (2, u)]
    found = item_evidence(interactions_of(pairs, 6, 7))
    assert found.raters.tolist() == [3, 3, 3, 1, 1, 1, 0]
    # Rows of users 0-2 are (1, 1) / sqrt 2: without the item itself a product of 1/2 for each pair.
    np.testing.assert_allclose(found.overlap, [0.5, 0.5, 0, 0, 0, 0, 0], atol=1e-12)
    # 3 / (1 + 2 / 2) = 1.5
    np.testing.assert_allclose(found.effective, [1.5, 1.5, 3, 1, 1, 1, 0], atol=1e-12)


def test_many_copies_of_a_long_profile_are_worth_hardly_more_than_one():
    pairs = [(u, i) for u in range(20) for i in range(50)]
    found = item_evidence(interactions_of(pairs, 20, 50))
    # A product of 49/50 for each pair: 20 / (1 + 19 * .98)
    np.testing.assert_allclose(found.effective, 20 / (1 + 19 * 0.98))


def test_the_mean_overlap_is_that_of_all_pairs_of_raters():
    rng = np.random.default_rng(0)
    has = rng.random((30, 12)) < 0.4
    has[6] = False
    rows = normalized_profiles(data := interactions_of(np.argwhere(has), 30, 12)).toarray()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), has.any(axis=1))
    found = item_evidence(data)
    for item in range(12):
        users = np.flatnonzero(rows[:, item])
        others = np.delete(rows[users], item, axis=1)
        products = others @ others.T
        mean = (products.sum() - np.trace(products)) / (len(users) * (len(users) - 1))
        assert found.overlap[item] == pytest.approx(mean)


def test_weighted_raters_count_as_much_as_they_weigh():
    # Item 0 has users 0-3 with a second item each; users 0 and 1 share theirs, item 1.
    pairs = [(0, 0), (1, 0), (2, 0), (3, 0), (0, 1), (1, 1), (2, 2), (3, 3)]
    data = interactions_of(pairs, 4, 4)
    weight = np.array([0.5, 0.5, 1, 0, 1, 1, 1, 1])
    found = item_evidence(data, weight)
    assert found.raters[0] == 2.0
    # Rows of users 0 and 1: (1/2, 1/sqrt 2) normalized, so item 1 has a square of 2/3. Of the pairs
    # of different raters, with weights 2 (.25 + .5 + .5) = 2.5, only that one shares: 2 .25 2/3.
    assert found.overlap[0] == pytest.approx((0.5 * 2 / 3) / 2.5)
    assert found.effective[0] == pytest.approx(2.0 / (1.0 + (0.5 * 2 / 3) / 2.5))
    np.testing.assert_allclose(item_evidence(data, 0.0 * weight).effective, 0.0)
