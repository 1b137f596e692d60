"""Vectors of users in a next-item model: added to the states that items are compared with.

The explicit user model of SASRec (Kang & McAuley 2018, arXiv:1808.09781, section III-E); histories
alone were as good there. Where the vectors enter is left to `encoders`, whose they are to `model`.
"""

from __future__ import annotations

import tensorflow as tf

from advrec_tf._keras import keras

HIDDEN_USERS = 0.2
"""The fraction of windows whose user is read as unknown in training, so that the vector of unknown
users is learned."""


class UserRows(keras.layers.Embedding):
    """Vectors of users: index [...] int32 -> [..., dim].

    The last vector, the learned one of who is unknown, is that of every index out of range.

    Args:
        num_users: >= 0.
        dim: of the vectors.
        seed: of their start.
    """

    def __init__(self, num_users: int, dim: int, *, seed: int = 0, **kwargs):
        initializer = keras.initializers.RandomNormal(stddev=0.02, seed=seed)
        super().__init__(num_users + 1, dim, embeddings_initializer=initializer, **kwargs)
        self.num_users = num_users

    def call(self, index):
        known = (index >= 0) & (index < self.num_users)
        return super().call(tf.where(known, index, self.num_users))


@keras.utils.register_keras_serializable("advrec_tf")
class AddUser(keras.layers.Layer):
    """(states [batch, places, dim], vectors of users [batch, dim]) -> their sums at each place."""

    def call(self, states, user):
        return states + user[:, None]
