"""What every served graph has: guarded inputs, and values that a case expects."""

import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.serving.module import ExportCheckError, ServedModule, Values, text_ids


@pytest.mark.parametrize("odd", [" pad", "e\u0301", 7.0])
def test_an_id_that_no_client_asks_for_is_named(odd):
    with pytest.warns(UserWarning, match="`users` should hold ids as `ar.data.load` has them") as w:
        assert text_ids(["a", odd], "users") == ["a", str(odd)]
    assert repr(odd) in str(w[0].message)


class Pair(ServedModule):
    max_batch = 3

    def serving_default(self, a, b):
        return {"sum": a + tf.reduce_sum(b, axis=1)}

    def inputs(self):
        return {
            "serving_default": {
                "a": tf.TensorSpec([None], tf.float32),
                "b": tf.TensorSpec([None, 2], tf.float32),
            }
        }


def test_inputs_of_another_shape_batch_or_size_are_refused():
    call = Pair().signatures()["serving_default"]
    assert call(a=tf.ones([2]), b=tf.ones([2, 2]))["sum"].numpy().tolist() == [3, 3]
    for rows, message in ((3, "`a`, `b` should have the same length"), (4, "at most 3")):
        with pytest.raises(tf.errors.InvalidArgumentError, match=message):
            call(a=tf.ones([2 if rows == 3 else 4]), b=tf.ones([rows, 2]))


def test_a_signature_that_is_not_in_the_list_is_refused():
    class Unlisted(Pair):
        def inputs(self):
            return {"sums": {}}

    with pytest.raises(ValueError, match=r"signatures of .*Received: \['sums'\]"):
        Unlisted().signatures()


def test_values_are_compared_relative_to_their_size():
    expected = Values({"x": np.array([1.0, 100.0]), "known": np.array([True, False])})
    assert expected.size == 2
    found = expected.difference("w", {"x": [1.0, 100.005], "known": [True, False]}, 1e-4)
    assert found == pytest.approx(5e-5)
    with pytest.raises(ExportCheckError, match=r"w, `x`, at \(1,\): the value should be 100"):
        expected.difference("w", {"x": [1.0, 100.02], "known": [True, False]}, 1e-4)
    with pytest.raises(ExportCheckError, match=r"w: `known` at \(1,\) should be"):
        expected.difference("w", {"x": [1.0, 100.0], "known": [True, True]}, 1e-4)
    with pytest.raises(ExportCheckError, match=r"`x` should have shape \(2,\). Served: \(1,\)"):
        expected.difference("w", {"x": [1.0], "known": [True, False]}, 1e-4)
    with pytest.raises(ExportCheckError, match="nan"):
        expected.difference("w", {"x": [np.nan, 100.0], "known": [True, False]}, 1e-4)
