"""The context of an interaction inside models: its tower, and what stands for an unknown context.

Batches carry the encoded columns under names of `data.batches.CONTEXT`. A model with a context
tower needs them in training; where it scores without a context it takes the mean vector of the
contexts it was trained on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.batches import CONTEXT, context_columns
from advrec_tf.data.features import Column
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.schema import features_of
from advrec_tf.models.compositional import IdTable
from advrec_tf.models.feature_tower import build_feature_tower

TYPICAL_ROWS = 1024
"""So many training interactions, evenly spaced, stand for all where the context is unknown."""


def context_tower(
    interactions: Interactions,
    *,
    embedding_dim: int,
    id_table: IdTable | None = None,
    seed: int,
    name: str,
) -> keras.Model:
    """{column name: encoded values} -> [batch, embedding_dim] float32.

    Raises:
        ValueError: if the interactions have no context.
    """
    if not interactions.schema.context:
        raise ValueError(
            "`use_context` should be False for interactions without a context. Received True: name "
            "its columns when the data are read (`context_columns=`; --context-column of the "
            "commands)."
        )
    return build_feature_tower(
        interactions.schema.context,
        embedding_dim=embedding_dim,
        id_table=id_table,
        seed=seed,
        name=name,
    )


class ContextVectors(tf.Module):
    """Vectors of contexts by a tower; not a part of the model's weights.

    Args:
        tower: as `context_tower` makes it.
        interactions: the training interactions, whose contexts stand for an unknown one.
    """

    def __init__(self, tower: keras.Model, interactions: Interactions):
        super().__init__(name="context_vectors")
        rows = np.linspace(0, len(interactions) - 1, min(len(interactions), TYPICAL_ROWS))
        typical = context_columns(interactions.select(rows.astype(int)))
        self._tower = lambda: tower
        self.columns: tuple[Column, ...] = interactions.schema.context
        self.typical = {name: tf.constant(value) for name, value in typical.items()}

    def __call__(self, inputs: Mapping[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """A batch with the columns of the context -> [batch, dim].

        Raises:
            ValueError: if the batch lacks one.
        """
        names = [CONTEXT + column.name for column in self.columns]
        missing = [name for name in names if name not in inputs]
        if missing:
            raise ValueError(
                f"A batch should hold the columns of the context, {', '.join(names)}, as those of "
                f"`batches.of_pairs` do. Received a batch without {', '.join(missing)}."
            )
        values = {name: inputs[CONTEXT + name] for name in (c.name for c in self.columns)}
        return self._tower()(values, training=training)

    def mean(self) -> tf.Tensor:
        """[1, dim], what stands for an unknown context."""
        return tf.reduce_mean(self(self.typical), axis=0, keepdims=True)

    def encoded(self, table: pd.DataFrame) -> dict[str, tf.Tensor]:
        """A table with the columns of the context, [n] rows -> the columns of a batch.

        Raises:
            ValueError: if a column is absent.
        """
        values = encoded_columns("context", table, self.columns)
        return {CONTEXT + name: value for name, value in values.items()}


def encoded_columns(
    name: str, table: pd.DataFrame | None, columns: Sequence[Column]
) -> dict[str, tf.Tensor]:
    """A table [n] rows with these columns -> column name: encoded values, [n] or [n, width].

    Raises:
        ValueError: if a column is absent; it calls the table `name`.
    """
    absent = [c.name for c in columns if table is None or c.name not in table]
    if absent:
        raise ValueError(
            f"`{name}` should have the columns {', '.join(c.name for c in columns)}. "
            f"Missing: {', '.join(absent)}."
        )
    values = features_of(table, tuple(columns)).values
    return {key: tf.constant(value) for key, value in values.items()}
