"""The graph of users and items: node vectors, and their propagation along the edges.

A node is a user (0 to num_users - 1) or an item (num_users + item index). Nothing here
knows a loss; models on graphs build upon it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions


class NodeVectors(keras.layers.Layer):
    """The trained vectors of all nodes as a layer's output [num_nodes, dim], whatever the input.

    Being a layer's output they can be perturbed:
    `AdversarialTraining(model, ..., layers=[model.node_layer])`.
    """

    same_on_replicas = True

    def __init__(self, num_nodes: int, dim: int, *, stddev: float, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.vectors = self.add_weight(
            name="vectors",
            shape=[num_nodes, dim],
            initializer=keras.initializers.RandomNormal(stddev=stddev, seed=seed),
        )

    def call(self, inputs):
        return tf.identity(self.vectors)


class RowSparse:
    """A constant sparse matrix in compressed rows, multiplied by dense ones.

    Args:
        rows, columns: [entries], the places that are not zero, each once, in any order.
        values: [entries] float32.
        shape: (number of rows, number of columns).
    """

    def __init__(self, rows: np.ndarray, columns: np.ndarray, values: np.ndarray, shape):
        order = np.lexsort((columns, rows))
        self._parts = {
            "indices": tf.constant(np.stack([rows[order], columns[order]], axis=1), tf.int64),
            "values": tf.constant(values[order], tf.float32),
            "dense_shape": tf.constant(shape, tf.int64),
        }

    def __matmul__(self, dense: tf.Tensor) -> tf.Tensor:
        """[columns, n] float32 -> [rows, n]; no gradient passes."""
        # Put together anew at every use, a copy beside the product: a compiled function cannot
        # capture a compressed matrix.
        compressed = tf.raw_ops.SparseTensorToCSRSparseMatrix(**self._parts)
        return tf.raw_ops.SparseMatrixMatMul(a=compressed, b=dense)


class InteractionGraph(tf.Module):
    """Propagation by S = D^-1/2 A D^-1/2, A the adjacency of the distinct (user, item) pairs.

    He et al. 2020, eqs. 3 and 4 (arXiv:2002.02126): no weights, no nonlinearity; layer l is
    S^l x, and what comes out is the mean of layers 0 to L. S is symmetric, so its gradient is S
    itself. A node without an edge receives nothing.

    One product with S is one product of a `RowSparse` matrix, on the CPU many times as fast as
    `tf.sparse.sparse_dense_matmul`, and without its gradient's scattering.

    Args:
        interactions: the edges, repeats counting once.
        num_layers: L >= 0.

    Raises:
        ValueError: if `num_layers` is negative.
    """

    def __init__(self, interactions: Interactions, num_layers: int):
        super().__init__(name="interaction_graph")
        if num_layers < 0:
            raise ValueError(f"`num_layers` should be >= 0. Received: {num_layers!r}.")
        self.num_layers = num_layers
        self._layer_weight = 1.0 / (num_layers + 1)
        self.num_users = interactions.num_users
        self.num_items = interactions.num_items
        edges = interactions.by_user()
        users, items = edges.users(), edges.items + self.num_users
        degree = np.append(edges.counts, np.bincount(edges.items, minlength=self.num_items))
        scale = 1.0 / np.sqrt(np.maximum(degree, 1))
        self._product = RowSparse(
            np.concatenate([users, items]),
            np.concatenate([items, users]),
            np.tile(scale[users] * scale[items], 2),
            [self.num_nodes, self.num_nodes],
        )

    @property
    def num_nodes(self) -> int:
        return self.num_users + self.num_items

    def neighbors(self, x: tf.Tensor) -> tf.Tensor:
        """[num_nodes, dim] -> S x, the same shape."""

        @tf.custom_gradient
        def product(x):
            return self._product @ x, lambda dy: self._product @ tf.convert_to_tensor(dy)

        return product(x)

    def layers(self, x: tf.Tensor) -> list[tf.Tensor]:
        """[num_nodes, dim] -> layers 0 (x itself) to num_layers, each the same shape."""
        outputs = [x]
        for _ in range(self.num_layers):
            outputs.append(self.neighbors(outputs[-1]))
        return outputs

    def combined(self, layers: Sequence[tf.Tensor]) -> tf.Tensor:
        """Layers 0 to num_layers -> their mean [num_nodes, dim]."""
        return tf.add_n([self._layer_weight * layer for layer in layers])

    def shift(self, deltas: Sequence[tf.Tensor]) -> tf.Tensor:
        """What `combined` gains when `deltas[l - 1]` is added to the output of layer l.

        A change of one layer is carried on by all later ones. Propagation is linear, so the
        gain does not depend on x.

        Args:
            deltas: one tensor [num_nodes, dim] for each of layers 1 to num_layers >= 1.
        """
        carried = deltas[0]
        gains = [self._layer_weight * carried]
        for delta in deltas[1:]:
            carried = self.neighbors(carried) + delta
            gains.append(self._layer_weight * carried)
        return tf.add_n(gains)
