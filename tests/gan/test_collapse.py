"""When generated samples, or profiles, count as collapsed."""

import numpy as np

from advrec_tf.gan.collapse import collapsed_columns, collapsed_profiles


def test_a_column_collapses_where_its_spread_is_gone_and_the_real_one_is_not():
    real = np.array([[0.0, 1.0, 5.0], [2.0, 3.0, 5.0]] * 10)
    fine = np.array([[0.5, 1.5, 5.0], [1.5, 2.5, 5.0]] * 10)  # half the spread
    assert collapsed_columns(fine, real) is None
    stuck = fine.copy()
    stuck[:, 1] = 2.0
    said = collapsed_columns(stuck, real)
    # the third column does not count: the real samples are alike there too
    assert said.startswith("The generator collapsed: 1 of 2 columns in which the real samples")
    assert "(of them 1; the smallest spread is 0 of the real one)" in said


def test_many_samples_that_are_copies_of_two_have_collapsed_though_every_column_differs():
    rng = np.random.default_rng(0)
    real = rng.normal(size=[100, 3])
    copies = np.array([[1.0, -1.0, 0.5], [-1.0, 1.0, -0.5]])[rng.integers(0, 2, 100)]
    said = collapsed_columns(copies, real)
    assert "100 generated samples hold only 2 different ones" in said
    assert collapsed_columns(rng.normal(size=[100, 3]), real) is None


def test_a_binary_column_that_is_nearly_always_the_same_does_not_count():
    real = np.random.default_rng(0).normal(size=[100, 2])
    real[:, 1] = np.arange(100) < 9
    generated = real.copy()
    generated[:, 1] = 0.0
    assert collapsed_columns(generated, real) is None


def test_profiles_collapse_where_nine_of_ten_are_the_same_as_their_neighbor():
    rng = np.random.default_rng(0)
    different = rng.random([20, 8])
    assert collapsed_profiles(different) is None
    assert "20 of 20 generated profiles" in collapsed_profiles(np.full([20, 8], 0.5))
    assert "20 of 20" in collapsed_profiles(np.tile(different[:1], (20, 1)))
    half = np.concatenate([np.tile(different[:1], (10, 1)), different[10:]])
    assert collapsed_profiles(half) is None
