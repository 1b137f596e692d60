import numpy as np
import pytest
import tensorflow as tf

from advrec_tf.serving import small_tables
from advrec_tf.serving.small_tables import SmallTable


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch):
    monkeypatch.setattr(small_tables, "BLOCK", 20)


def test_rows_are_those_of_a_scale_times_whole_numbers():
    # Root mean squares of the columns: 2 and 4; so rows are (1, 1), (-1, 1), (1, -1), (-1, -1).
    vectors = np.array([[2, 4], [-2, 4], [2, -4], [-2, -4]], np.float32)
    table = SmallTable(vectors, "int8", name="table")
    assert table.values.numpy().tolist() == [[127, 127], [-127, 127], [127, -127], [-127, -127]]
    np.testing.assert_allclose(table.scales, [1 / 127] * 4, rtol=2**-11)  # float16
    np.testing.assert_allclose(table.rows(tf.constant([[1], [2]])), vectors[[1, 2], None], 2**-11)


def test_a_row_that_float16_has_no_scale_for_is_zero_and_others_are_not_touched():
    vectors = np.array([[1, -1], [1e-8, 1e-8], [0, 0]], np.float32)
    decoded = SmallTable(vectors, "int8", name="table").decoded()
    assert np.abs(decoded[0] - vectors[0]).max() < 1e-3 and not decoded[1:].any()


def test_numbers_are_rounded_the_other_way_where_less_error_is_left_along_the_row():
    rows, columns = np.array([[1.4, 2.4], [1.1, 2.2]], np.float32), np.ones(2, np.float32)
    along, scales = np.ones((2, 2), np.float32), np.ones(2, np.float16)
    # 1, 2 leave .4 + .4; 2, 2 leave -.6 + .4. Of the second row 1, 2 leave .3 and 1, 3 -.7.
    found = small_tables._rounded(rows, scales, along, columns)
    assert found.tolist() == [[2, 2], [1, 2]]
    # Along the first number alone .4 is less than .6. With columns of 1 and 2: .4 + .8 = 1.2, of
    # which 1, 3 leave .4 - 1.2 = -.8 and 2, 2 leave -.6 + .8 = .2.
    found = small_tables._rounded(rows[:1], scales[:1], np.array([[1, 0]], np.float32), columns)
    assert found.tolist() == [[1, 2]]
    found = small_tables._rounded(rows[:1], scales[:1], along[:1], np.array([1, 2], np.float32))
    assert found.tolist() == [[2, 2]]


@pytest.mark.parametrize("kind", ["int8", "float16"])
def test_groups_of_neighbors_are_read_together(kind):
    vectors = np.random.default_rng(3).normal(size=(44, 3)).astype(np.float32)
    table = SmallTable(vectors, kind, name="table", group=4)
    queries = np.random.default_rng(1).normal(size=(2, 3)).astype(np.float32)
    groups = np.array([[10, 0], [2, 2]], np.int32)
    found = table.products_of(tf.constant(queries), tf.constant(groups)).numpy()
    rows = table.decoded().reshape(11, 4, 3)[groups].reshape(2, 8, 3)
    np.testing.assert_allclose(found, np.einsum("bd,bnd->bn", queries, rows), atol=1e-5)
    np.testing.assert_allclose(table.products(queries), queries @ table.decoded().T, atol=1e-5)


@pytest.mark.parametrize(("kind", "step"), [("int8", 1 / 127), ("float16", 2.0**-11)])
@pytest.mark.parametrize("count", [0, 1, 20, 21, 103])
def test_products_in_blocks_are_those_of_the_rows(kind, step, count):
    vectors = np.random.default_rng(count).normal(size=(count, 3)).astype(np.float32)
    vectors[:1] = 0
    queries = np.random.default_rng(1).normal(size=(4, 3)).astype(np.float32)
    table = SmallTable(vectors, kind, name="table")
    found = tf.function(table.products)(tf.constant(queries)).numpy()
    decoded = table.decoded()
    assert found.shape == (4, count) and decoded.shape == vectors.shape
    np.testing.assert_allclose(found, queries @ decoded.T, atol=1e-5)
    columns = np.sqrt((vectors**2).mean(0)) if count > 1 else np.ones(3)
    rows = np.abs(vectors / columns)
    largest = rows.max(axis=1, keepdims=True) if kind == "int8" else rows
    assert (np.abs(decoded - vectors) <= (step * largest * columns) * 1.01).all()
