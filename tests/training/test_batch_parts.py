import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.training.batch_parts import first_fraction, seed_of


def test_any_nest_is_cut_where_its_first_dimension_is_that_of_the_batch():
    batch = (
        {
            "dense": tf.reshape(tf.range(10), [5, 2]),
            "ragged": tf.ragged.constant([[1], [2, 3], [], [4], [5, 6]]),
            "sparse": tf.sparse.from_dense([[0, 1], [2, 0], [0, 3], [4, 0], [0, 5]]),
            "temperature": tf.constant(0.5),
            "table": tf.zeros([3, 2]),
        },
        tf.constant([1, 2, 3, 4, 5]),
        None,
    )
    features, labels, weight = first_fraction(batch, 0.4)  # 2 of 5
    assert features["dense"].numpy().tolist() == [[0, 1], [2, 3]]
    assert features["ragged"].to_list() == [[1], [2, 3]]
    assert tf.sparse.to_dense(features["sparse"]).numpy().tolist() == [[0, 1], [2, 0]]
    assert float(features["temperature"]) == 0.5 and features["table"].shape == [3, 2]
    assert labels.numpy().tolist() == [1, 2] and weight is None


@pytest.mark.parametrize(("fraction", "kept"), [(0.01, 1), (0.2, 1), (0.21, 2), (0.6, 3), (1, 5)])
@pytest.mark.parametrize("known", [True, False])
def test_the_number_of_examples_is_rounded_up_whether_the_size_is_known_or_not(
    fraction, kept, known
):
    shape = tf.TensorSpec([5 if known else None, 2])

    @tf.function(input_signature=[{"a": shape, "b": shape}])
    def cut(batch):
        return first_fraction(batch, fraction)

    found = cut({"a": tf.ones([5, 2]), "b": tf.ones([5, 2])})
    assert found["a"].shape == found["b"].shape == [kept, 2]


def test_by_weight_all_examples_stay_and_those_after_the_fraction_weigh_nothing():
    batch = {"item": tf.constant([7, 8, 9]), "weight": tf.constant([1.0, 2.0, 3.0])}
    found = first_fraction(batch, 0.5, by_weight=True)
    assert found["item"].numpy().tolist() == [7, 8, 9]
    assert found["weight"].numpy().tolist() == [1.0, 2.0, 0.0]
    assert first_fraction({"item": batch["item"]}, 0.5, by_weight=True)["item"].shape == [2]


def test_a_batch_without_examples_is_refused():
    with pytest.raises(ValueError, match="A batch should hold a tensor with a dimension"):
        first_fraction({"a": tf.constant(1.0)}, 0.5)


def test_the_seed_of_the_batch_is_used_where_it_is_one():
    own = tf.constant([3, 4])
    assert seed_of({"seed": own, "x": tf.zeros(5)}, 0, 9) is own
    for batch in (tf.zeros(5), {"x": tf.zeros(5)}, {"seed": tf.constant(["a", "b"])}):
        np.testing.assert_array_equal(seed_of(batch, 7, tf.constant(9, tf.int64)), [7, 9])
