"""Towers as Keras functional models: index or features in, embedding out.

`build_index_tower` looks up everything the tower needs from the index alone (an id
embedding and feature tables kept inside the model), which is what retrieval
training and export use. Its inner `build_feature_tower` takes the features themselves, so
that an item nobody has seen can be embedded from its description.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras


@dataclasses.dataclass(frozen=True, eq=False)
class Categorical:
    """One category per index: `codes` [n] int32 in 0..num_categories - 1."""

    name: str
    codes: np.ndarray
    num_categories: int


@dataclasses.dataclass(frozen=True, eq=False)
class Numeric:
    """One number per index, `values` [n] float; NaN where unknown."""

    name: str
    values: np.ndarray


@dataclasses.dataclass(frozen=True, eq=False)
class Vectors:
    """One vector per index, `matrix` [n, dim] float32: a text, image or audio embedding."""

    name: str
    matrix: np.ndarray


Feature = Categorical | Numeric | Vectors


def features_of(table: pd.DataFrame) -> list[Feature]:
    """Columns of a side table as features.

    Numbers with more than two values become `Numeric`, everything else `Categorical`; a
    missing category is a category of its own.
    """
    features: list[Feature] = []
    for name in table.columns:
        column = table[name]
        if pd.api.types.is_numeric_dtype(column) and column.nunique() > 2:
            features.append(Numeric(str(name), column.to_numpy(np.float32)))
        else:
            codes, uniques = pd.factorize(column, use_na_sentinel=False)
            features.append(Categorical(str(name), codes.astype(np.int32), len(uniques)))
    return features


def build_feature_tower(
    features: Sequence[Feature],
    *,
    embedding_dim: int,
    seed: int = 0,
    name: str = "feature_tower",
) -> keras.Model:
    """{feature name: [batch] or [batch, dim]} -> [batch, embedding_dim].

    A category is embedded, a number standardized by its mean and deviation over the table
    (with a flag where it is missing), a vector taken as it is; all are concatenated and
    projected.

    Raises:
        ValueError: if `features` is empty.
    """
    if not features:
        raise ValueError("`features` should hold at least one feature. Received none.")
    inputs, parts = {}, []
    for feature, layer_name in zip(features, _layer_names(features), strict=True):
        if isinstance(feature, Categorical):
            value = keras.Input(shape=(), dtype="int32", name=layer_name)
            width = int(min(embedding_dim, np.ceil(feature.num_categories**0.5) + 1))
            embed = keras.layers.Embedding(
                feature.num_categories,
                width,
                embeddings_initializer=keras.initializers.RandomUniform(
                    -0.05, 0.05, seed=seed + len(parts)
                ),
                name=f"{layer_name}_embedding",
            )
            parts.append(embed(value))
        elif isinstance(feature, Numeric):
            value = keras.Input(shape=(), dtype="float32", name=layer_name)
            parts.append(Standardize(feature.values, name=f"{layer_name}_standardized")(value))
        else:
            value = keras.Input(shape=feature.matrix.shape[1:], name=layer_name)
            parts.append(value)
        inputs[feature.name] = value
    joined = parts[0] if len(parts) == 1 else keras.layers.Concatenate(name="features")(parts)
    outputs = seeded_dense(embedding_dim, seed + len(parts), name="projection")(joined)
    return keras.Model(inputs, outputs, name=name)


def build_index_tower(
    num_ids: int,
    *,
    embedding_dim: int,
    features: Sequence[Feature] = (),
    hidden: Sequence[int] = (),
    normalize: bool = True,
    initial_scale: float = 0.1,
    seed: int = 0,
    name: str,
) -> keras.Model:
    """Index [batch] int32, 0 <= index < num_ids -> embedding [batch, embedding_dim].

    The id embedding and, where given, the feature tower's output are added; `hidden` layers
    with a last projection follow where asked for; with `normalize` the result has length 1,
    so that a dot product is a cosine.
    """
    index = keras.Input(shape=(), dtype="int32", name="index")
    table = keras.layers.Embedding(
        num_ids,
        embedding_dim,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=initial_scale, seed=seed),
        name=f"{name}_id_embedding",
    )
    x = table(index)
    if features:
        values = {
            feature.name: _FeatureTable(feature, name=f"{name}_{layer_name}")(index)
            for feature, layer_name in zip(features, _layer_names(features), strict=True)
        }
        tower = build_feature_tower(
            features, embedding_dim=embedding_dim, seed=1000 * seed, name=f"{name}_feature_tower"
        )
        x = keras.layers.Add(name=f"{name}_id_and_features")([x, tower(values)])
    for i, units in enumerate(hidden):
        x = seeded_dense(units, 2000 * seed + i, activation="relu", name=f"{name}_hidden_{i}")(x)
    if hidden:
        x = seeded_dense(embedding_dim, 2000 * seed + len(hidden), name=f"{name}_projection")(x)
    if normalize:
        x = keras.layers.UnitNormalization(name=f"{name}_unit")(x)
    return keras.Model(index, x, name=name)


def in_blocks(
    function: Callable[[tf.Tensor], tf.Tensor], num_ids: int, block: int = 4096
) -> np.ndarray:
    """A tower's output for every index 0..num_ids - 1, [num_ids, ...]."""
    starts = range(0, num_ids, block)
    return np.concatenate(
        [function(tf.range(start, min(start + block, num_ids))).numpy() for start in starts]
    )


