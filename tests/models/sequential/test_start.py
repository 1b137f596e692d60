import numpy as np
import pytest

from advrec_tf.models.sequential.start import SPREAD, transition_vectors
from advrec_tf.models.sequential.transitions import counted_pairs
from tests.worlds import interactions_of_histories


def test_vectors_are_those_of_the_matrix_of_neighbours():
    """0 and 1 stand beside each other once, 2 and 3 three times, so all counts add up to n = 8.
    The matrix holds log(1 + 1 * 8 / 1^2) = log 9 for the one pair and log(1 + 3 * 8 / 3^2) =
    log(11 / 3) for the other. A pair of cells of size a has two singular values a, with vectors of
    which each item has half: the squared length of its row is a."""
    data = interactions_of_histories([0, 1], [2, 3], [2, 3], [3, 2], num_items=5)
    vectors = transition_vectors(data, 4)
    squares = np.square(vectors[:4]).sum(1)
    np.testing.assert_allclose(
        squares / squares[0], [1, 1, *[np.log(11 / 3) / np.log(9)] * 2], rtol=1e-4
    )
    assert np.sqrt(squares.sum() / 16) == pytest.approx(SPREAD, rel=1e-4)


def test_neighbours_are_near_and_strangers_are_not():
    histories = [[0, 1, 2], [2, 0, 1], [1, 2, 0], [3, 4, 5], [5, 3, 4], [4, 5, 3]]
    vectors = transition_vectors(interactions_of_histories(*histories, num_items=6), 2)
    near = vectors @ vectors.T / SPREAD**2
    assert (near[:3, :3] > 0.5).all() and (near[3:, 3:] > 0.5).all()
    assert np.abs(near[:3, 3:]).max() < 1e-3


def test_an_item_without_neighbours_starts_at_random():
    data = interactions_of_histories([0, 1, 2, 1], [3], num_items=200)
    vectors = transition_vectors(data, 2)
    assert np.abs(vectors[3:]).min(1).min() > 0
    assert vectors[3:].std() == pytest.approx(SPREAD, rel=0.15)


def test_dimensions_that_the_matrix_has_not_are_random():
    vectors = transition_vectors(interactions_of_histories([0, 1, 2], num_items=3), 16)
    assert vectors.shape == (3, 16) and vectors[:, 2:].std() > SPREAD / 2


def test_one_seed_gives_one_start():
    data = interactions_of_histories([0, 1, 2, 3, 1], [3, 0, 2, 4, 2, 1], num_items=5)
    one, again, other = (transition_vectors(data, 3, seed=seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=1e-6)


@pytest.mark.parametrize("setting", [{"dim": 0}, {"dim": 2, "window": 0}])
def test_settings_out_of_range_are_refused(setting):
    with pytest.raises(ValueError, match="`dim` and `window` should be >= 1"):
        transition_vectors(interactions_of_histories([0, 1]), **setting)


def test_pairs_are_counted_by_their_distance():
    data = interactions_of_histories([0, 1, 2], num_items=3)
    keys, counts = counted_pairs(data, window=2, distance=1.0)
    assert keys.tolist() == [1, 2, 5] and counts.tolist() == [1.0, 0.5, 1.0]
