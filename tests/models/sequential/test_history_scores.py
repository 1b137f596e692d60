import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.data.windows import last_windows
from advrec_tf.models.sequential.history_scores import HistoryScores, require_items
from tests.worlds import interactions_of_histories


class Latest:
    """Scores 1 for the latest item of a history."""

    def score_history(self, history):
        return tf.one_hot(history[:, -1], 10)


def test_a_user_is_scored_by_the_window_and_nobody_by_popularity():
    data = interactions_of_histories([1, 2], [], [2, 3, 4])
    found = HistoryScores(Latest(), last_windows(data, 2), data).score(tf.constant([2, 1, 0]))
    assert found.numpy()[[0, 2]].argmax(1).tolist() == [4, 2]
    assert found.numpy()[1].argmax() == 2  # the one item with two interactions


def test_windows_should_be_one_for_each_user():
    data = interactions_of_histories([1, 2], [3, 4])
    windows = last_windows(interactions_of_histories([1, 2]), 4)
    with pytest.raises(ValueError, match="one window for each of 2 users"):
        HistoryScores(Latest(), windows, data)


@pytest.mark.parametrize(("index", "place"), [(5, (0, 1)), (-2, (1, 0))])
def test_an_index_that_is_no_items_is_named_with_its_place(index, place):
    given = np.array([[-1, 0], [4, 3]])
    require_items(tf.constant(given), 5)
    given[place] = index
    message = rf"`history` should hold item indices in 0..4, and -1 .*{index} at \({place[0]}, "
    with pytest.raises(ValueError, match=message):
        require_items(tf.constant(given), 5)
    tf.function(lambda history: require_items(history, 5))(tf.constant(given))  # no check there
