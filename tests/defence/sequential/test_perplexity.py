import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.defence.sequential.perplexity import Perplexity


class Rule:
    """After any history whose last item is i: log p is log(3/4) for i + 1 of 3, log(1/8) else."""

    def __init__(self):
        self.asked = []

    def score_history(self, histories):
        self.asked += histories.numpy().tolist()
        last = histories.numpy()[:, -1]
        probability = np.full([len(last), 3], 1 / 8)
        probability[np.arange(len(last)), (last + 1) % 3] = 3 / 4
        return tf.constant(np.log(probability) + 7, tf.float32)  # a softmax ignores the 7


def test_perplexity_is_that_of_each_item_after_those_before_it():
    model = Rule()
    detector = Perplexity(model)
    found = detector.suspicion(np.array([[-1, 0, 1, 0], [-1, -1, -1, 2]]))
    assert found[0] == pytest.approx((np.log(4 / 3) + np.log(8)) / 2) and found[1] == 0.0
    assert sorted(model.asked) == [[-1, -1, -1, 0], [-1, -1, 0, 1]]


def test_what_is_no_item_of_the_model_is_refused():
    with pytest.raises(
        ValueError, match=r"`histories` should hold .* 0..2.* Received: 3 at \(0, 2"
    ):
        Perplexity(Rule()).suspicion(np.array([[0, 1, 3]]))
