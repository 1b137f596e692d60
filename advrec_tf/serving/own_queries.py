"""A query model of the caller's own in a served recommender: the columns it is called with -> a
query, in the graph.

It has the interface of `new_users.ServedNewUsers`. Nothing is encoded: the model takes the columns
as they come, and what it does with an unknown value is its own affair.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from advrec_tf.data.features import Column
from advrec_tf.models.own_towers import TowerRecommender
from advrec_tf.serving.new_users import TAKEN

LIMITS = tuple(name for name in TAKEN if name not in ("user_id", "item_id"))
"""Names of other inputs of `recommend_from_features`; a column with such a name has `user_` before
it, and a character that is no letter, digit or underscore is an underscore."""

_SAMPLE = 32


class ServedQueries(tf.Module):
    """Queries of users by the columns of a query model.

    A request has every column under `inputs`, in the type and shape that the model was given. Who
    has a query that is not finite, as of a number that is missing, is nobody, as an unknown user id
    is.

    Args:
        recommender: whose `users` are columns.
        width: of the vectors that are served, at least that of the model's: the dimensions after
            these are 0.

    Attributes:
        scale, prior: as of `ServedNewUsers`; queries are served as they are.
    """

    def __init__(self, recommender: TowerRecommender, width: int):
        super().__init__(name="served_queries")
        self.model = recommender.query_model  # tracked: its variables and tables are exported
        self.width = width
        self.scale, self.prior = 1.0, np.zeros(width, np.float32)
        self._of_input: dict[str, str] = {}
        for column in recommender.users:
            name = Column(name=column).input_name
            while name in LIMITS or name in self._of_input:
                name = f"user_{name}"
            self._of_input[name] = column
        self._queries = recommender.queries
        self._in_memory = lambda: recommender.users

    @staticmethod
    def possible(model) -> bool:
        """Whether the model has columns of users, and not ids alone."""
        return isinstance(model, TowerRecommender) and isinstance(model.users, Mapping)

    def inputs(self) -> dict[str, tf.TensorSpec]:
        """Input name -> shape and dtype."""
        users = self._in_memory()
        return {
            name: tf.TensorSpec([None, *users[column].shape[1:]], users[column].dtype, name)
            for name, column in self._of_input.items()
        }

    def __call__(
        self, raw: Mapping[str, tf.Tensor]
    ) -> tuple[tf.Tensor, tf.Tensor, dict[str, tf.Tensor]]:
        """Columns by input name -> queries [batch, width] float32, and who has one, [batch] bool;
        nothing is said of unknown values."""
        found = self._queries({column: raw[name] for name, column in self._of_input.items()})
        known = tf.reduce_all(tf.math.is_finite(found), axis=1)
        found = tf.where(known[:, None], found, tf.zeros_like(found))
        return tf.pad(found, [[0, 0], [0, self.width - found.shape[1]]]), known, {}

    def warmup(self) -> dict[str, tf.Tensor]:
        """The columns of a request for one user."""
        raw, *_ = self.sample()
        specs = self.inputs()
        return {name: tf.constant(raw[name][:1], specs[name].dtype) for name in raw}

    def sample(self) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray]:
        """Columns of some users by input name, their queries by the model in memory, [rows, width],
        and who has one, [rows] bool."""
        users = self._in_memory()
        size = len(next(iter(users.values())))
        rows = np.unique(np.linspace(0, size - 1, min(_SAMPLE, size)).astype(np.int32))
        columns = {name: tf.gather(users[column], rows) for name, column in self._of_input.items()}
        queries, known, _ = self(columns)
        raw = {name: _native(column) for name, column in columns.items()}
        return raw, queries.numpy(), known.numpy()

    def notes(self) -> list[dict]:
        """JSON values: which input is which column, and its type."""
        users = self._in_memory()
        return [
            {"input": name, "part": "user", "name": column, "kind": users[column].dtype.name}
            for name, column in self._of_input.items()
        ]


def _native(column: tf.Tensor) -> np.ndarray:
    values = column.numpy()
    if values.dtype != object:
        return values
    return np.array([text.decode() for text in values.ravel()], object).reshape(values.shape)
