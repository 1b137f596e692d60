import numpy as np
import tensorflow as tf

from advrec_tf.tabular.networks import drawn_codes, raw_width, soft_rows, widened
from advrec_tf.tabular.transform import RowLayout

LAYOUT = RowLayout(names=("a", "b"), widths=(3, 3), modes=(0, 2))


SEED = tf.constant([1, 2])


def test_a_row_is_widened_to_numbers_and_one_hot_blocks():
    rows = widened(tf.constant([[2, 0]]), tf.constant([[0.5]]), LAYOUT)
    assert rows.numpy().tolist() == [[0.5, 0, 0, 1, 1, 0, 0]]


def test_the_number_is_that_of_the_chosen_mode():
    # two numbers (modes of b), then 3 + 3 logits; the choice is forced by large logits
    raw = np.zeros((3, raw_width(LAYOUT)), np.float32)
    raw[:, :2] = np.arctanh([0.25, -0.5])
    for row, choice in enumerate((0, 1, 2)):
        raw[row, 5 + choice] = 100.0
    rows = soft_rows(tf.constant(raw), LAYOUT, SEED, temperature=1.0)
    choices, numbers = drawn_codes(tf.constant(raw), LAYOUT, SEED)
    assert choices[:, 1].numpy().tolist() == [0, 1, 2]
    # the third choice is no mode: missing, or a single value
    np.testing.assert_allclose(rows[:, 0], [0.25, -0.5, 0.0], atol=1e-6)
    np.testing.assert_allclose(numbers[:, 0], [0.25, -0.5, 0.0], atol=1e-6)


def test_choices_are_drawn_by_their_probabilities():
    raw = tf.tile(tf.math.log([[1.0, 1, 7, 2, 1, 1, 1, 1]]), [20_000, 1])
    choices, _ = drawn_codes(raw, LAYOUT, SEED)
    # logits of a: log 7, log 2, log 1 less their place -> (7, 2, 1) / 10
    fraction = np.bincount(choices[:, 0].numpy(), minlength=3) / 20_000
    np.testing.assert_allclose(fraction, [0.7, 0.2, 0.1], atol=0.02)


def test_gradients_pass_through_hard_choices():
    raw = tf.Variable(np.zeros((4, raw_width(LAYOUT)), np.float32))
    with tf.GradientTape() as tape:
        rows = soft_rows(raw, LAYOUT, SEED, temperature=0.5)
        loss = tf.reduce_sum(rows[:, 1] * 3.0)
    assert set(np.unique(rows[:, 1:4])) == {0.0, 1.0}
    assert np.abs(tape.gradient(loss, raw)[:, 2:5]).min() > 0
