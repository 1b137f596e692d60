"""Towers as Keras functional models: index in, embedding out.

`build_index_tower` looks up everything the tower needs from the index alone (an id
embedding and feature tables kept inside the model), which is what retrieval
training and export use. Its inner tower, `feature_tower.build_feature_tower`, takes the features
themselves, so that an item nobody has seen can be embedded from its description.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.schema import Features, features_of
from advrec_tf.models.compositional import IdTable, embedding_of_ids
from advrec_tf.models.feature_tower import (
    FeatureTable,
    build_feature_tower,
    layer_names,
    seeded_dense,
)


def build_index_tower(
    num_ids: int,
    *,
    embedding_dim: int,
    features: Features | None = None,
    hidden: Sequence[int] = (),
    normalize: bool = True,
    initial_scale: float = 0.1,
    id_table: IdTable | None = None,
    seed: int = 0,
    name: str,
) -> keras.Model:
    """Index [batch] int32, 0 <= index < num_ids -> embedding [batch, embedding_dim].

    The id embedding and, where given, the feature tower's output are added; `hidden` layers
    with a last projection follow where asked for; with `normalize` the result has length 1,
    so that a dot product is a cosine. With `id_table` the id embedding, and that of every column of
    the kind `id`, is composed from small tables.
    """
    index = keras.Input(shape=(), dtype="int32", name="index")
    table = embedding_of_ids(
        id_table,
        num_ids,
        embedding_dim,
        initial_scale=initial_scale,
        seed=seed,
        name=f"{name}_id_embedding",
    )
    x = table(index)
    if features:
        names = layer_names(features.columns)
        values = {
            column.name: FeatureTable(features.values[column.name], name=f"{name}_{layer}")(index)
            for column, layer in zip(features.columns, names, strict=True)
        }
        tower = build_feature_tower(
            features.columns,
            embedding_dim=embedding_dim,
            id_table=id_table,
            seed=1000 * seed,
            name=f"{name}_feature_tower",
        )
        x = keras.layers.Add(name=f"{name}_id_and_features")([x, tower(values)])
    for i, units in enumerate(hidden):
        x = seeded_dense(units, 2000 * seed + i, activation="relu", name=f"{name}_hidden_{i}")(x)
    if hidden:
        x = seeded_dense(embedding_dim, 2000 * seed + len(hidden), name=f"{name}_projection")(x)
    # What leaves a tower is float32, whatever the policy of mixed precision.
    if normalize:
        x = keras.layers.UnitNormalization(name=f"{name}_unit", dtype="float32")(x)
    else:
        x = keras.layers.Activation("linear", name=f"{name}_vector", dtype="float32")(x)
    return keras.Model(index, x, name=name)


def entity_towers(
    interactions: Interactions, *, use_features: bool, seed: int, prefix: str = "", **settings
) -> tuple[keras.Model, keras.Model]:
    """The towers of users and items of a data set.

    Args:
        interactions: how many ids there are, and the side tables.
        use_features: whether the towers get the side tables beside the ids.
        seed: of both towers, which differ.
        prefix: before the names of the towers.
        **settings: of `build_index_tower`.

    Raises:
        ValueError: if features are asked for and there is no side table.
    """
    tables = {"user": interactions.user_features, "item": interactions.item_features}
    if use_features and not interactions.has_features:
        raise ValueError(
            "`use_features` should be False for interactions without a table of users or items. "
            "Received True: give the tables when the data are read (`users=`, `items=`; "
            "--user-table and --item-table of the commands)."
        )
    sizes = {"user": interactions.num_users, "item": interactions.num_items}
    return tuple(
        build_index_tower(
            sizes[what],
            features=features_of(table, getattr(interactions.schema, what))
            if use_features and table is not None
            else None,
            seed=2 * seed + place,
            name=f"{prefix}{what}_tower",
            **settings,
        )
        for place, (what, table) in enumerate(tables.items())
    )


def parts_read(
    interactions: Interactions, use_features: bool | None, use_context: bool | None
) -> tuple[bool, bool]:
    """Whether towers get the side tables and the context: None is for where there are any."""
    return (
        interactions.has_features if use_features is None else use_features,
        interactions.context is not None if use_context is None else use_context,
    )


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
