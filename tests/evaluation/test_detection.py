import dataclasses

import numpy as np
import pytest

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation import detection


def people(ids, num_items=3):
    """One row a user, on item 0."""
    return Interactions(
        user_index=np.arange(len(ids), dtype=np.int32),
        item_index=np.zeros(len(ids), np.int32),
        users=Vocabulary(ids),
        items=Vocabulary(np.arange(num_items)),
    )


@dataclasses.dataclass(frozen=True)
class Truth:
    interactions: Interactions
    is_fake: np.ndarray


class ByTable:
    """A detector that knows everybody's score."""

    def __init__(self, table, transductive=False):
        self.table, self.transductive, self.fitted = table, transductive, None

    def fit(self, interactions, is_fake=None):
        self.fitted = interactions, is_fake
        return self

    def score(self, interactions):
        return np.array([self.table[user] for user in interactions.users.ids.tolist()])


def test_precision_at_a_base_rate_equals_the_value_worked_by_hand():
    # Falling: fake, honest, fake, honest. True rates 1/2, 1/2, 1, 1; false rates 0, 1/2, 1/2, 1.
    curve = detection.precision_recall([1, 0, 1, 0], [4, 3, 2, 1], base_rate=0.2)
    # .2 * .5 / (.2 * .5 + 0); .1 / (.1 + .8 * .5); .2 / (.2 + .4); .2 / (.2 + .8)
    assert curve.precision.tolist() == pytest.approx([1.0, 0.2, 1 / 3, 0.2])
    assert curve.recall.tolist() == pytest.approx([0.5, 0.5, 1.0, 1.0])
    # half the fakes at precision 1, the other half at 1/3
    assert curve.average_precision == pytest.approx(0.5 * 1.0 + 0.5 / 3)


def test_without_a_base_rate_it_is_the_ordinary_average_precision():
    # precision at the two hits: 1/1 and 2/3
    found = detection.average_precision([1, 0, 1, 0], [4, 3, 2, 1], base_rate=None)
    assert found == pytest.approx((1 + 2 / 3) / 2)


def test_equal_scores_are_flagged_together_and_a_guess_has_the_base_rate():
    assert detection.average_precision([1, 0, 1, 0, 0], [7] * 5) == pytest.approx(0.01)


def test_the_base_rate_of_the_test_set_does_not_enter():
    # The same score distributions with ten times as many honest users.
    few = detection.average_precision([1, 1, 0, 0], [3, 1, 2, 0])
    many = detection.average_precision([1, 1] + [0] * 20, [3, 1] + [2, 0] * 10)
    assert many == pytest.approx(few)


def test_labels_and_scores_that_say_nothing_are_refused():
    with pytest.raises(ValueError, match="Received 0 fakes of 2"):
        detection.average_precision([0, 0], [1, 2])
    with pytest.raises(ValueError, match="Received 1 NaN"):
        detection.average_precision([0, 1], [np.nan, 2])
    with pytest.raises(ValueError, match="one length"):
        detection.average_precision([0, 1], [1, 2, 3])
    with pytest.raises(ValueError, match="`base_rate`"):
        detection.average_precision([0, 1], [1, 2], base_rate=1.0)


def test_the_threshold_flags_no_more_than_its_share_of_honest_users():
    scores = np.arange(100.0)
    assert (scores >= detection.threshold_for(scores, 0.05)).sum() == 5
    assert (scores >= detection.threshold_for(scores, 0.0)).sum() == 0
    tied = np.array([1.0] * 50 + [2.0] * 50)  # flagging one of the tied means flagging fifty
    assert (tied >= detection.threshold_for(tied, 0.05)).sum() == 0
    with_absent = np.append(scores, [-np.inf] * 900)
    assert detection.threshold_for(with_absent, 0.05) == detection.threshold_for(scores, 0.05)


def test_judging_uses_the_threshold_of_the_honest_users():
    test = Truth(people(["a", "b", "x", "y"]), np.array([False, False, True, True]))
    honest = people(["h0", "h1"])
    table = {"a": 0.0, "b": 5.0, "x": 9.0, "y": 3.0, "h0": 4.0, "h1": 1.0}
    found = detection.evaluate(
        ByTable(table), test, trained_on=honest, honest=honest, flagged=0.0, base_rate=0.5
    )
    # Flagged above 4: b and x. One of two fakes, one of two honest.
    assert (found.recall, found.false_positive_rate, found.precision) == (0.5, 0.5, 0.5)
    assert (found.curve.num_fakes, found.curve.num_honest, found.transductive) == (2, 2, False)
    # Pairs in order: x over both, y over a only: 3 of 4.
    assert found.auc == pytest.approx(0.75)
    assert "curve" not in found.as_dict() and found.as_dict()["recall"] == 0.5


def test_a_transductive_detector_is_fitted_without_labels_on_what_it_judges():
    test = Truth(people(["a", "x"]), np.array([False, True]))
    detector = ByTable({"a": 0.0, "x": 1.0}, transductive=True)
    found = detection.evaluate(detector, test, trained_on=people(["h"]), honest=people(["h"]))
    assert detector.fitted == (test.interactions, None)
    assert found.transductive


def test_a_detector_may_not_judge_users_it_was_fitted_on():
    test = Truth(people(["a", "x"]), np.array([False, True]))
    detector = ByTable({"a": 0.0, "x": 1.0, "h": 0.0})
    with pytest.raises(ValueError, match="`trained_on` should share no user.*'a'"):
        detection.evaluate(detector, test, trained_on=people(["a"]), honest=people(["h"]))
    with pytest.raises(ValueError, match="`honest` should share no user"):
        detection.evaluate(detector, test, trained_on=people(["h"]), honest=people(["a"]))


def test_users_without_interactions_are_not_scored():
    rows = people(["a", "x", "absent"]).select(np.array([0, 1]))
    test = Truth(rows, np.array([False, True, False]))
    table = {"a": 0.0, "x": 1.0, "absent": -np.inf, "h": 0.0}
    found = detection.evaluate(ByTable(table), test, trained_on=people(["h"]), honest=people(["h"]))
    assert (found.curve.num_fakes, found.curve.num_honest) == (1, 1)
