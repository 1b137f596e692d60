import numpy as np
import pytest

from advrec_tf.evaluation.classification import area_under_curve, click_metrics, rating_metrics


def test_rating_errors_equal_the_values_worked_by_hand():
    # errors 1, -3, 0, 2: squares 1 + 9 + 0 + 4 = 14, sizes 1 + 3 + 0 + 2 = 6
    metrics = rating_metrics([3, 5, 2, 1], [4, 2, 2, 3])
    assert metrics == pytest.approx({"rmse": np.sqrt(14 / 4), "mae": 6 / 4})


def test_area_under_curve_counts_a_tie_as_half():
    # (.5 over .5) half, (.5 over .1) won, (.9 over both) won: 3.5 of 4
    assert area_under_curve(np.array([1, 0, 1, 0]), np.array([0.5, 0.5, 0.9, 0.1])) == 3.5 / 4


def test_area_under_curve_is_one_for_order_half_for_silence_and_zero_for_reverse():
    labels = np.array([0, 0, 1, 1, 1])
    assert area_under_curve(labels, np.array([1, 2, 3, 4, 5])) == 1.0
    assert area_under_curve(labels, np.full(5, 0.3)) == 0.5
    assert area_under_curve(labels, np.array([5, 4, 3, 2, 1])) == 0.0


def test_area_under_curve_is_the_share_of_pairs_in_order():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 60), rng.integers(0, 12, 60) / 3  # many ties
    wins = [
        1.0 if p > n else 0.5 if p == n else 0.0
        for p in scores[labels == 1]
        for n in scores[labels == 0]
    ]
    assert area_under_curve(labels, scores) == pytest.approx(np.mean(wins))


def test_click_metrics_equal_the_values_worked_by_hand():
    # called positive: .9 (right), .6 (wrong), .5 (right, at the threshold); missed: .2
    metrics = click_metrics([1, 0, 1, 1, 0], [0.9, 0.6, 0.5, 0.2, 0.1])
    assert metrics == pytest.approx(
        {
            "auc": 4 / 6,  # .9 beats both, .5 and .2 beat .1
            "accuracy": 3 / 5,
            "precision": 2 / 3,
            "recall": 2 / 3,
            "f1": 2 / 3,
        }
    )


def test_another_threshold_calls_other_pairs_positive():
    metrics = click_metrics([1, 0, 1, 1, 0], [0.9, 0.6, 0.5, 0.2, 0.1], threshold=0.15)
    # .9, .6, .5 and .2: three right, one wrong; F1 = 2 (3/4) (1) / (7/4)
    assert metrics["precision"] == 3 / 4 and metrics["recall"] == 1.0
    assert metrics["f1"] == pytest.approx(6 / 7)


def test_precision_recall_and_f1_are_zero_where_nothing_is_called_positive():
    metrics = click_metrics([1, 0], [0.2, 0.1])
    assert (metrics["precision"], metrics["recall"], metrics["f1"]) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize("measure", [rating_metrics, click_metrics])
def test_vectors_that_do_not_fit_are_refused(measure):
    for labels, predictions in (([1, 0], [1]), ([], []), ([[1, 0]], [[1, 0]])):
        with pytest.raises(ValueError, match="vectors of one length, not empty"):
            measure(labels, predictions)
    for bad in (np.nan, np.inf):
        with pytest.raises(ValueError, match="should be finite"):
            measure([1, 0], [0.5, bad])


@pytest.mark.parametrize("labels", [[1, 1], [0, 0], [0, 2]])
def test_labels_that_are_not_both_zeros_and_ones_are_refused(labels):
    with pytest.raises(ValueError, match="`labels` should hold zeros and ones, both"):
        click_metrics(labels, [0.2, 0.1])
