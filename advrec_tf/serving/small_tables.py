"""Tables in a quarter or half of their size: rows of int8 with a scale each, or of float16.

Each column is divided by its root mean square first, so that one wide column, such as a popularity
prior, does not take the precision of the others. Rounding to int8 leaves of each row's error as
little as it can in the direction where queries lie that rank the row high: along the row itself
(Guo et al. 2020, arXiv:1908.10396, anisotropic vector quantization). Rows become float32 only where
they are read: the ones that are named, or block by block where all items are scored, so that a
request never holds a float32 copy of a large table. What the rounding costs is measured in
`small_vectors`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.serving.module import frozen

TABLES = ("float32", "float16", "int8")
"""How the rows of served vectors are kept."""

BLOCK = 2**15
"""Rows, at most, that are float32 at a time where all are scored."""

_LARGEST = 127
_MOVES = 2  # numbers of a row that are rounded the other way


class SmallTable(tf.Module):
    """Rows of float16, or of int8 with a float16 scale each.

    Args:
        vectors: [num_rows, dim] float32.
        kind: "float16" or "int8".
        name: of the module.
        group: neighboring rows that `products_of` reads together; `num_rows` is a multiple of it.
        along: [num_rows, dim] float32, the directions in which int8 rows should have no error; by
            default the rows themselves.
    """

    def __init__(
        self,
        vectors: np.ndarray,
        kind: str,
        *,
        name: str,
        group: int = 1,
        along: np.ndarray | None = None,
    ):
        super().__init__(name=name)
        self.group = group
        vectors = np.asarray(vectors, np.float32)
        self.num_rows, self.dim = vectors.shape
        squares = np.square(vectors, dtype=np.float64).sum(axis=0)
        columns = np.sqrt(np.where(squares > 0, squares / max(self.num_rows, 1), 1.0))
        columns = columns.astype(np.float32)
        rows = vectors / columns
        blocks = max(1, -(-self.num_rows // BLOCK))
        self._block = -(-self.num_rows // (blocks * group)) * group
        padding = [(0, blocks * self._block - self.num_rows), (0, 0)]
        self.scales = None
        if kind == "int8":
            # A row whose scale is below the least float16 is 0 beside columns of about 1.
            scales = (np.abs(rows).max(axis=1, initial=0.0) / _LARGEST).astype(np.float16)
            rows = _rounded(rows, scales, vectors if along is None else along, columns)
            self.scales = frozen(scales, "scales")
        self.values = frozen(np.pad(rows.astype(kind), padding), "values")
        self.columns = frozen(columns, "columns")

    def rows(self, index: tf.Tensor) -> tf.Tensor:
        """[...] int32 -> [..., dim] float32."""
        found = tf.cast(tf.gather(self.values, index), tf.float32)
        if self.scales is not None:
            found *= tf.cast(tf.gather(self.scales, index), tf.float32)[..., None]
        return found * self.columns

    def products(self, queries: tf.Tensor) -> tf.Tensor:
        """[batch, dim] float32 -> [batch, num_rows] float32, the product with every row."""
        queries = queries * self.columns
        blocks = self.values.shape[0] // max(self._block, 1)
        if blocks <= 1:
            found = self._block_products(queries, self.values)
        else:

            def step(place, parts):
                start = place * self._block
                part = self._block_products(queries, self.values[start : start + self._block])
                return place + 1, parts.write(place, part)

            parts = tf.TensorArray(tf.float32, size=blocks)
            _, parts = tf.while_loop(
                lambda place, _: place < blocks, step, (0, parts), parallel_iterations=1
            )
            found = tf.reshape(tf.transpose(parts.stack(), [1, 0, 2]), [-1, blocks * self._block])[
                :, : self.num_rows
            ]
        return found if self.scales is None else found * tf.cast(self.scales, tf.float32)

    def products_of(self, queries: tf.Tensor, groups: tf.Tensor) -> tf.Tensor:
        """The products of each query with the rows of its groups; group g is the `group` rows from
        g * `group` on. Queries [batch, dim] float32 and groups [batch, n] int32 -> [batch, n *
        group] float32."""

        def read(table: tf.Variable, width: int) -> tf.Tensor:
            found = tf.gather(tf.reshape(table, [-1, self.group * width]), groups)
            shape = [tf.shape(groups)[0], tf.shape(groups)[1] * self.group, width]
            return tf.reshape(tf.cast(found, tf.float32), shape)

        products = tf.matmul(read(self.values, self.dim), (queries * self.columns)[:, :, None])
        if self.scales is not None:
            products *= read(self.scales, 1)
        return products[:, :, 0]

    def decoded(self) -> np.ndarray:
        """[num_rows, dim] float32, what the rows say."""
        rows = self.values.numpy()[: self.num_rows].astype(np.float32)
        if self.scales is not None:
            rows *= self.scales.numpy().astype(np.float32)[:, None]
        return rows * self.columns.numpy()

    @staticmethod
    def _block_products(queries, values):
        return tf.matmul(queries, tf.cast(values, tf.float32), transpose_b=True)


def _rounded(
    rows: np.ndarray, scales: np.ndarray, along: np.ndarray, columns: np.ndarray
) -> np.ndarray:
    """Rows [n, dim], divided by `columns` [dim], over their scales [n] -> int8 [n, dim].

    Of each row up to `_MOVES` numbers are rounded the other way: those by which most of its error
    along `along` [n, dim] is gone.
    """
    result = np.empty(rows.shape, np.int8)
    for start in range(0, len(rows), BLOCK):
        block = slice(start, start + BLOCK)
        scale = scales[block].astype(np.float32)[:, None]
        exact = rows[block] / np.where(scale > 0, scale, np.inf)
        numbers, own = np.rint(exact), np.arange(len(exact))
        direction = along[block] * columns
        for _ in range(_MOVES):
            error = exact - numbers
            whole = (error * direction).sum(axis=1)
            move = np.where(error > 0, 1.0, -1.0).astype(np.float32)
            left = np.abs(whole[:, None] - move * direction)
            best = left.argmin(axis=1)
            better = left[own, best] < np.abs(whole)
            numbers[own[better], best[better]] += move[own[better], best[better]]
        result[block] = np.clip(numbers, -_LARGEST, _LARGEST)
    return result
