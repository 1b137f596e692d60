import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.models.graph.propagation import InteractionGraph, NodeVectors
from tests.worlds import interactions_of

# User 0 has items 0 and 1, user 1 has item 1. Degrees: users 2, 1; items 1, 2.
TWO_BY_TWO = interactions_of([(0, 0), (0, 1), (1, 1)], 2, 2)
ROOT = 1 / np.sqrt(2)  # weight of the edges (0, 0) and (1, 1); the edge (0, 1) has 1 / 2

# Item 3 and user 3 have no edge, and a pair comes twice.
LARGER = interactions_of([(2, 4), (0, 1), (0, 0), (1, 1), (2, 1), (1, 2), (2, 4)], 4, 5)


def dense(data):
    """S as a matrix, written as D^-1/2 A D^-1/2."""
    size = data.num_users + data.num_items
    adjacency = np.zeros([size, size])
    for user, item in zip(data.user_index, data.item_index, strict=True):
        adjacency[user, data.num_users + item] = adjacency[data.num_users + item, user] = 1
    degree = adjacency.sum(1)
    root = np.diag([1 / np.sqrt(d) if d else 0 for d in degree])
    return root @ adjacency @ root


def normal(*shape, seed=0):
    return tf.random.stateless_normal(shape, [seed, 1])


def test_one_step_equals_the_one_worked_on_paper():
    # u0: 3 / sqrt 2 + 4 / 2;  u1: 4 / sqrt 2;  i0: 1 / sqrt 2;  i1: 1 / 2 + 2 / sqrt 2
    graph = InteractionGraph(TWO_BY_TWO, 1)
    x = tf.constant([[1.0], [2.0], [3.0], [4.0]])
    expected = [[3 * ROOT + 2], [4 * ROOT], [ROOT], [0.5 + 2 * ROOT]]
    np.testing.assert_allclose(graph.neighbors(x), expected, rtol=1e-6)
    np.testing.assert_allclose(
        graph.combined(graph.layers(x)), (x.numpy() + expected) / 2, rtol=1e-6
    )


def test_layers_are_powers_of_the_normalized_adjacency():
    graph, s = InteractionGraph(LARGER, 3), dense(LARGER)
    x = normal(9, 2)
    layers = graph.layers(x)
    assert len(layers) == 4
    for power, layer in enumerate(layers):
        np.testing.assert_allclose(layer, np.linalg.matrix_power(s, power) @ x, atol=1e-6)
    np.testing.assert_allclose(graph.combined(layers), np.mean(layers, 0), atol=1e-6)


def test_a_node_without_an_edge_receives_nothing():
    (_, layer) = InteractionGraph(LARGER, 1).layers(normal(9, 2))
    assert (layer.numpy()[[3, 4 + 3]] == 0).all() and (layer.numpy()[[0, 4 + 4]] != 0).all()


def test_layers_are_combined_by_their_mean():
    graph, s = InteractionGraph(LARGER, 2), dense(LARGER)
    x = normal(9, 2).numpy()
    expected = (x + s @ x + s @ s @ x) / 3
    np.testing.assert_allclose(graph.combined(graph.layers(tf.constant(x))), expected, atol=1e-6)


@pytest.mark.parametrize("sparse", [False, True])
def test_the_gradient_is_that_of_the_dense_product(sparse):
    # a gather's gradient reaches the product as indexed slices
    graph, s = InteractionGraph(LARGER, 2), tf.constant(dense(LARGER), tf.float32)
    x, target = normal(9, 2), normal(9, 2, seed=1)
    chosen = tf.constant([5, 0, 5, 3] if sparse else range(9))

    def gradient(product):
        with tf.GradientTape() as tape:
            tape.watch(x)
            final = (x + product(x) + product(product(x))) / 3
            loss = tf.reduce_sum(tf.gather((final - target) ** 2, chosen))
        return tape.gradient(loss, x)

    np.testing.assert_allclose(
        gradient(graph.neighbors), gradient(lambda x: s @ x), rtol=1e-5, atol=1e-6
    )


def test_a_shift_is_what_layers_moved_one_after_the_other_give():
    graph, s = InteractionGraph(LARGER, 3), dense(LARGER)
    x = normal(9, 2).numpy()
    deltas = [normal(9, 2, seed=i) for i in (1, 2, 3)]
    moved = [x]
    for delta in deltas:
        moved.append(s @ moved[-1] + delta.numpy())
    clean = graph.combined(graph.layers(tf.constant(x)))
    expected = np.mean(moved, 0)
    np.testing.assert_allclose(clean + graph.shift(deltas), expected, atol=1e-6)


def test_a_negative_number_of_layers_is_refused():
    with pytest.raises(ValueError, match="`num_layers` should be >= 0. Received: -1"):
        InteractionGraph(TWO_BY_TWO, -1)


def test_node_vectors_repeat_for_a_seed_and_have_the_asked_for_spread():
    one, same, other = (NodeVectors(500, 20, stddev=0.1, seed=s) for s in (1, 1, 2))
    np.testing.assert_array_equal(one(None), same(None))
    assert not np.allclose(one(None), other(None))
    # 10,000 draws: the standard error of their deviation is .1 / sqrt(20,000) = .0007
    assert np.std(one(None)) == pytest.approx(0.1, abs=0.004)
