"""Biased matrix factorization of ratings by alternating least squares.

The model that rating attacks are published on. r_ui is predicted as mu + b_u + b_i + p_u . q_i;
a user's (p_u, b_u) and then an item's (q_i, b_i) are solved exactly, the other side held
(Koren, Bell & Volinsky 2009, eq. 4, with ALS). Ranking by predicted rating. What has no
ratings is left to `implicit_factorization`.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization.least_squares import (
    GroupedInteractions,
    LeastSquares,
    checked_weights,
    group_both,
    solve_entities,
)


class BiasedFactorization(LeastSquares):
    """mu + b_u + b_i + p_u . q_i, squared error of the ratings; biases are solved with the vectors.

    Args:
        trim: fraction in [0, .5) of an item's ratings, those with the largest residual, left out
            of the item's update (least trimmed squares; Cheng & Hurley 2010, RecSys).
        dim, l2, epochs, **settings: as `LeastSquares` takes them.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        dim: int = 25,
        l2: float = 4.0,
        epochs: int = 10,
        trim: float = 0.0,
        **settings,
    ):
        super().__init__(dim=dim, l2=l2, epochs=epochs, **settings)
        if not 0 <= trim < 0.5:
            raise ValueError(f"`trim` should be in [0, .5). Received: {trim!r}.")
        self.trim = trim

    def fit(
        self,
        interactions: Interactions,
        *,
        weight: np.ndarray | None = None,
        start: BiasedFactorization | None = None,
    ) -> BiasedFactorization:
        """Solve for users and items `epochs` times.

        Args:
            interactions: the training interactions, each with a rating.
            weight: [interactions] >= 0, of the squared error of each; by default 1.
            start: go on from this model's vectors; its users and items are the first ones here.

        Raises:
            ValueError: if a rating is missing, a weight is negative or not finite, or `start` does
                not fit.
        """
        if interactions.rating is None or np.isnan(interactions.rating).any():
            raise ValueError(
                "`interactions` should have a rating each. Received some without; "
                "ImplicitFactorization takes them."
            )
        weight = checked_weights(interactions, weight)
        self.interactions = interactions
        rating = interactions.rating.astype(np.float32)
        self.mean = float(np.average(rating, weights=weight)) if weight.any() else 0.0
        users, items = self._first(interactions, start)
        by_user, by_item = group_both(interactions)
        centered = rating - np.float32(self.mean)
        for _ in range(self.epochs):
            ones = np.ones((len(items), 1), np.float32)
            users = solve_entities(
                by_user,
                np.concatenate([items[:, :-1], ones], axis=1),
                centered - items[interactions.item_index, -1],
                weight,
                l2=self.l2,
            )
            kept = weight
            if self.trim:
                error = np.abs(centered - self._dots(users, items, interactions))
                kept = weight * ~largest_of_each(by_item, error, self.trim)
            ones = np.ones((len(users), 1), np.float32)
            items = solve_entities(
                by_item,
                np.concatenate([users[:, :-1], ones], axis=1),
                centered - users[interactions.user_index, -1],
                kept,
                l2=self.l2,
            )
        self.users, self.items = users, items
        return self

    def _first(self, interactions: Interactions, start: BiasedFactorization | None):
        """(users, items) [n, dim + 1], the last column the bias."""
        users = np.zeros((interactions.num_users, self.dim + 1), np.float32)
        items = np.zeros((interactions.num_items, self.dim + 1), np.float32)
        items[:, :-1] = self.first_items(len(items))
        if start is not None:
            pairs = (("users", users, start.users), ("items", items, start.items))
            for name, ours, theirs in pairs:
                if theirs.shape[1] != self.dim + 1 or len(theirs) > len(ours):
                    raise ValueError(
                        f"`start` should have at most {len(ours)} {name} and {self.dim} factors. "
                        f"Received: {len(theirs)} and {theirs.shape[1] - 1}."
                    )
                ours[: len(theirs)] = theirs
        return users, items

    @staticmethod
    def _dots(users, items, interactions: Interactions) -> np.ndarray:
        user, item = users[interactions.user_index], items[interactions.item_index]
        return np.sum(user[:, :-1] * item[:, :-1], axis=1) + user[:, -1] + item[:, -1]

    def predict(self, interactions: Interactions) -> np.ndarray:
        """[interactions] float32, the predicted ratings, not clipped to their range."""
        return self.mean + self._dots(self.users, self.items, interactions)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim + 2] float32: p_u, 1, mu + b_u."""
        bias = self.users[:, -1:]
        return np.concatenate([self.users[:, :-1], np.ones_like(bias), bias + self.mean], axis=1)

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim + 2] float32: q_i, b_i, 1."""
        return np.concatenate([self.items, np.ones((len(self.items), 1), np.float32)], axis=1)


def largest_of_each(grouped: GroupedInteractions, value: np.ndarray, fraction: float) -> np.ndarray:
    """[interactions] bool in the order of the data: the floor(fraction * n) of each entity with n
    interactions whose `value` is largest."""
    entity = grouped.entities()
    ranked = np.lexsort((-value[grouped.order], entity))
    place = np.arange(len(entity)) - grouped.splits[entity[ranked]]
    dropped = place < np.floor(fraction * grouped.counts[entity[ranked]])
    result = np.zeros(len(entity), bool)
    result[grouped.order[ranked]] = dropped
    return result
