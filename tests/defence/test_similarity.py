import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.defence.similarity import Neighbors


def profiles(matrix, ids=None, rated=True):
    """[users, items], 0 = absent -> Interactions."""
    matrix = np.array(matrix, np.float32)
    user, item = np.nonzero(matrix)
    return Interactions(
        user_index=user.astype(np.int32),
        item_index=item.astype(np.int32),
        users=Vocabulary(ids or [f"u{i}" for i in range(len(matrix))]),
        items=Vocabulary(np.arange(matrix.shape[1])),
        rating=matrix[user, item] if rated else None,
    )


REFERENCE = profiles([[1, 2, 3, 0], [3, 2, 1, 5], [2, 2, 2, 1]])


def test_similarity_is_pearsons_on_the_common_items_times_their_weight():
    # On the three common items (1, 2, 3) agrees with the first to 1, with the second to -1,
    # and the third is flat there. Three common items of twenty: weight 3 / 20.
    judged = profiles([[1, 2, 3, 0]], ids=["new"])
    found = Neighbors(REFERENCE, k=1).similarity(judged, np.array([0]))
    assert found[0].tolist() == pytest.approx([0.15, -0.15, 0.0])


def test_one_common_item_says_nothing():
    judged = profiles([[5, 0, 0, 0]], ids=["new"])
    assert Neighbors(REFERENCE, k=1).similarity(judged, np.array([0])).tolist() == [[0, 0, 0]]


def test_a_user_of_the_reference_is_not_its_own_neighbor():
    found = Neighbors(REFERENCE, k=1).similarity(REFERENCE, np.array([1]))
    assert found[0, 1] == -np.inf and np.isfinite(found[0, [0, 2]]).all()


def test_the_mean_is_over_the_nearest_or_all_there_are():
    judged = profiles([[1, 2, 3, 0], [0, 0, 0, 0]], ids=["new", "empty"])
    two = Neighbors(REFERENCE, k=2).mean_similarity(judged)
    assert two.tolist() == pytest.approx([(0.15 + 0.0) / 2, 0.0])
    many = Neighbors(REFERENCE, k=10).mean_similarity(REFERENCE)
    # The first user's others: -3/20 (opposite on three items) and 0 (flat).
    assert many[0] == pytest.approx(-0.15 / 2)


def test_without_ratings_the_similarity_is_the_cosine_of_sets():
    reference = profiles([[1, 1, 1, 1], [0, 0, 0, 1]], rated=False)
    judged = profiles([[1, 0, 0, 0]], ids=["new"], rated=False)
    found = Neighbors(reference, k=1).similarity(judged, np.array([0]))
    assert found[0].tolist() == pytest.approx([0.5, 0.0])  # 1 / sqrt(1 * 4)


def test_so_many_reference_users_are_drawn_at_most():
    drawn = Neighbors(REFERENCE, k=1, max_users=2, seed=1)
    assert drawn.similarity(REFERENCE, np.array([0])).shape == (1, 2)


def test_pairs_and_dense_products_give_the_same_similarities(monkeypatch):
    from advrec_tf.defence import similarity

    rng = np.random.default_rng(0)
    matrix = rng.integers(1, 6, (30, 40)) * (rng.random((30, 40)) < 0.3)
    scored, reference = profiles(matrix), profiles(matrix[:20], ids=[f"r{i}" for i in range(20)])
    everyone = np.arange(30)
    monkeypatch.setattr(similarity, "_COST_OF_PAIR", 0)
    by_pairs = Neighbors(reference, k=3).similarity(scored, everyone)
    monkeypatch.setattr(similarity, "_COST_OF_PAIR", 10**9)
    by_products = Neighbors(reference, k=3).similarity(scored, everyone)
    assert np.abs(by_pairs).max() > 0.1
    np.testing.assert_allclose(by_pairs, by_products, atol=1e-5)
