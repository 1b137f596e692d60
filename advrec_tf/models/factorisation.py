"""Matrix factorisation under a pairwise or softmax loss with sampled negatives."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from advrec_tf import losses
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.recommender_model import RecommenderModel


class MatrixFactorisation(RecommenderModel):
    """score(u, i) = p_u . q_i, trained by BPR with one uniform negative per positive.

    Rendle et al. 2009 (arXiv:1205.2618). Negatives are drawn in the graph from the batch's
    seed, uniformly over the catalogue; one that happens to be a positive is kept, as in the
    paper's bootstrap.

    Args:
        interactions: the training rows.
        dim: factors, >= 1.
        l2: factor of the squared norm of the rows of a batch, >= 0.
        initial_scale: standard deviation of the initial factors.

    Raises:
        ValueError: if `dim` < 1 or `l2` < 0.
    """

    def __init__(
        self,
        interactions: Interactions,
        *,
        dim: int = 64,
        l2: float = 0.0,
        initial_scale: float = 0.1,
        seed: int = 0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if dim < 1 or l2 < 0:
            raise ValueError(f"`dim` should be >= 1 and `l2` >= 0. Received: {dim!r}, {l2!r}.")
        self.interactions = interactions
        self.l2 = l2

        def table(size, name, seed):
            initializer = keras.initializers.RandomNormal(stddev=initial_scale, seed=seed)
            layer = keras.layers.Embedding(size, dim, embeddings_initializer=initializer, name=name)
            layer.build(None)
            return layer

        self.user_embedding = table(interactions.num_users, "user_embedding", 2 * seed)
        self.item_embedding = table(interactions.num_items, "item_embedding", 2 * seed + 1)

    def call(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items], the scores."""
        return self.score(user_index)

    def compute_loss(self, inputs: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """Weighted mean BPR of a batch from `batches.of_pairs`, in nats, plus l2."""
        negative = tf.random.stateless_uniform(
            tf.shape(inputs["item_index"]),
            inputs["seed"],
            maxval=self.interactions.num_items,
            dtype=tf.int32,
        )
        user = self.user_embedding(inputs["user_index"])
        liked = self.item_embedding(inputs["item_index"])
        other = self.item_embedding(negative)
        row_losses = losses.bpr(tf.reduce_sum(user * liked, -1), tf.reduce_sum(user * other, -1))
        if self.l2:
            squares = tf.square(user) + tf.square(liked) + tf.square(other)
            row_losses += self.l2 * tf.reduce_sum(squares, -1)
        return losses.weighted_mean(row_losses, inputs["weight"])

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        users = tf.gather(self.user_embedding.embeddings, user_index)
        return tf.matmul(users, self.item_embedding.embeddings, transpose_b=True)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim] float32."""
        return self.user_embedding.embeddings.numpy()

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32."""
        return self.item_embedding.embeddings.numpy()
