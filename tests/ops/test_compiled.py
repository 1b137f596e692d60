import numpy as np
import tensorflow as tf

from advrec_tf.ops.compiled import gathered_once


def test_rows_that_are_made_once_are_the_rows_and_are_made_in_a_branch():
    table = tf.constant([[1.0, -0.5], [2.0, 3.0], [0.25, -7.0]])

    @tf.function(jit_compile=True)
    def looked_up(zero):
        return gathered_once(lambda: {"rows": tf.gather(table, [2, 0, 2])}, zero)["rows"]

    np.testing.assert_array_equal(looked_up(0.0), [[0.25, -7], [1, -0.5], [0.25, -7]])
    nodes = looked_up.get_concrete_function(0.0).graph.as_graph_def().node
    assert any(node.op.endswith("If") for node in nodes)
