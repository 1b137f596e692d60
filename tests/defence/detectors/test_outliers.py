import numpy as np
import pytest

from advrec_tf.defence.detectors.outliers import ECOD
from advrec_tf.defence.features import FeatureTable


def test_ecod_costs_equal_the_values_worked_by_hand():
    # Known 0, 1, 2, 3; value 3: left (4 + 1) / 5 -> 0, right (4 - 3 + 1) / 5 -> -ln .4.
    detector = ECOD()
    known = FeatureTable(names=("a",), values=np.array([[0.0], [1.0], [2.0], [3.0]]))
    detector.fit_table(known, np.zeros(4, bool))
    found = detector.score_table(FeatureTable(names=("a",), values=np.array([[3.0], [9.0]])))
    assert found.tolist() == pytest.approx([-np.log(2 / 5), -np.log(1 / 5)])
