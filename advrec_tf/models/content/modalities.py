"""What is known of an index beside its id, as vectors: texts, pictures, attributes, histories.

A text, a picture, a knowledge-graph entity, a record of attributes: to a tower each is a
*modality*, one vector an index where there is one. `VectorRows` and `HistoryVectors` look them
up inside a model; what becomes of them is left to `content.tower`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.features import Number
from advrec_tf.data.histories import Histories
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.schema import kind_of
from advrec_tf.models.feature_tower import Standardize
from advrec_tf.models.towers import in_blocks

ID = "id"
HISTORY = "history"


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Modality:
    """One vector per index: a text, image or knowledge-graph embedding, or coded attributes.

    Attributes:
        name: different from "id" and "history", which towers make themselves.
        vectors: [n, width] float32; missing vectors hold zeros.
        present: [n] bool, where there is a vector; by default everywhere.

    Raises:
        ValueError: if the shapes do not fit, a value is not finite, or the name is taken.
    """

    name: str
    vectors: np.ndarray
    present: np.ndarray | None = None

    def __post_init__(self):
        if not self.name or self.name in (ID, HISTORY):
            raise ValueError(
                f"`name` should be a name other than {ID!r} and {HISTORY!r}. "
                f"Received: {self.name!r}."
            )
        vectors = np.asarray(self.vectors, np.float32)
        present = np.ones(len(vectors), bool) if self.present is None else self.present
        present = np.asarray(present, bool)
        if vectors.ndim != 2 or present.shape != vectors.shape[:1]:
            raise ValueError(
                f"`vectors` of {self.name!r} should be [n, width] and `present` [n]. "
                f"Received: {vectors.shape} and {present.shape}."
            )
        if not np.isfinite(vectors[present]).all():
            raise ValueError(
                f"`vectors` of {self.name!r} should be finite where present. "
                "Received NaN or infinity."
            )
        object.__setattr__(self, "vectors", np.where(present[:, None], vectors, np.float32(0)))
        object.__setattr__(self, "present", present)

    @property
    def width(self) -> int:
        return self.vectors.shape[1]

    def without(self, index: np.ndarray) -> Modality:
        """The same with the given indices missing."""
        present = self.present.copy()
        present[index] = False
        return dataclasses.replace(self, present=present)


def coded_attributes(
    table: pd.DataFrame, *, name: str = "attributes", max_categories: int = 64
) -> Modality:
    """A side table as one modality: categories one-hot, numbers standardized beside a flag
    for the missing ones; present where any column holds something.

    Raises:
        ValueError: if a column has more than `max_categories` categories; the columns to code
            are the caller's choice.
    """
    coded = []
    for name in table.columns:
        if kind_of(table[name]) == "number":
            column = Number.fitted(str(name), table[name])
            values = column.encoded(table[name])
            coded.append(Standardize(column.mean, column.deviation)(values).numpy())
            continue
        codes, distinct = pd.factorize(table[name], use_na_sentinel=False)
        if len(distinct) > max_categories:
            raise ValueError(
                f"`table` should have columns of at most {max_categories} categories. "
                f"Received: {str(name)!r} with {len(distinct)}."
            )
        coded.append(np.eye(len(distinct), dtype=np.float32)[codes])
    present = table.notna().to_numpy().any(axis=1)
    return Modality(name=name, vectors=np.concatenate(coded, axis=1), present=present)


class VectorRows(keras.layers.Layer):
    """Index [batch] int32 -> vectors [batch, width] of a table that is kept and not trained."""

    def __init__(self, vectors: np.ndarray, **kwargs):
        super().__init__(trainable=False, **kwargs)
        self.rows = self.add_weight(
            name="rows",
            shape=vectors.shape,
            initializer=lambda shape, dtype=None: np.asarray(vectors, np.float32),
            trainable=False,
        )

    def call(self, index):
        return tf.gather(self.rows, index)


class HistoryVectors(keras.layers.Layer):
    """User index -> the mean vector of the items in the user's history, [batch, width].

    While a positive is trained on it is left out of its user's history, or the user would be
    described by the answer. An item without a vector is left out of the mean.

    Args:
        interactions: the histories.
        items: the vectors of the items.
    """

    def __init__(self, interactions: Interactions, items: Modality, **kwargs):
        super().__init__(trainable=False, **kwargs)
        histories = Histories(interactions.by_user())
        vectors = np.concatenate([items.vectors, items.present[:, None]], axis=1, dtype=np.float32)
        both = in_blocks(
            lambda users: tf.matmul(histories.dense(users), vectors), interactions.num_users, 512
        )
        total, counts = both[:, :-1], both[:, -1:]

        def table(name, value):
            return self.add_weight(
                name=name,
                shape=value.shape,
                initializer=lambda shape, dtype=None: value,
                trainable=False,
            )

        self.total = table("total", total)
        self.counts = table("counts", counts)
        self.items = table("items", items.vectors)
        self.present = table("present", items.present.astype(np.float32)[:, None])

    def call(self, index, left_out=None):
        """([batch, width], how many items [batch, 1])."""
        total, count = tf.gather(self.total, index), tf.gather(self.counts, index)
        if left_out is not None:
            place = tf.maximum(left_out, 0)
            there = tf.cast(left_out >= 0, tf.float32)[:, None] * tf.gather(self.present, place)
            total -= there * tf.gather(self.items, place)
            count -= there
        # Sums of float32 leave a rounding error where nothing is left.
        return tf.where(count > 0, total / tf.maximum(count, 1.0), 0.0), count
