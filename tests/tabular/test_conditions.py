import tensorflow as tf

from advrec_tf.tabular.conditions import Conditions
from advrec_tf.tabular.transform import RowLayout

LAYOUT = RowLayout(names=("a", "b"), widths=(3, 3), modes=(0, 2))


def test_a_condition_holds_what_is_flagged_and_nothing_else():
    conditions = Conditions(LAYOUT, ("b",))
    rows = tf.constant([[0.5, 0, 0, 1, 1, 0, 0]])
    shown = conditions.read(rows, tf.constant([[1.0]]))
    hidden = conditions.read(rows, tf.constant([[0.0]]))
    assert shown.numpy().tolist() == [[0.5, 1, 0, 0, 1]]
    assert hidden.numpy().tolist() == [[0, 0, 0, 0, 0]]
    kept = conditions.keep(tf.zeros_like(rows), rows, tf.constant([[1.0]]))
    assert kept.numpy().tolist() == [[0.5, 0, 0, 0, 1, 0, 0]]
