import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.serving import small_tables
from advrec_tf.serving.cell_index import CellIndex
from advrec_tf.serving.cell_table import TILE, CellTable

ROWS, DIM = 403, 6


@pytest.fixture(scope="module")
def vectors():
    return np.random.default_rng(0).normal(size=(ROWS, DIM)).astype(np.float32)


@pytest.fixture(scope="module")
def table(vectors):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(small_tables, "BLOCK", 50)
        return CellTable(vectors)


def test_every_row_stands_in_one_cell_and_no_cell_is_much_above_the_mean(table):
    members, begins = table.members.numpy(), TILE * table.tiles.numpy()
    assert sorted(members[members < ROWS].tolist()) == list(range(ROWS))
    assert begins[-1] == len(members) and len(begins) == table.count + 1
    cells = np.split(members, begins[1:-1])
    # 4 sqrt(403) = 80 cells of 5.04 on average, 1.25 times which is 6.3
    assert all(1 <= (own < ROWS).sum() <= 7 for own in cells)
    index = np.arange(ROWS)
    cell, place = (part.numpy() for part in table.cell_and_place(index))
    assert [cells[c][p] for c, p in zip(cell, place, strict=True)] == index.tolist()


def test_the_center_and_what_is_left_give_a_row_to_a_step_of_its_scale(table, vectors):
    rows = table.rows(tf.range(ROWS)).numpy()
    columns, scales = table.rest.columns.numpy(), table.rest.scales.numpy()
    slots = np.argsort(table.members.numpy(), kind="stable")[:ROWS]
    step = 1.01 * scales[slots].astype(np.float32)[:, None] * columns
    assert (np.abs(rows - vectors) <= step + 1e-6).all()
    np.testing.assert_allclose(table.decoded(), rows, rtol=1e-5, atol=1e-6)
    assert table.rows(tf.constant([[3], [5]])).shape == (2, 1, DIM)


def test_products_are_those_of_the_rows_in_their_order(table):
    queries = np.random.default_rng(1).normal(size=(4, DIM)).astype(np.float32)
    found = tf.function(table.products)(tf.constant(queries)).numpy()
    np.testing.assert_allclose(found, queries @ table.decoded().T, atol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 10])
def test_few_rows_equal_rows_and_zeros_have_cells(count):
    table = CellTable(np.zeros((count, 2), np.float32))
    np.testing.assert_array_equal(table.decoded(), np.zeros((count, 2)))
    items, _ = CellIndex(table).search(tf.ones([1, 2]), count, tf.zeros([0, 2], tf.int32))
    assert sorted(items.numpy()[0].tolist()) == list(range(count))
