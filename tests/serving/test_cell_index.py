import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.serving.cell_index import CellIndex
from advrec_tf.serving.cell_table import TILE, CellTable
from advrec_tf.serving.lists import LOWEST

ITEMS, DIM = 400, 6
NOTHING = tf.zeros([0, 2], tf.int32)


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(0).normal(size=(ITEMS, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def table(vectors):
    return CellTable(vectors)


@pytest.fixture(scope="module")
def index(vectors, table):
    """Items with vectors of their own beside the table."""
    return CellIndex(table, lambda items: tf.gather(vectors, items))


def searched(index, queries, k, closed=NOTHING, probes=None):
    index.probes = index.count if probes is None else probes
    items, scores = index.search(tf.constant(queries), k, tf.constant(closed, tf.int32))
    return items.numpy(), scores.numpy()


def test_with_all_cells_lists_are_exact_and_so_are_scores(index, vectors):
    queries = np.random.default_rng(1).normal(size=(5, DIM)).astype(np.float32)
    right = queries @ vectors.T
    items, scores = searched(index, queries, 4)
    np.testing.assert_array_equal(items, np.argsort(-right, axis=1)[:, :4])
    np.testing.assert_allclose(scores, -np.sort(-right, axis=1)[:, :4], rtol=1e-5)
    by_tensor = searched(index, queries, tf.constant(4))
    np.testing.assert_array_equal(by_tensor[0], items)


def test_without_other_vectors_scores_are_those_of_the_rows_of_the_table(table):
    queries = np.random.default_rng(1).normal(size=(5, DIM)).astype(np.float32)
    right = queries @ table.decoded().T
    items, scores = searched(CellIndex(table), queries, 4)
    np.testing.assert_allclose(scores, -np.sort(-right, axis=1)[:, :4], rtol=1e-5)
    np.testing.assert_allclose(np.take_along_axis(right, items, 1), scores, rtol=1e-5)


def test_vectors_may_have_more_dimensions_than_the_table(vectors):
    narrow = CellIndex(CellTable(vectors[:, :-1]), lambda items: tf.gather(vectors, items))
    queries = np.append(vectors[0, :-1], 0.0).astype(np.float32)[None]
    items, scores = searched(narrow, queries, 1)
    assert scores[0, 0] == pytest.approx(float((vectors @ queries[0]).max()), rel=1e-5)
    assert items[0, 0] == np.argmax(vectors @ queries[0])


def test_closed_items_are_in_no_list_of_their_row(index, vectors):
    queries = np.tile(np.random.default_rng(1).normal(size=(1, DIM)), (2, 1)).astype(np.float32)
    best = np.argsort(-(queries[0] @ vectors.T))
    closed = [[1, best[0]], [1, best[2]], [0, best[1]]]
    items, _ = searched(index, queries, 2, closed)
    assert items.tolist() == [[best[0], best[2]], [best[1], best[3]]]


def test_a_cell_that_is_not_probed_is_not_read(index, vectors):
    queries = vectors[:3]
    items, _ = searched(index, queries, 3, probes=1)
    near = np.argmax(queries @ index.table.centers.numpy().T, axis=1)
    begins = TILE * index.table.tiles.numpy()
    for row, cell in zip(items, near, strict=True):
        own = index.table.members.numpy()[begins[cell] : begins[cell + 1]]
        assert set(row[row >= 0]) <= set(own.tolist())


def test_lists_that_are_longer_than_what_was_read_end(index, vectors):
    items, scores = searched(index, vectors[:1], index.width + 3, probes=1)
    assert items.shape == (1, index.width + 3)
    assert (items[0, -3:] == -1).all() and (scores[0, -3:] == LOWEST).all()
