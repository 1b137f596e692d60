import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.serving.cell_index import CellIndex
from advrec_tf.serving.lists import LOWEST

ITEMS, DIM = 400, 6
NOTHING = tf.zeros([0, 2], tf.int32)


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(0).normal(size=(ITEMS, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def index(vectors):
    return CellIndex(vectors)


def searched(index, vectors, queries, k, closed=NOTHING, probes=None):
    index.probes = index.count if probes is None else probes
    items, scores = index.search(
        tf.constant(queries), k, tf.constant(closed, tf.int32), lambda i: tf.gather(vectors, i)
    )
    return items.numpy(), scores.numpy()


def test_every_item_stands_in_one_cell_and_no_cell_is_much_above_the_mean(index):
    members = index.members.numpy()
    assert sorted(members[members < ITEMS].tolist()) == list(range(ITEMS))
    assert (members.ravel()[index.slot.numpy()] == np.arange(ITEMS)).all()
    # 4 sqrt(400) = 80 cells of 5 on average, 1.25 times 5 is 6.25
    assert index.width <= 7


def test_center_and_residual_give_a_vector_to_half_a_step_of_its_scale(index, vectors):
    rows = index.residuals.numpy() * index.scales.numpy()[:, :, None]
    rows += index.centers.numpy()[:, None]
    found = rows.reshape(-1, DIM)[index.slot.numpy()]
    step = index.scales.numpy().ravel()[index.slot.numpy()]
    assert (np.abs(found - vectors) <= 0.501 * step[:, None] + 1e-6).all()


def test_with_all_cells_lists_are_exact_and_so_are_scores(index, vectors):
    queries = np.random.default_rng(1).normal(size=(5, DIM)).astype(np.float32)
    right = queries @ vectors.T
    items, scores = searched(index, vectors, queries, 4)
    np.testing.assert_array_equal(items, np.argsort(-right, axis=1)[:, :4])
    np.testing.assert_allclose(scores, -np.sort(-right, axis=1)[:, :4], rtol=1e-5)
    by_tensor = searched(index, vectors, queries, tf.constant(4))
    np.testing.assert_array_equal(by_tensor[0], items)


def test_closed_items_are_in_no_list_of_their_row(index, vectors):
    queries = np.tile(np.random.default_rng(1).normal(size=(1, DIM)), (2, 1)).astype(np.float32)
    best = np.argsort(-(queries[0] @ vectors.T))
    closed = [[1, best[0]], [1, best[2]], [0, best[1]]]
    items, _ = searched(index, vectors, queries, 2, closed)
    assert items.tolist() == [[best[0], best[2]], [best[1], best[3]]]


def test_a_cell_that_is_not_probed_is_not_read(index, vectors):
    queries = vectors[:3]
    items, _ = searched(index, vectors, queries, 3, probes=1)
    near = np.argmax(queries @ index.centers.numpy().T, axis=1)
    for row, cell in zip(items, near, strict=True):
        assert set(row[row >= 0]) <= set(index.members.numpy()[cell].tolist())


def test_lists_that_are_longer_than_what_was_read_end(index, vectors):
    items, scores = searched(index, vectors, vectors[:1], index.width + 3, probes=1)
    assert items.shape == (1, index.width + 3)
    assert (items[0, -3:] == -1).all() and (scores[0, -3:] == LOWEST).all()


def test_equal_vectors_and_zeros_are_indexed():
    index = CellIndex(np.zeros((10, 2), np.float32))
    assert searched(index, np.zeros((10, 2), np.float32), np.ones((1, 2), np.float32), 10)[
        0
    ].shape == (1, 10)
