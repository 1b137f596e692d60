"""Weighted factorization of implicit data (WRMF) by alternating least squares.

Hu, Koren & Volinsky 2008 (ICDM, eq. 4 and 5): every cell of users x items is regressed, an
interaction on 1 with confidence 1 + alpha, all else on 0 with confidence 1. Ratings, where
there are any, count as interactions whatever their value.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import ClosedForm
from advrec_tf.models.factorization.least_squares import (
    checked_weights,
    group_both,
    solve_entities,
)


class ImplicitFactorization(ClosedForm):
    """p_u . q_i, weighted squared error over all cells.

    Args:
        dim: factors.
        alpha: > 0, what the confidence of an interaction is above that of a zero.
        l2: > 0, factor of the squared norm of the vector of every user and item.
        epochs: how often users, then items, are solved.
        initial_scale: deviation of the first item vectors.
        seed: of the first vectors.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        dim: int = 32,
        alpha: float = 10.0,
        l2: float = 1.0,
        epochs: int = 8,
        initial_scale: float = 0.1,
        seed: int = 0,
    ):
        if dim < 1 or epochs < 1 or not min(alpha, l2, initial_scale) > 0:
            raise ValueError(
                "`dim` and `epochs` should be >= 1, `alpha`, `l2` and `initial_scale` > 0. "
                f"Received: {dim!r}, {epochs!r}, {alpha!r}, {l2!r}, {initial_scale!r}."
            )
        self.dim, self.alpha, self.l2, self.epochs = dim, alpha, l2, epochs
        self.initial_scale, self.seed = initial_scale, seed

    def fit(
        self,
        interactions: Interactions,
        *,
        weight: np.ndarray | None = None,
        start: ImplicitFactorization | None = None,
    ) -> ImplicitFactorization:
        """Solve for users and items `epochs` times.

        Args:
            interactions: the training interactions, each pair once.
            weight: [interactions] >= 0; one of weight w is regressed on 1 with confidence
                1 + alpha w, one of weight 0 counts as none.
            start: go on from this model's item vectors.

        Raises:
            ValueError: if a pair is repeated, a weight is negative or not finite, or `start` does
                not fit.
        """
        weight = checked_weights(interactions, weight)
        self.interactions = interactions
        if len(np.unique(pair_keys(interactions))) < len(interactions):
            raise ValueError(
                "`interactions` should hold each (user, item) pair once. Received repeats; "
                "apply filters.without_repeats first."
            )
        rng = np.random.default_rng(self.seed)
        items = rng.normal(scale=self.initial_scale, size=(interactions.num_items, self.dim))
        items = items.astype(np.float32)
        if start is not None:
            if start.items.shape != items.shape:
                raise ValueError(
                    f"`start` should have {items.shape[0]} items and {items.shape[1]} factors. "
                    f"Received: {start.items.shape[0]} and {start.items.shape[1]}."
                )
            items = start.items
        by_user, by_item = group_both(interactions)
        extra = np.float32(self.alpha) * weight
        pull = np.where(weight > 0, 1.0 + extra, 0.0)
        for _ in range(self.epochs):
            users = solve_entities(by_user, items, pull, extra, l2=self.l2, gram=items.T @ items)
            items = solve_entities(by_item, users, pull, extra, l2=self.l2, gram=users.T @ users)
        self.users, self.items = users, items
        return self

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim] float32."""
        return self.users

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32."""
        return self.items

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32, near 1 for what a user has."""
        users = tf.gather(tf.constant(self.users), user_index)
        return tf.matmul(users, tf.constant(self.items), transpose_b=True)