def popularity_logits(popularity: np.ndarray, *, stddev: float, seed: int, name: str):
    """A dense layer of logits whose bias begins at `popularity` [units]: an untrained generator
    gives what is popular."""
    return keras.layers.Dense(
        len(popularity),
        kernel_initializer=keras.initializers.RandomNormal(stddev=stddev, seed=seed),
        bias_initializer=lambda shape, dtype=None: tf.constant(popularity, dtype),
        name=name,
    )


def seeded_dense(units: int, seed: int, **kwargs) -> keras.layers.Layer:
    """A dense layer that begins the same for the same seed (Glorot uniform)."""
    initializer = keras.initializers.GlorotUniform(seed=seed)
    return keras.layers.Dense(units, kernel_initializer=initializer, **kwargs)


def _layer_names(features: Sequence[Feature]) -> list[str]:
    """A name for the layers of each feature that TensorFlow accepts, all different."""
    names: list[str] = []
    for feature in features:
        name = re.sub(r"[^A-Za-z0-9_.-]", "_", feature.name)
        name = name if name[:1].isalnum() else f"feature{name}"
        names.append(f"{name}_{len(names)}" if name in names else name)
    return names


class _FeatureTable(keras.layers.Layer):
    """Index -> the value of a feature, from a table that is saved with the model, not trained."""

    def __init__(self, feature: Feature, **kwargs):
        super().__init__(trainable=False, **kwargs)
        if isinstance(feature, Categorical):
            values, dtype = feature.codes, "int32"
        elif isinstance(feature, Numeric):
            values, dtype = feature.values, "float32"
        else:
            values, dtype = feature.matrix, "float32"
        self.rows = self.add_weight(
            name="rows",
            shape=values.shape,
            dtype=dtype,
            initializer=lambda shape, dtype=None: np.asarray(values),
            trainable=False,
        )

    def call(self, index):
        return tf.gather(self.rows, index)


class Standardize(keras.layers.Layer):
    """[batch] -> [batch, 2]: the standardized number (0 where missing) and a missing flag."""

    def __init__(self, values: np.ndarray, **kwargs):
        super().__init__(**kwargs)
        known = values[np.isfinite(values)]
        self.mean = float(known.mean()) if len(known) else 0.0
        self.deviation = float(known.std()) if len(known) and known.std() > 0 else 1.0

    def call(self, value):
        missing = tf.math.is_nan(value)
        filled = tf.where(missing, 0.0, (value - self.mean) / self.deviation)
        return tf.stack([filled, tf.cast(missing, tf.float32)], axis=1)
