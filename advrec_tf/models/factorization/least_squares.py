"""Alternating least squares: all vectors of one side solved at once, the other side held.

Every user (or item) has a ridge regression of its own on the vectors of the items (users) it
touched; closed form, exact, no step size. `rating_factorization` and `implicit_factorization`
say what is regressed on what. NumPy, since each regression is small and of another length.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import ClosedForm


class LeastSquares(ClosedForm):
    """p_u . q_i, of which users, then items are solved in turns; a subclass says for what.

    Args:
        dim: factors.
        l2: > 0, factor of the squared norm of what is solved for every user and item, however many
            interactions it has.
        epochs: how often users, then items, are solved.
        initial_scale: deviation of the first item vectors.
        seed: of the first vectors.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self, *, dim: int, l2: float, epochs: int, initial_scale: float = 0.1, seed: int = 0
    ):
        if dim < 1 or epochs < 1 or not min(l2, initial_scale) > 0:
            raise ValueError(
                "`dim` and `epochs` should be >= 1, `l2` and `initial_scale` > 0. "
                f"Received: {dim!r}, {epochs!r}, {l2!r}, {initial_scale!r}."
            )
        self.dim, self.l2, self.epochs = dim, l2, epochs
        self.initial_scale, self.seed = initial_scale, seed

    def first_items(self, num_items: int) -> np.ndarray:
        """[num_items, dim] float32, the vectors that users are first solved on."""
        rng = np.random.default_rng(self.seed)
        return rng.normal(scale=self.initial_scale, size=(num_items, self.dim)).astype(np.float32)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim] float32."""
        return self.users

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32."""
        return self.items

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, num_items] float32, what is predicted of every item."""
        users = tf.gather(tf.constant(self.user_vectors()), user_index)
        return tf.matmul(users, tf.constant(self.item_vectors()), transpose_b=True)


class GroupedInteractions:
    """Interactions by the entities of one side: those of entity e are
    `order[splits[e]:splits[e + 1]]`, and `other` holds the entities of the other side, in that
    order."""

    def __init__(self, entity: np.ndarray, other: np.ndarray, num_entities: int):
        self.order = np.argsort(entity, kind="stable")
        self.other = other[self.order]
        self.counts = np.bincount(entity, minlength=num_entities)
        self.splits = np.concatenate([[0], np.cumsum(self.counts)])

    def entities(self) -> np.ndarray:
        """[interactions], the entity of each, in the order of `order`."""
        return np.repeat(np.arange(len(self.counts)), self.counts)


def group_both(
    interactions: Interactions,
) -> tuple[GroupedInteractions, GroupedInteractions]:
    """The interactions by user and by item."""
    return (
        GroupedInteractions(
            interactions.user_index, interactions.item_index, interactions.num_users
        ),
        GroupedInteractions(
            interactions.item_index, interactions.user_index, interactions.num_items
        ),
    )


def solve_entities(
    grouped: GroupedInteractions,
    features: np.ndarray,
    target: np.ndarray,
    weight: np.ndarray,
    *,
    l2: float,
    gram: np.ndarray | None = None,
) -> np.ndarray:
    """Each entity's x that minimizes sum_r w_r (y_r - x . f_r)^2 + x' gram x + l2 |x|^2.

    Args:
        features: [others, dim], the held side.
        target, weight: [interactions] in the order of the data, not of the group.
        l2: > 0.
        gram: [dim, dim], what every entity pays in common (the zeros of implicit data); with it
            `weight` is what an interaction pays beyond, and it pulls by `target` alone: the
            right-hand side is sum_r target_r f_r.

    Returns:
        [entities, dim] float32; zeros for an entity without interactions.
    """
    dim = features.shape[1]
    entities = len(grouped.counts)
    weight = weight[grouped.order].astype(np.float32)
    pull = target[grouped.order].astype(np.float32)
    if gram is None:
        pull = pull * weight
    systems = np.zeros((entities, dim, dim), np.float32)
    sides = np.zeros((entities, dim), np.float32)
    for entity in np.flatnonzero(grouped.counts):
        start, stop = grouped.splits[entity], grouped.splits[entity + 1]
        own = features[grouped.other[start:stop]]
        systems[entity] = (own * weight[start:stop, None]).T @ own
        sides[entity] = pull[start:stop] @ own
    if gram is not None:
        systems += gram.astype(np.float32)
    systems[:, np.arange(dim), np.arange(dim)] += np.float32(l2)
    return np.linalg.solve(systems, sides[:, :, None])[:, :, 0]


def checked_weights(interactions: Interactions, weight: np.ndarray | None) -> np.ndarray:
    """`weight` as [interactions] float32, ones by default.

    Raises:
        ValueError: if there is not one finite weight >= 0 for each interaction.
    """
    if weight is None:
        return np.ones(len(interactions), np.float32)
    weight = np.asarray(weight, np.float32)
    if weight.shape != (len(interactions),) or not (
        np.isfinite(weight).all() and (weight >= 0).all()
    ):
        raise ValueError(
            f"`weight` should hold {len(interactions)} finite numbers >= 0. "
            f"Received: shape {weight.shape}, least {weight.min(initial=0)}."
        )
    return weight
