import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.defence.sequential.smoothing import DeletionSmoothing, without
from tests.worlds import interactions_of_histories


class Counts:
    """How often each of five items stands in a history; keeps what it was asked."""

    def __init__(self):
        self.asked = []

    def score_history(self, histories):
        self.asked.append(histories.numpy())
        return tf.reduce_sum(tf.one_hot(histories, 5), 1)


def test_what_is_left_moves_together_at_the_right():
    histories = tf.constant([[-1, 1, 2, 3], [-1, -1, -1, 4]])
    kept = tf.constant([True, True, True, False])
    # of the second nothing would be left: it stays
    assert without(histories, kept).numpy().tolist() == [[-1, -1, 1, 2], [-1, -1, -1, 4]]


def test_scores_are_the_mean_over_histories_with_items_left_out():
    model = Counts()
    smoothed = DeletionSmoothing(model, samples=200, rate=0.25)
    scores = smoothed.score_history(tf.constant([[-1, 0, 1, 2, 3]])).numpy()
    np.testing.assert_allclose(scores[0, :4], 0.75, atol=0.1)
    assert scores[0, 4] == 0.0 and len(model.asked) == 200


def test_an_answer_does_not_depend_on_padding_or_on_what_else_is_asked():
    smoothed = DeletionSmoothing(Counts(), samples=3, rate=0.5, seed=1)
    alone = smoothed.score_history(tf.constant([[0, 1, 2]]))[0]
    beside = smoothed.score_history(tf.constant([[4, 4, 4, 4], [-1, 0, 1, 2]]))[1]
    np.testing.assert_array_equal(alone, beside)
    plain = DeletionSmoothing(Counts(), samples=2, rate=0.0)
    assert plain.score_history(tf.constant([[0, 1, 1]])).numpy().tolist() == [[1, 2, 0, 0, 0]]


class Answers:
    """One score for each question, in turn."""

    def __init__(self, *scores):
        self.scores = list(scores)

    def score_history(self, histories):
        return tf.constant([[self.scores.pop(0)]])


def test_the_median_ignores_what_few_of_the_answers_say():
    def median(*scores):
        smoothed = DeletionSmoothing(Answers(*scores), samples=len(scores), aggregate="median")
        return smoothed.score_history(tf.constant([[0, 1]])).numpy().tolist()

    assert median(3.0, -100.0, 1.0, 2.0, 50.0) == [[2.0]]
    assert median(3.0, -100.0, 1.0, 50.0) == [[2.0]]  # between 1 and 3
    assert median(7.0) == [[7.0]]
    with pytest.raises(ValueError, match="`aggregate` should be one of mean, median. Received: 's"):
        DeletionSmoothing(Counts(), aggregate="sum")


@pytest.mark.parametrize("settings", [{"samples": 0}, {"rate": 1.0}])
def test_settings_out_of_range_are_refused(settings):
    with pytest.raises(ValueError, match="`samples` should be >= 1 and `rate` lie in"):
        DeletionSmoothing(Counts(), **settings)


def test_what_is_no_item_of_the_model_is_refused_though_it_would_be_left_out():
    model = Counts()
    model.interactions = interactions_of_histories([0, 1], num_items=5)
    smoothed = DeletionSmoothing(model, samples=1, rate=0.99)  # leaves out nearly everything
    with pytest.raises(
        ValueError, match=r"`histories` should hold .* 0..4.* Received: 7 at \(0, 1"
    ):
        smoothed.score_history(np.array([[0, 7, 1]]))
    with pytest.raises(ValueError, match="Received: 4294967296"):
        smoothed.score_history(np.array([[0, 2**32, 1]]))
    assert model.asked == []
