import numpy as np
import pytest

from advrec_tf.evaluation.detection import precision_recall
from experiments.detection.measures import at_recalls, figures


def test_precision_is_that_of_the_strictest_threshold_that_reaches_a_recall():
    # two fakes of four users, the first and the third: precision 1 up to recall 1/2, then 2/3
    curve = precision_recall([1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0], base_rate=None)
    found = at_recalls(curve)
    assert found[:51].tolist() == [1.0] * 51
    assert found[51:] == pytest.approx([2 / 3] * 50)


def test_figures_are_means_over_repetitions():
    names = ("average_precision", "auc", "precision", "recall", "false_positive_rate")
    one, other = ({name: value for name in names} | {"transductive": False} for value in (0.2, 0.4))
    found = figures([(one, np.array([0.0, 1.0])), (other, np.array([1.0, 1.0]))])
    assert found["auc"] == pytest.approx(0.3) and found["repetitions"] == 2
    assert found["deviation"] == pytest.approx(0.2 / 2**0.5)
    assert found["curve"] == [0.5, 1.0]
