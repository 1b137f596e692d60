"""New users in a served recommender: their raw columns as a client has them -> queries, in the
graph, and what the model in memory makes of the same columns, for the check.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf.data import features
from advrec_tf.data.features import Column
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.vectors import beside_prior
from advrec_tf.serving.unknown_values import unknown_columns

TAKEN = ("user_id", "item_id", "k", "exclude_item_id", "allow_item_id")
"""Names of other inputs; a column with such a name has that of its part before it, as in
`user_k`."""

_SAMPLE = 32


class ServedNewUsers(tf.Module):
    """Queries of users who are known by columns alone.

    A request has the columns of users and of the context under `inputs`, raw: text, "" where it is
    missing; numbers, and times in seconds since 1970, NaN where missing; lists padded with "". Who
    has no known value in any column is nobody, as an unknown user id is.

    Args:
        queries: of a trained two-tower model.
        interactions: the training interactions, with the tables of columns if these are there.
        width: of the vectors that are served, at least that of the model's: the dimensions after
            these are 0.
        scale, prior: what queries are multiplied by, and [width] what is then added, see
            `VectorRecommender.new_user_prior`; by default nothing.
    """

    def __init__(
        self,
        queries: NewUsers,
        interactions: Interactions,
        width: int,
        *,
        scale: float = 1.0,
        prior: np.ndarray | None = None,
    ):
        super().__init__(name="served_new_users")
        self.queries = queries
        self.width = width
        self.scale = scale
        self.prior = np.zeros(width, np.float32) if prior is None else prior
        self.columns: dict[str, tuple[str, Column]] = {}
        for part, columns in (("user", self.queries.user), ("context", self.queries.context)):
            for column in columns:
                name = column.input_name
                while name in TAKEN or name in self.columns:
                    name = f"{part}_{name}"
                self.columns[name] = (part, column)
        self._blank = {
            name: tf.constant(column.encoded(_blank(1))) for name, (_, column) in self._named()
        }
        self._tables = [c.table for _, (_, c) in self._named() if hasattr(c, "table")]
        self._in_memory = lambda: interactions

    def _named(self):
        return self.columns.items()

    def inputs(self) -> dict[str, tf.TensorSpec]:
        """Input name -> shape and dtype."""
        return {name: column.spec() for name, (_, column) in self._named()}

    def __call__(
        self, raw: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Raw columns by input name -> queries [batch, width] float32, who is known by any of them,
        [batch] bool, and the output of `unknown_values.unknown_columns`."""
        size = tf.shape(next(iter(raw.values())))[0]
        parts: dict[str, dict] = {"user": {}, "context": {}}
        known = tf.zeros([size], tf.bool)
        strange = {}
        for name, (part, column) in self._named():
            encoded = column.encode(raw[name])
            parts[part][column.name] = encoded
            if isinstance(column, features.Categorized):
                strange[name] = column.unknown(raw[name], encoded)
            says = tf.reshape(_differs(encoded, self._blank[name]), [size, -1])
            known |= tf.reduce_any(says, axis=1)
        found = self.queries(parts["user"], parts["context"] or None, size)
        return self._beside_prior(found), known, unknown_columns(strange)

    def _beside_prior(self, queries):
        return beside_prior(queries, self.width, self.scale, self.prior)

    def warmup(self) -> dict[str, tf.Tensor]:
        """The columns of a request for one user."""
        raw, *_ = self.sample()
        return {
            name: tf.constant(raw[name][:1], column.dtype, raw[name][:1].shape)
            for name, (_, column) in self._named()
        }

    def sample(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Raw columns by input name, of users and contexts of the training data and of nobody, the
        last; the queries of the model in memory, [rows, width]; and who is known by any column,
        [rows] bool: a user without a row in the side table is not. Most are of users with one,
        however few these are. The columns of a table that is not there, as of a model that was
        loaded, are values that they may have."""
        data = self._in_memory()
        told = np.ones(len(data), bool)
        if data.user_features is not None:
            told = data.user_features.notna().any(axis=1).to_numpy()[data.user_index]
        least = _SAMPLE // 4
        rows = np.concatenate(
            [_spread(np.flatnonzero(told), _SAMPLE), _spread(np.flatnonzero(~told), least)]
        )
        sources = {"user": (data.user_features, data.user_index), "context": (data.context, None)}
        tables: dict[str, dict] = {"user": {}, "context": {}}
        raw = {}
        known = np.zeros(len(rows) + 1, bool)
        for name, (part, column) in self._named():
            table, index = sources[part]
            values = _examples(column, len(rows))
            if table is not None:
                by_name = {str(key): table[key] for key in table.columns}
                values = by_name[column.name].iloc[rows if index is None else index[rows]]
            values = pd.concat([values.astype(object), _blank(1)], ignore_index=True)
            values = values.infer_objects()
            values.name = column.name
            tables[part][column.name] = values
            raw[name] = column.raw(values)
            says = _differs(column.encoded(values), self._blank[name])
            known |= np.reshape(says, [len(known), -1]).any(axis=1)
        frames = [pd.DataFrame(columns) if columns else None for columns in tables.values()]
        return raw, self._beside_prior(self.queries.vectors(*frames)), known

    def notes(self) -> list[dict]:
        """JSON values: which input has which column of which part."""
        return [
            {"input": name, "part": part, **column.as_dict()}
            for name, (part, column) in self._named()
        ]


def _spread(rows: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the rows, from the first to the last."""
    return rows[np.linspace(0, len(rows) - 1, min(most, len(rows))).astype(int)]


def _examples(column: Column, size: int) -> pd.Series:
    """Values that the column may have, one after the other by what it learned."""
    places = np.arange(size)
    known = getattr(column, "categories", ())
    found: list = [None] * size
    if isinstance(column, features.Sequence):
        found = [list(known[place % max(len(known), 1) :][:2]) for place in places]
    elif known:
        found = [known[place % len(known)] for place in places]
    elif isinstance(column, features.Number):
        found = (column.mean + column.deviation * (places % 5 - 2.0)).tolist()
    elif isinstance(column, features.Time):
        found = (column.latest - features.DAY * places).tolist()
    elif isinstance(column, features.Text):
        found = [f"text {place}" for place in places]
    elif isinstance(column, features.Vector):
        found = [((place + np.arange(column.width)) % 3 - 1.0).tolist() for place in places]
    return pd.Series(found, dtype=object)


def _blank(size: int) -> pd.Series:
    return pd.Series([None] * size, dtype=object)


def _differs(encoded: tf.Tensor | np.ndarray, blank: tf.Tensor) -> tf.Tensor:
    """Where codes or numbers are not those of a missing value; NaN is NaN."""
    encoded = tf.convert_to_tensor(encoded)
    differs = encoded != blank
    if encoded.dtype.is_floating:
        differs &= ~(tf.math.is_nan(encoded) & tf.math.is_nan(blank))
    return differs
