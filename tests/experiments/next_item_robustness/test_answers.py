import numpy as np
import tensorflow as tf

from experiments.next_item_robustness import answers


class Echo:
    """The sum of each history, twice, and how many histories were asked about."""

    def score_history(self, histories):
        total = tf.reduce_sum(tf.cast(histories, tf.float32), 1)
        return tf.stack([total, tf.fill(tf.shape(total), float(histories.shape[0]))], 1)


def test_a_compiled_scorer_answers_in_blocks_as_it_would_alone(monkeypatch):
    monkeypatch.setattr(answers, "BLOCK", 4)
    compiled = answers.Compiled(Echo())
    for count in (1, 4, 6):
        histories = np.arange(3 * count).reshape(count, 3)
        found = compiled.score_history(tf.constant(histories, tf.int32)).numpy()
        np.testing.assert_array_equal(found[:, 0], histories.sum(1))
        assert (found[:, 1] == 4).all()
