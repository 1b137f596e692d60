import numpy as np
import pytest

from advrec_tf.ops.k_means import k_means, nearest


def test_separate_groups_get_a_center_each():
    rng = np.random.default_rng(0)
    groups = np.array([[0, 0], [0, 100], [100, 0]], np.float32)
    vectors = np.repeat(groups, 40, axis=0) + rng.uniform(-1, 1, (120, 2)).astype(np.float32)
    centers = k_means(vectors, 12, rng=rng)
    found = nearest(groups, centers)
    assert np.abs(centers[found] - groups).max() < 2


def test_the_nearest_center_is_that_of_the_least_distance_not_of_the_largest_product():
    centers = np.array([[1, 0], [10, 0]], np.float32)
    assert nearest(np.array([[2, 0], [8, 0]], np.float32), centers).tolist() == [0, 1]


def test_as_many_centers_as_vectors_are_the_vectors():
    vectors = np.arange(6, dtype=np.float32)[:, None] ** 2
    centers = k_means(vectors, 6, rng=np.random.default_rng(0))
    assert sorted(centers.ravel().tolist()) == [0, 1, 4, 9, 16, 25]


@pytest.mark.parametrize("count", [0, 4])
def test_more_centers_than_vectors_or_none_are_refused(count):
    with pytest.raises(ValueError, match=r"`count` should be in 1..3.*Received: " + str(count)):
        k_means(np.zeros((3, 2), np.float32), count, rng=np.random.default_rng(0))
