"""Tables in a quarter or half of their size: rows of int8 with a scale each, or of float16.

Each column is divided by its root mean square first, so that one wide column, such as a popularity
prior, does not take the precision of the others. Rows become float32 only where they are read: the
ones that are named, or block by block where all items are scored, so that a request never holds a
float32 copy of a large table. What the rounding costs is measured in `small_vectors`.
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


class SmallTable(tf.Module):
    """Rows of float16, or of int8 with a float16 scale each.

    Args:
        vectors: [num_rows, dim] float32.
        kind: "float16" or "int8".
        name: of the module.
        group: neighboring rows that `products_of` reads together; `num_rows` is a multiple of it.
    """

    def __init__(self, vectors: np.ndarray, kind: str, *, name: str, group: int = 1):
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
            divisors = np.where(scales > 0, scales, np.inf).astype(np.float32)
            rows = np.clip(np.rint(rows / divisors[:, None]), -_LARGEST, _LARGEST)
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
