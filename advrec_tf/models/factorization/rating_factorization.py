"""Biased matrix factorization of ratings by alternating least squares.

The model that rating attacks are published on. r_ui is predicted as mu + b_u + b_i + p_u . q_i;
a user's (p_u, b_u) and then an item's (q_i, b_i) are solved exactly, the other side held
(Koren, Bell & Volinsky 2009, eq. 4, with ALS). Ranking by predicted rating. What has no
ratings is left to `implicit_factorization`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import ClosedForm
from advrec_tf.models.factorization.least_squares import (
    GroupedRows,
    group_both,
    row_weights,
    solve_rows,
)


class BiasedFactorization(ClosedForm):
    """mu + b_u + b_i + p_u . q_i, squared error of the ratings.

    Args:
        dim: factors.
        ridge: > 0, on vectors and biases of every user and item, whatever its rows.
        rounds: of users, then items.
        trim: share in [0, .5) of an item's rows, those with the largest residual, left out of
            the item's update (least trimmed squares; Cheng & Hurley 2010, RecSys).
        initial_scale: deviation of the first item vectors.
        seed: of the first vectors.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        *,
        dim: int = 25,
        ridge: float = 4.0,
        rounds: int = 10,
        trim: float = 0.0,
        initial_scale: float = 0.1,
        seed: int = 0,
    ):
        if dim < 1 or rounds < 1 or not ridge > 0 or not initial_scale > 0:
            raise ValueError(
                "`dim` and `rounds` should be >= 1, `ridge` and `initial_scale` > 0. "
                f"Received: {dim!r}, {rounds!r}, {ridge!r}, {initial_scale!r}."
            )
        if not 0 <= trim < 0.5:
            raise ValueError(f"`trim` should be in [0, .5). Received: {trim!r}.")
        self.dim, self.ridge, self.rounds, self.trim = dim, ridge, rounds, trim
        self.initial_scale, self.seed = initial_scale, seed

    def fit(
        self,
        interactions: Interactions,
        *,
        weight: np.ndarray | None = None,
        start: BiasedFactorization | None = None,
    ) -> BiasedFactorization:
        """Solve `rounds` times.

        Args:
            interactions: with a rating in every row.
            weight: [rows] >= 0, of a row's squared error; by default 1.
            start: go on from this model's vectors; its users and items are the first ones here.

        Raises:
            ValueError: if a rating is missing, a weight is none, or `start` does not fit.
        """
        if interactions.rating is None or np.isnan(interactions.rating).any():
            raise ValueError(
                "`interactions` should have a rating in every row. Received rows without; "
                "ImplicitFactorization takes them."
            )
        weight = row_weights(interactions, weight)
        self.interactions = interactions
        rating = interactions.rating.astype(np.float32)
        self.mean = float(np.average(rating, weights=weight)) if weight.any() else 0.0
        users, items = self._first(interactions, start)
        by_user, by_item = group_both(interactions)
        centerd = rating - np.float32(self.mean)
        for _ in range(self.rounds):
            ones = np.ones((len(items), 1), np.float32)
            users = solve_rows(
                by_user,
                np.concatenate([items[:, :-1], ones], axis=1),
                centerd - items[interactions.item_index, -1],
                weight,
                ridge=self.ridge,
            )
            kept = weight
            if self.trim:
                error = np.abs(centerd - self._dots(users, items, interactions))
                kept = weight * ~largest_of_each(by_item, error, self.trim)
            ones = np.ones((len(users), 1), np.float32)
            items = solve_rows(
                by_item,
                np.concatenate([users[:, :-1], ones], axis=1),
                centerd - users[interactions.user_index, -1],
                kept,
                ridge=self.ridge,
            )
        self.users, self.items = users, items
        return self

    def _first(self, interactions: Interactions, start: BiasedFactorization | None):
        """(users, items) [n, dim + 1], the last column the bias."""
        rng = np.random.default_rng(self.seed)
        users = np.zeros((interactions.num_users, self.dim + 1), np.float32)
        items = np.zeros((interactions.num_items, self.dim + 1), np.float32)
        items[:, :-1] = rng.normal(scale=self.initial_scale, size=(len(items), self.dim))
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
    def _dots(users, items, rows: Interactions) -> np.ndarray:
        user, item = users[rows.user_index], items[rows.item_index]
        return np.sum(user[:, :-1] * item[:, :-1], axis=1) + user[:, -1] + item[:, -1]

    def predict(self, rows: Interactions) -> np.ndarray:
        """[rows] float32, the predicted ratings, not clipped to their range."""
        return self.mean + self._dots(self.users, self.items, rows)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim + 2] float32: p_u, 1, mu + b_u."""
        bias = self.users[:, -1:]
        return np.concatenate([self.users[:, :-1], np.ones_like(bias), bias + self.mean], axis=1)

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim + 2] float32: q_i, b_i, 1."""
        return np.concatenate([self.items, np.ones((len(self.items), 1), np.float32)], axis=1)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32, predicted ratings."""
        users = tf.gather(tf.constant(self.user_vectors()), user_index)
        return tf.matmul(users, tf.constant(self.item_vectors()), transpose_b=True)


def largest_of_each(rows: GroupedRows, value: np.ndarray, fraction: float) -> np.ndarray:
    """[rows] bool in the order of the data: the floor(share * n) rows of each entity with n rows
    whose `value` is largest."""
    entity = rows.entities()
    ranked = np.lexsort((-value[rows.order], entity))
    place = np.arange(len(entity)) - rows.splits[entity[ranked]]
    dropped = place < np.floor(fraction * rows.counts[entity[ranked]])
    result = np.zeros(len(entity), bool)
    result[rows.order[ranked]] = dropped
    return result
