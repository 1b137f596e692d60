"""Weighted factorization of implicit data (WRMF) by alternating least squares.

Hu, Koren & Volinsky 2008 (ICDM, eq. 4 and 5): every cell of users x items is regressed, an
interaction on 1 with confidence 1 + alpha, all else on 0 with confidence 1. Ratings, where
there are any, count as interactions whatever their value.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization.least_squares import (
    LeastSquares,
    checked_weights,
    group_both,
    solve_entities,
)


class ImplicitFactorization(LeastSquares):
    """p_u . q_i, weighted squared error over all cells.

    Args:
        alpha: > 0, what the confidence of an interaction is above that of a zero.
        dim, l2, epochs, **settings: as `LeastSquares` takes them.

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
        **settings,
    ):
        super().__init__(dim=dim, l2=l2, epochs=epochs, **settings)
        if not alpha > 0:
            raise ValueError(f"`alpha` should be > 0. Received: {alpha!r}.")
        self.alpha = alpha

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
        items = self.first_items(interactions.num_items)
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
