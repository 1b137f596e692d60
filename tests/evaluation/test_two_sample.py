import numpy as np
import pytest

from advrec_tf.evaluation.two_sample import (
    classifier_auc,
    code_by_frequency,
    folded,
    two_sample_auc,
)

pytest.importorskip("sklearn", reason="needs the extra `analysis`")


def test_the_most_frequent_category_gets_code_0_and_missing_values_stay_missing():
    first = np.array([[7.0, 0.5], [9.0, 7.0], [np.nan, 9.0]])
    second = np.array([[9.0, 1.0], [7.0, 2.0], [9.0, 3.0], [3.0, 4.0]])
    coded = code_by_frequency([first, second], [0])  # 9 three times, 7 twice, 3 once
    np.testing.assert_array_equal(coded[0], [[1, 0.5], [0, 7], [np.nan, 9]])
    np.testing.assert_array_equal(coded[1][:, 0], [0, 1, 0, 2])


def test_categories_beyond_the_249_most_frequent_share_a_code():
    values = np.r_[np.repeat(np.arange(249.0), 2), 1000.0, 1001.0]
    coded = code_by_frequency([values[:, None]], [0])[0][:, 0]
    assert coded[-2] == coded[-1] == 249
    assert coded[:-2].max() == 248


def test_samples_of_one_distribution_cannot_be_told_apart_and_a_shift_can():
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, 200, 3))
    assert two_sample_auc(first, second) == pytest.approx(0.5, abs=0.08)
    assert two_sample_auc(first, second + 3) > 0.9


def test_copies_count_as_far_from_chance_as_what_the_classifier_tells_apart():
    assert [folded(auc) for auc in (0.25, 0.5, 0.75)] == [0.75, 0.5, 0.75]
    first = np.random.default_rng(0).normal(size=(200, 3))
    copies = classifier_auc(first, first)  # a row left out gets the label of its copy
    assert copies < 0.35
    assert two_sample_auc(first, first) == 1 - copies


def test_categories_that_one_sample_lacks_are_seen():
    rng = np.random.default_rng(0)
    first = 2.0 * rng.integers(5, size=(200, 1))  # even codes against odd ones
    assert two_sample_auc(first, first + 1, categorical=[0]) > 0.95


def test_too_small_samples_and_other_columns_are_refused():
    with pytest.raises(ValueError, match="at least 5 rows. Received: 4"):
        two_sample_auc(np.zeros((4, 2)), np.zeros((9, 2)))
    with pytest.raises(ValueError, match=r"same columns. Received: \(9, 2\) and \(9, 3\)"):
        two_sample_auc(np.zeros((9, 2)), np.zeros((9, 3)))


def test_a_column_with_hardly_a_number_is_taken_with_a_number_for_what_is_missing():
    first = np.array([[np.nan], [3.0]])
    coded = code_by_frequency([first, np.full((2, 1), np.nan)], [])
    assert [sample[:, 0].tolist() for sample in coded] == [[-1.0, 3.0], [-1.0, -1.0]]
    many = np.append(np.arange(60.0), np.nan)[:, None]  # enough: left to gradient boosting
    assert np.isnan(code_by_frequency([many], [])[0][-1, 0])
    empty = np.column_stack([np.arange(20.0), np.full(20, np.nan)])
    assert 0 <= two_sample_auc(empty, empty + 5) <= 1
