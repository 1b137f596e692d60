import pytest

from advrec_tf.evaluation.detection import precision_recall
from experiments.detection.measures import at_recalls, figures, figures_of
from experiments.harness.entries import Entry
from experiments.harness.results import Result
from experiments.harness.sweep import Study, Sweep


def test_precision_is_that_of_the_strictest_threshold_that_reaches_a_recall():
    # two fakes of four users, the first and the third: precision 1 up to recall 1/2, then 2/3
    curve = precision_recall([1, 0, 1, 0], [4.0, 3.0, 2.0, 1.0], base_rate=None)
    found = at_recalls(curve)
    assert found[:51].tolist() == [1.0] * 51
    assert found[51:] == pytest.approx([2 / 3] * 50)


def test_figures_are_means_over_repetitions():
    names = ("average_precision", "auc", "precision", "recall", "false_positive_rate")
    one, other = (
        {name: value for name in names} | {"transductive": False, "curve": [curve, 1.0]}
        for value, curve in ((0.2, 0.0), (0.4, 1.0))
    )
    found = figures([one, other])
    assert found["auc"] == pytest.approx(0.3) and found["repetitions"] == 2
    assert found["deviation"] == pytest.approx(0.2 / 2**0.5)
    assert found["curve"] == [0.5, 1.0]


def test_entries_of_one_detector_are_brought_together():
    def result(attack, value):
        names = ("average_precision", "auc", "precision", "recall", "false_positive_rate")
        record = dict.fromkeys(names, value) | {"transductive": True, "curve": [value]}
        return Result({}, details={"tests": {attack: [record]}})

    entries = {
        label: Entry(train=None, family="ecod") for label in ("ecod on one", "ecod on the other")
    }
    results = {
        "ecod on one": [result("average", 0.25), result("average", 0.75)],
        "ecod on the other": [result("random", 1.0)],
    }
    found = figures_of(Study(name="x", entries=entries), Sweep(results=results))
    assert list(found) == ["ecod"] and list(found["ecod"]) == ["average", "random"]
    assert found["ecod"]["average"]["average_precision"] == 0.5
    assert found["ecod"]["random"]["repetitions"] == 1
