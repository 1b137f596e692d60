import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.item_similarity import (
    co_occurring_items,
    nearest_items,
    sign_groups,
    singular_item_vectors,
)
from tests.worlds import interactions_of_histories


def world(num_users, num_items=6):
    """Users of two kinds, items 0-2 and 3-5; item 5 is without rows where `num_items` is 7."""
    pairs = [(u, 3 * (u % 2) + i) for u in range(num_users) for i in range(3)]
    users, items = np.array(pairs, np.int32).T
    return Interactions(
        user_index=users,
        item_index=items,
        users=Vocabulary(np.arange(num_users)),
        items=Vocabulary(np.arange(num_items)),
    )


@pytest.mark.parametrize("num_users", [4, 12])
def test_products_of_vectors_are_those_of_the_columns(num_users):
    # rank two: two dimensions keep X'X of the scaled profiles: half the users at 1/3 each
    vectors = singular_item_vectors(world(num_users), 2)
    gram = vectors @ vectors.T
    same = np.arange(6)[:, None] // 3 == np.arange(6) // 3
    np.testing.assert_allclose(gram, np.where(same, num_users / 2 / 3, 0.0), atol=1e-5)


def test_the_nearest_items_are_of_the_same_kind():
    near = nearest_items(singular_item_vectors(world(4), 2), 2)
    assert {frozenset(row) for row in near[:3].tolist()} == {
        frozenset({1, 2}),
        frozenset({0, 2}),
        frozenset({0, 1}),
    }


def test_an_item_without_rows_has_a_vector_of_zeros():
    assert (np.abs(singular_item_vectors(world(4, 7), 2)[6]) < 1e-6).all()


def test_groups_are_signs_about_the_median_without_the_first_component():
    vectors = np.array([[9, 0, 0], [9, 0, 1], [-9, 1, 0], [-9, 1, 1]], float)
    assert sign_groups(vectors, bits=2).tolist() == [0, 2, 1, 3]


def test_sizes_out_of_range_are_refused():
    with pytest.raises(ValueError, match="`dim` should be >= 1"):
        singular_item_vectors(world(4), 0)
    with pytest.raises(ValueError, match="`count` should lie in 1..5. Received: 6"):
        nearest_items(np.eye(6), 6)


def test_items_that_stand_near_each_other_in_histories_are_neighbors():
    # pairs one step apart: 0-1 twice, 1-2 and 0-3 once; counts 3, 2, 1, 1:
    # of 0: 1 with 2 / sqrt 6 = .82 before 3 with 1 / sqrt 3 = .58; 2 has 1 alone, 4 nobody
    data = interactions_of_histories([0, 1, 2], [1, 0], [3, 0], num_items=5)
    found = co_occurring_items(data, 2, window=1)
    assert found[[0, 2, 4]].tolist() == [[1, 3], [1, 2], [4, 4]]
    assert co_occurring_items(data, 3, window=2)[2].tolist() == [1, 0, 2]  # .71, .58
    with pytest.raises(ValueError, match="`count` and `window` should be >= 1"):
        co_occurring_items(data, 0)
