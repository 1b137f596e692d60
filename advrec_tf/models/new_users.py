"""Users who were not there in training, as vectors by their columns.

An index tower looks up an id vector and the columns of a side table. Here the columns come from
outside, and the mean of the id vectors stands for that of an id that is not there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.context import encoded_columns
from advrec_tf.models.trained import RecommenderModel


class ColumnTower(tf.Module):
    """What an index tower makes of columns instead of an index.

    Args:
        tower: as `towers.build_index_tower` makes it, with columns or without.

    Attributes:
        takes_columns: whether the tower has columns beside the id.

    Raises:
        ValueError: if the tower is built in another way.
    """

    def __init__(self, tower: keras.Model):
        super().__init__(name="column_tower")
        layers = {layer.name: layer for layer in tower.layers}
        ids = layers.get(f"{tower.name}_id_embedding")
        if ids is None:
            raise ValueError(
                f"`tower` should be built by `build_index_tower`. Received another: {tower.name!r}."
            )
        self._features = layers.get(f"{tower.name}_feature_tower")
        joined = layers.get(f"{tower.name}_id_and_features", ids).output
        self._ids = ids
        self._rest = keras.Model(joined, tower.output, name=f"{tower.name}_behind_the_id")

    @property
    def takes_columns(self) -> bool:
        return self._features is not None

    def __call__(self, encoded: Mapping[str, tf.Tensor], size: tf.Tensor | int) -> tf.Tensor:
        """Encoded columns by name, [size] or [size, width] each, none where the tower has none ->
        [size, dim]."""
        vectors = tf.reduce_mean(self._ids.embeddings, axis=0, keepdims=True)
        vectors = tf.repeat(vectors, size, axis=0)
        if self.takes_columns:
            vectors += tf.cast(self._features(encoded), vectors.dtype)
        return self._rest(tf.cast(vectors, self._rest.input.dtype))


class NewUsers(tf.Module):
    """The queries of a two-tower model for users who are known by columns alone.

    Args:
        model: a `TwoTower` with index towers.

    Attributes:
        user: the columns of a user, none where the user tower has ids alone.
        context: the columns of the context, none where the model has no context.

    Raises:
        ValueError: if the model has neither, or its user tower is built in another way.
    """

    def __init__(self, model: RecommenderModel):
        super().__init__(name="new_users")
        self._tower = ColumnTower(model.user_tower)
        schema = model.interactions.schema
        self.user = schema.user if self._tower.takes_columns else ()
        self.context = () if model.contexts is None else model.contexts.columns
        if not (self.user or self.context):
            raise ValueError(
                "`model` should have columns of users (`use_features=True`) or a context "
                "(`use_context=True`), by which a new user is told. Received one with ids alone."
            )
        self._context_tower = model.context_tower
        self._typical = None if model.contexts is None else model.contexts.mean
        self._scale = 1.0 / model.temperature

    @staticmethod
    def possible(model: RecommenderModel) -> bool:
        """Whether the model is one that has columns by which a new user is told."""
        tower = model.user_tower
        names = {layer.name for layer in tower.layers}
        told = model.contexts is not None
        if f"{tower.name}_feature_tower" in names:
            told = bool(model.interactions.schema.user)
        return told and f"{tower.name}_id_embedding" in names

    def __call__(
        self,
        user: Mapping[str, tf.Tensor],
        context: Mapping[str, tf.Tensor] | None,
        size: tf.Tensor | int,
    ) -> tf.Tensor:
        """Encoded columns of users and of their contexts by name -> [size, dim], divided by the
        temperature. Without a context the mean of those of training stands for it."""
        vectors = self._tower(user, size)
        if self.context:
            moved = self._typical() if context is None else self._context_tower(context)
            vectors = tf.math.l2_normalize(vectors + moved, -1)
        return vectors * self._scale

    def vectors(
        self, users: pd.DataFrame | None = None, context: pd.DataFrame | None = None
    ) -> np.ndarray:
        """Tables with the columns of users and of their contexts -> [rows, dim] float32, whose dot
        products with the item vectors are scores.

        Args:
            users: a row for each user; None for a model without columns of users.
            context: a row for each user; None for an unknown context.

        Raises:
            ValueError: if a table is missing, lacks a column, or has another number of rows.
        """
        parts = {"users": (users, self.user), "context": (context, self.context)}
        sizes = {name: len(table) for name, (table, _) in parts.items() if table is not None}
        encoded = {
            name: encoded_columns(name, table, columns)
            for name, (table, columns) in parts.items()
            if columns and not (name == "context" and table is None)
        }
        if len(set(sizes.values())) != 1:
            raise ValueError(
                "`users` and `context` should have a row for each new user. "
                f"Received rows: {sizes or 'none'}."
            )
        size = next(iter(sizes.values()))
        return self(encoded.get("users", {}), encoded.get("context"), size).numpy()
