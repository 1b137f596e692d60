"""Users who were not there in training, as vectors by their columns.

An index tower looks up an id vector and the columns of a side table. Here the columns come from
outside, and the mean of the id vectors stands for that of an id that is not there. So neither the
tables of the tower nor the model are needed: what is left is small, and kept as arrays beside
vectors.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.features import Column, column_from_dict
from advrec_tf.models.context import encoded_columns
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.ops.servers import whole_variables

_PREFIX = "new_users/"


class NewUsers(tf.Module):
    """The queries of a two-tower model for users who are known by columns alone.

    `of` takes them from a model, as it is then; training it further changes them no more.

    Args:
        towers: "behind_the_id", [batch, dim] -> [batch, dim], what the user tower makes of the sum
            of id and columns; "user" and "context", encoded columns by name -> [batch, dim], each
            where there are such columns.
        means: "id", [1, dim] float32, the vector in the place of an id's; "context", [1, dim], in
            that of an unknown context, where there is a tower of contexts.
        columns: "user" and "context", the columns of both, none where there are none.
        temperature: vectors are divided by it.

    Attributes:
        user: the columns of a user, none where the user tower has ids alone.
        context: the columns of the context, none where the model has no context.
    """

    def __init__(
        self,
        towers: Mapping[str, keras.Model],
        means: Mapping[str, np.ndarray],
        columns: Mapping[str, tuple[Column, ...]],
        *,
        temperature: float,
    ):
        super().__init__(name="new_users")
        self._towers = dict(towers)
        self._means = {
            name: tf.Variable(value, trainable=False, name=f"mean_{name}")
            for name, value in means.items()
        }
        self.user, self.context = columns["user"], columns["context"]
        self._temperature = temperature

    @classmethod
    def of(cls, model: RecommenderModel) -> NewUsers:
        """Those of a `TwoTower` with index towers.

        Raises:
            ValueError: if the model has no columns of users and no context, or its user tower is
                built in another way.
        """
        tower = model.user_tower
        layers = {layer.name: layer for layer in tower.layers}
        ids = layers.get(f"{tower.name}_id_embedding")
        if ids is None:
            raise ValueError(
                f"`tower` should be built by `build_index_tower`. Received another: {tower.name!r}."
            )
        features = layers.get(f"{tower.name}_feature_tower")
        user = () if features is None else model.interactions.schema.user
        context = () if model.contexts is None else model.contexts.columns
        if not (user or context):
            raise ValueError(
                "`model` should have columns of users (`use_features=True`) or a context "
                "(`use_context=True`), by which a new user is told. Received one with ids alone."
            )
        joined = layers.get(f"{tower.name}_id_and_features", ids).output
        towers = {"behind_the_id": keras.Model(joined, tower.output)}
        means = {"id": tf.reduce_mean(ids.embeddings, axis=0, keepdims=True)}
        if user:
            towers["user"] = features
        if context:
            towers["context"], means["context"] = model.context_tower, model.contexts.mean()
        columns = {"user": user, "context": context}
        return cls(towers, means, columns, temperature=model.temperature)

    @staticmethod
    def possible(model: RecommenderModel) -> bool:
        """Whether the model is one that has columns by which a new user is told."""
        tower = model.user_tower
        names = {layer.name for layer in tower.layers}
        told = model.contexts is not None
        if f"{tower.name}_feature_tower" in names:
            told = bool(model.interactions.schema.user)
        return told and f"{tower.name}_id_embedding" in names

    def to_arrays(self) -> dict[str, np.ndarray]:
        """Arrays of an .npz file, of which `from_arrays` makes the same."""
        config = {
            "towers": {
                name: keras.saving.serialize_keras_object(tower)
                for name, tower in self._towers.items()
            },
            "columns": {
                part: [column.as_dict() for column in columns]
                for part, columns in (("user", self.user), ("context", self.context))
            },
            "means": list(self._means),
            "temperature": self._temperature,
        }
        arrays = {"config": np.frombuffer(json.dumps(config).encode(), np.uint8)}
        arrays |= {f"mean/{name}": mean.numpy() for name, mean in self._means.items()}
        for name, tower in self._towers.items():
            weights = whole_variables(tower.weights)
            arrays |= {f"{name}/{place}": own.numpy() for place, own in enumerate(weights)}
        return {_PREFIX + name: value for name, value in arrays.items()}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, np.ndarray]) -> NewUsers | None:
        """What `to_arrays` made arrays of, which may stand among others; None where they do not.

        Raises:
            KeyError: if some of them are missing.
        """
        if f"{_PREFIX}config" not in arrays:
            return None
        config = json.loads(arrays[f"{_PREFIX}config"].tobytes())
        towers = {}
        for name, record in config["towers"].items():
            tower = towers[name] = keras.saving.deserialize_keras_object(record)
            weights = range(len(tower.get_weights()))
            tower.set_weights([arrays[f"{_PREFIX}{name}/{place}"] for place in weights])
        means = {name: arrays[f"{_PREFIX}mean/{name}"] for name in config["means"]}
        columns = {
            part: tuple(map(column_from_dict, records))
            for part, records in config["columns"].items()
        }
        return cls(towers, means, columns, temperature=config["temperature"])

    def __call__(
        self,
        user: Mapping[str, tf.Tensor],
        context: Mapping[str, tf.Tensor] | None,
        size: tf.Tensor | int,
    ) -> tf.Tensor:
        """Encoded columns of users and of their contexts by name -> [size, dim], divided by the
        temperature. Without a context the mean of those of training stands for it."""
        vectors = tf.repeat(self._means["id"], size, axis=0)
        if self.user:
            vectors += tf.cast(self._towers["user"](user), vectors.dtype)
        rest = self._towers["behind_the_id"]
        vectors = rest(tf.cast(vectors, rest.input.dtype))
        if self.context:
            known = context is not None
            moved = self._towers["context"](context) if known else self._means["context"]
            vectors = tf.math.l2_normalize(vectors + moved, -1)
        return vectors * (1.0 / self._temperature)

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
