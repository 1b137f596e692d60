import numpy as np
import pytest

from advrec_tf.defence.detectors.semi_sad import SemiSAD, naive_bayes
from advrec_tf.defence.features import FeatureTable


def test_naive_bayes_moments_equal_the_values_worked_by_hand():
    values = np.array([[0.0], [2.0], [10.0], [14.0]])
    mean, variance, log_prior = naive_bayes(
        values, np.array([0.0, 0.0, 1.0, 1.0]), np.array([1.0, 1.0, 1.0, 1.0])
    )
    assert mean[:, 0].tolist() == [1.0, 12.0] and variance[:, 0].tolist() == [1.0, 4.0]
    assert np.exp(log_prior).tolist() == pytest.approx([0.5, 0.5])  # (2 + 1) / (4 + 2)


def test_unlabeled_profiles_move_the_classes_by_their_weight():
    # Labels at 0 and 10 alone; an unlabeled crowd about 12 pulls the fake class there.
    values = np.array([[0.0], [0.5], [10.0], [10.5]] + [[12.0]] * 20)
    is_fake = values[:, 0] > 5
    table = FeatureTable(names=("a",), values=values)

    def mean_of(weight):
        detector = SemiSAD(labeled_fraction=0.1, unlabeled_weight=weight, columns=("a",))
        detector.fit_table(table, is_fake)
        return detector._mean[1, 0] * detector._scale[0] + detector._center[0]

    assert abs(mean_of(1.0) - 12.0) < 0.3
    assert mean_of(0.0) != pytest.approx(mean_of(1.0))
