import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.attacks.sequential.co_visitation import CoVisitation
from advrec_tf.defence.fitting import fit_defended
from advrec_tf.defence.sequential.purification import (
    PurifiedHistories,
    RemoveSuspiciousHistories,
    TrimmedHistories,
)
from advrec_tf.defence.sequential.transition_surprise import TransitionSurprise
from tests.worlds import interactions_of_histories

CIRCLE = interactions_of_histories(
    *[[(u + i) % 8 for i in range(6)] for u in range(40)], num_items=10
)
TARGET = np.array([9])


@pytest.fixture(scope="module")
def detector():
    return TransitionSurprise(smoothing=1.0, worst=0.5).fit(CIRCLE)


class Echo:
    """What is asked, as scores of four items."""

    def score_history(self, histories):
        return tf.cast(histories, tf.float32)


def test_users_are_removed_whose_histories_are_suspicious(detector):
    poisoned = CoVisitation(num_users=5, length=6).poison(
        CIRCLE, TARGET, rng=np.random.default_rng(0)
    )
    defence = RemoveSuspiciousHistories(detector=detector)
    data = defence.training_data(poisoned.interactions, seed=0)
    kept = np.bincount(data.interactions.user_index, minlength=45)
    assert (kept[:40] == 6).all() and (kept[40:] == 0).all()
    assert len(fit_defended(lambda found: found, poisoned.interactions, defence)) == 240
    few = RemoveSuspiciousHistories(detector=detector, max_fraction=2 / 45)
    assert len(few.training_data(poisoned.interactions, seed=0).interactions) == 240 + 3 * 6


def test_a_strange_item_is_left_out_of_a_history_and_an_honest_one_stays(detector):
    model = PurifiedHistories(Echo(), detector)
    histories = np.array([[0, 1, 2, 9, 3, 4], [2, 3, 4, 5, 6, 7]], np.int32)
    expected = [[-1, 0, 1, 2, 3, 4], [2, 3, 4, 5, 6, 7]]
    assert model.purified(histories).tolist() == expected
    assert model.score_history(tf.constant(histories)).numpy().tolist() == expected
    with pytest.raises(ValueError, match="`changes` should be a whole number >= 1"):
        PurifiedHistories(Echo(), detector, changes=0)


class Told:
    """Surprises as given."""

    def __init__(self, *surprises):
        self.found = np.array(surprises)

    def surprises(self, histories, times):
        return self.found


def test_the_most_surprising_items_of_every_history_are_left_out():
    nothing = np.nan
    # At places 1 to 4 an item's surprise is (4 + 4) / 2, (4 + 1) / 2, (1 + 1) / 2 and 1; that of
    # the first is what the second says: 4.
    told = Told([nothing, 4.0, 4.0, 1.0, 1.0], [nothing, nothing, nothing, 3.0, 9.0])
    histories = np.array([[0, 1, 2, 3, 4], [-1, -1, 5, 6, 7]], np.int32)
    model = TrimmedHistories(Echo(), told, changes=2)
    # Of the second: 3, (3 + 9) / 2 and 9.
    expected = [[-1, -1, 2, 3, 4], [-1, -1, -1, -1, 5]]
    assert model.trimmed(histories).tolist() == expected
    assert model.score_history(tf.constant(histories)).numpy().tolist() == expected
    assert histories.tolist() == [[0, 1, 2, 3, 4], [-1, -1, 5, 6, 7]]


def test_one_item_of_a_history_is_always_left_and_nothing_of_an_empty_one():
    histories = np.array([[-1, 3, 4], [-1, -1, -1]], np.int32)
    told = Told([np.nan, np.nan, 2.0], [np.nan] * 3)
    trimmed = TrimmedHistories(Echo(), told, changes=9).trimmed(histories)
    assert (trimmed != -1).sum(1).tolist() == [1, 0]
    with pytest.raises(ValueError, match="`changes` should be a whole number >= 1. Received: 0"):
        TrimmedHistories(Echo(), told, changes=0)


@pytest.mark.parametrize("kind", [PurifiedHistories, TrimmedHistories])
@pytest.mark.parametrize(
    ("histories", "message"),
    [
        ([[3, 5, -1]], "-1 at the left alone. Received: .3, 5, -1. in row 0"),
        ([[3, 5], [-2, 4]], "Received: .-2, 4. in row 1"),
        ([3, 5], "in the shape .n, places.. Received: int64 in the shape .2,."),
        ([[0.5, 1.0]], "should hold item indices"),
        ([[3, 2**32]], "should hold item indices >= 0.*Received: .3, 4294967296. in row 0"),
        ([[3, 500]], "item indices in 0..9, those of the data .* Received: 500"),
    ],
)
def test_histories_of_another_form_are_refused(kind, histories, message, detector):
    model = kind(Echo(), detector)
    with pytest.raises(ValueError, match=message):
        model.score_history(np.array(histories))


@pytest.mark.parametrize("kind", [PurifiedHistories, TrimmedHistories])
def test_what_is_no_item_of_the_model_is_refused_though_it_would_be_left_out(kind, detector):
    # The detector knows ten items and finds 9 strange, so that the model would not be asked by it.
    model = Echo()
    model.interactions = interactions_of_histories([0, 1], num_items=8)
    inside = type("Wrapper", (), {"model": model, "score_history": model.score_history})()
    for asked in (model, inside):
        defended = kind(asked, detector, changes=1)
        assert defended.score_history(np.array([[0, 1, 2, 3, 4]])).shape == (1, 5)
        with pytest.raises(
            ValueError, match=r"item indices in 0..7, and -1 .* Received: 9 at \(0, 3"
        ):
            defended.score_history(np.array([[0, 1, 2, 9, 3, 4]]))


@pytest.mark.parametrize("kind", [PurifiedHistories, TrimmedHistories])
def test_what_is_no_model_or_fitted_detector_is_refused(kind, detector):
    with pytest.raises(TypeError, match="`detector` should be a fitted `HistoryDetector`"):
        kind(Echo(), "x")
    with pytest.raises(TypeError, match="`model` should have `score_history"):
        kind("x", detector)
    with pytest.raises(ValueError, match="whole number >= 1. Received: 1.5"):
        kind(Echo(), detector, changes=1.5)
    with pytest.raises(ValueError, match="a TransitionSurprise that was not fitted"):
        kind(Echo(), TransitionSurprise()).score_history(np.array([[0, 1]]))


def test_an_exchanged_item_is_trimmed_by_transitions(detector):
    histories = np.array([[0, 1, 2, 9, 3, 4]], np.int32)
    assert 9 not in TrimmedHistories(Echo(), detector, changes=1).trimmed(histories)
