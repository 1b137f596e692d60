"""The graph of users and items: node vectors, and their propagation along the edges.

A node is a user (0 to num_users - 1) or an item (num_users + item index). Nothing here
knows a loss; models on graphs build upon it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data.interactions import Interactions


class NodeVectors(keras.layers.Layer):
    """The trained vectors of all nodes as a layer's output [num_nodes, dim], whatever the input.

    Being a layer's output they can be perturbed:
    `AdversarialTraining(model, ..., layers=[model.node_layer])`.
    """

    def __init__(self, num_nodes: int, dim: int, *, stddev: float, seed: int = 0, **kwargs):
        super().__init__(**kwargs)
        self.vectors = self.add_weight(
            name="vectors",
            shape=[num_nodes, dim],
            initializer=keras.initializers.RandomNormal(stddev=stddev, seed=seed),
        )

    def call(self, inputs):
        return tf.identity(self.vectors)


class InteractionGraph(tf.Module):
    """Propagation by S = D^-1/2 A D^-1/2, A the adjacency of the distinct (user, item) pairs.

    He et al. 2020, eqs. 3 and 4 (arXiv:2002.02126): no weights, no nonlinearity; layer l is
    S^l x, and what comes out is the weighted sum of layers 0 to L, by default their mean. S is
    symmetric, so its gradient is S itself. A node without an edge receives nothing.

    One product with S is two sums over sorted segments (users from items, items from users),
    on the CPU six to eight times as fast as `tf.sparse.sparse_dense_matmul`, and without its
    gradient's scattering.

    Args:
        interactions: the edges, repeats counting once.
        num_layers: L >= 0.
        layer_weights: of layers 0 to L, >= 0 with a positive sum; they are divided by it.

    Raises:
        ValueError: if `num_layers` or `layer_weights` is out of range.
    """

    def __init__(
        self,
        interactions: Interactions,
        num_layers: int,
        *,
        layer_weights: Sequence[float] | None = None,
    ):
        super().__init__(name="interaction_graph")
        if num_layers < 0:
            raise ValueError(f"`num_layers` should be >= 0. Received: {num_layers!r}.")
        weights = np.ones(num_layers + 1) if layer_weights is None else np.array(layer_weights)
        if weights.shape != (num_layers + 1,) or not weights.min() >= 0 or not weights.sum() > 0:
            raise ValueError(
                f"`layer_weights` should be {num_layers + 1} numbers >= 0, not all 0. "
                f"Received: {layer_weights!r}."
            )
        self.num_layers = num_layers
        self.layer_weights = (weights / weights.sum()).tolist()
        self.num_users = interactions.num_users
        self.num_items = interactions.num_items
        edges = interactions.by_user()
        users, items = edges.users(), edges.items
        by_item = np.lexsort((users, items))
        self._items_of_users = (tf.constant(items), tf.constant(users))
        self._users_of_items = (tf.constant(users[by_item]), tf.constant(items[by_item]))
        degree = np.append(edges.counts, np.bincount(items, minlength=self.num_items))
        scale = 1.0 / np.sqrt(np.maximum(degree, 1))
        self._scale = tf.constant(scale[:, None], tf.float32)

    @property
    def num_nodes(self) -> int:
        return self.num_users + self.num_items

    def neighbours(self, x: tf.Tensor) -> tf.Tensor:
        """[num_nodes, dim] -> S x, the same shape."""

        @tf.custom_gradient
        def product(x):
            return self._product(x), lambda dy: self._product(tf.convert_to_tensor(dy))

        return product(x)

    def _product(self, x: tf.Tensor) -> tf.Tensor:
        scaled = x * self._scale
        users, items = scaled[: self.num_users], scaled[self.num_users :]
        item, user = self._items_of_users
        to_users = tf.sparse.segment_sum(items, item, user, num_segments=self.num_users)
        user, item = self._users_of_items
        to_items = tf.sparse.segment_sum(users, user, item, num_segments=self.num_items)
        return tf.concat([to_users, to_items], 0) * self._scale

    def layers(self, x: tf.Tensor) -> list[tf.Tensor]:
        """[num_nodes, dim] -> layers 0 (x itself) to num_layers, each the same shape."""
        outputs = [x]
        for _ in range(self.num_layers):
            outputs.append(self.neighbours(outputs[-1]))
        return outputs

    def combined(self, layers: Sequence[tf.Tensor]) -> tf.Tensor:
        """Layers 0 to num_layers -> their weighted sum [num_nodes, dim]."""
        return tf.add_n([w * layer for w, layer in zip(self.layer_weights, layers, strict=True)])

    def shift(self, deltas: Sequence[tf.Tensor]) -> tf.Tensor:
        """What `combined` gains when `deltas[l - 1]` is added to the output of layer l.

        A change of one layer is carried on by all later ones. Propagation is linear, so the
        gain does not depend on x.

        Args:
            deltas: one tensor [num_nodes, dim] for each of layers 1 to num_layers >= 1.
        """
        carried = deltas[0]
        gains = [self.layer_weights[1] * carried]
        for weight, delta in zip(self.layer_weights[2:], deltas[1:], strict=True):
            carried = self.neighbours(carried) + delta
            gains.append(weight * carried)
        return tf.add_n(gains)
