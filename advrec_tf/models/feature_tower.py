"""The tower of features: encoded columns in, embedding out, and the tables it reads them from.

What a column is, and how its values become numbers, is in `data.features`.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data import features
from advrec_tf.data.features import Column
from advrec_tf.models.compositional import IdTable, embedding_of_ids
from advrec_tf.ops.servers import rows_at

_serializable = keras.utils.register_keras_serializable("advrec_tf")


def build_feature_tower(
    columns: Sequence[Column],
    *,
    embedding_dim: int,
    id_table: IdTable | None = None,
    seed: int = 0,
    name: str = "feature_tower",
) -> keras.Model:
    """{column name: encoded values, [batch] or [batch, width]} -> [batch, embedding_dim] float32.

    A category or id is embedded, a number standardized by its mean and deviation over the table
    (with a flag where it is missing), of a text or a sequence the mean of the embedded words or
    entries is taken; times and vectors are taken as they are. All are concatenated and projected.
    With `id_table` the vectors of ids are composed from small tables.

    Raises:
        ValueError: if `columns` is empty.
    """
    if not columns:
        raise ValueError("`columns` should hold at least one column. Received none.")
    inputs, parts = {}, []
    for column, layer in zip(columns, layer_names(columns), strict=True):
        initializer = keras.initializers.RandomUniform(-0.05, 0.05, seed=seed + len(parts))
        if isinstance(column, (features.Category, features.Text, features.Sequence)):
            bag = not isinstance(column, features.Category)
            shape = (column.length,) if bag else ()
            value = keras.Input(shape=shape, dtype="int32", name=layer)
            width = embedding_dim
            if not isinstance(column, (features.Id, features.Text)):
                width = int(min(embedding_dim, np.ceil(column.size**0.5) + 1))
            embedding = f"{layer}_embedding"
            if isinstance(column, features.Id) and id_table is not None:
                embed = embedding_of_ids(
                    id_table,
                    column.size,
                    width,
                    initial_scale=0.03,
                    seed=seed + len(parts),
                    name=embedding,
                )
            else:
                embed = keras.layers.Embedding(
                    column.size, width, embeddings_initializer=initializer, name=embedding
                )
            part = embed(value)
            if bag:
                part = MeanOfPresent(name=f"{layer}_mean")(part, value)
        elif isinstance(column, features.Number):
            value = keras.Input(shape=(), dtype="float32", name=layer)
            standardize = Standardize(
                column.mean, column.deviation, name=f"{layer}_standardized", dtype="float32"
            )
            part = standardize(value)
        else:
            width = column.width if isinstance(column, features.Vector) else features.Time.WIDTH
            value = part = keras.Input(shape=(width,), dtype="float32", name=layer)
        parts.append(part)
        inputs[column.name] = value
    joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="features")(parts)
    outputs = seeded_dense(embedding_dim, seed + len(parts), name="projection", dtype="float32")(
        joined
    )
    return keras.Model(inputs, outputs, name=name)


def layer_names(columns: Sequence[Column]) -> list[str]:
    """A name for the layers of each column that TensorFlow accepts, all different."""
    names: list[str] = []
    for column in columns:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", column.name)
        name = name if name[:1].isalnum() else f"feature{name}"
        names.append(f"{name}_{len(names)}" if name in names else name)
    return names


def seeded_dense(units: int, seed: int, **kwargs) -> keras.layers.Layer:
    """A dense layer that begins the same for the same seed (Glorot uniform)."""
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, **kwargs)


@_serializable
class FeatureTable(keras.layers.Layer):
    """Index [batch] int32 -> the values of a column, from a table that is saved with the model and
    not trained.

    A number that is missing is NaN in it, which is no sign of a training that diverged.

    Args:
        rows: [n] or [n, width], int32 or float32; or the shape alone, where weights are loaded.
    """

    holds_data = True
    """Its weights are data as they were given: `training.health` does not judge them."""

    def __init__(self, rows: np.ndarray | Sequence[int], *, dtype=None, **kwargs):
        given = isinstance(rows, np.ndarray)
        kind = rows.dtype.name if given else dtype
        super().__init__(dtype=kind, **{**kwargs, "trainable": False})
        values = np.asarray(rows) if given else np.zeros(rows, kind)
        self.rows = self.add_weight(
            name="rows",
            shape=values.shape,
            dtype=kind,
            initializer=lambda shape, dtype=None: values,
            trainable=False,
        )

    def call(self, index):
        return rows_at(self.rows, index)

    def get_config(self):
        config = super().get_config()
        return {**config, "rows": self.rows.shape.as_list(), "dtype": self.rows.dtype.name}


@_serializable
class Standardize(keras.layers.Layer):
    """[batch] -> [batch, 2]: the standardized number (0 where missing) and a missing flag."""

    def __init__(self, mean: float, deviation: float, **kwargs):
        super().__init__(**kwargs)
        self.mean, self.deviation = mean, deviation

    def call(self, value):
        missing = tf.math.is_nan(value)
        filled = tf.where(missing, 0.0, (value - self.mean) / self.deviation)
        return tf.stack([filled, tf.cast(missing, tf.float32)], axis=1)

    def get_config(self):
        return {**super().get_config(), "mean": self.mean, "deviation": self.deviation}


@_serializable
class MeanOfPresent(keras.layers.Layer):
    """Vectors [batch, n, width] and their codes [batch, n] -> the mean of those whose code is not
    0, [batch, width]; zeros where there is none."""

    def call(self, vectors, codes):
        present = tf.cast(codes > 0, vectors.dtype)[:, :, None]
        count = tf.maximum(tf.reduce_sum(present, 1), 1.0)
        return tf.reduce_sum(vectors * present, 1) / count
