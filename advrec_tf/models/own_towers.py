"""Towers of the caller's own, such as those of a `tfrs.Model`, as a recommender of this package.

TFRS trains a query model and a candidate model whose dot product ranks, and asks nothing of how
they are called. What is asked here is what a list needs: the inputs of every user and every item,
in the order of the vocabularies.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.base import Recommender
from advrec_tf.models.rater_counts import CountLaw
from advrec_tf.models.vectors import frozen_vectors

Inputs = np.ndarray | tf.Tensor | Mapping[str, object] | pd.DataFrame
"""What a tower is called with, a row for each user or item."""


class TowerRecommender(Recommender):
    """score(user, item) = query_model(user) . candidate_model(item), by the present weights.

    It holds the models themselves, so that it follows their training: rank with it by
    `evaluation.RankingEvaluator`, during training by `training.RankingValidation`, and export it by
    `serving.export`. Where `users` are columns the export has the query model inside, and serves
    users who were not there in training by `recommend_from_features`.

    Args:
        query_model: a Keras model or any callable, inputs of a batch of users -> [batch, dim].
        candidate_model: the same for items, of the same dim.
        interactions: the training interactions, for ids and for what a user has seen.
        users: what `query_model` is called with: an array of a row for each user, or a table or
            mapping of columns of which each has a row for each user, all in the order of
            `interactions.users.ids`. By default these ids, as text where they are text and else as
            numbers.
        items: the same for `candidate_model`, in the order of `interactions.items.ids`.
        batch_size: rows that a tower is called with at once.
        count_law: how the products hold the number of an item's raters, for defences that level it;
            `LogOfCount()` after a softmax over candidates of the batch that is corrected for how
            often items are candidates, as by `candidate_sampling_probability` of TFRS.

    Raises:
        ValueError: if an input has not a row for each, a tower does not take its inputs or does not
            return [batch, dim], or the towers differ in dim.

    Examples:
        >>> import advrec_tf as ar
        >>> import tensorflow as tf
        >>> train = ar.data.load("synthetic", num_users=40, num_items=30).interactions
        >>> def tower(ids):
        ...     lookup = tf.keras.layers.StringLookup(vocabulary=ids.tolist())
        ...     return tf.keras.Sequential([lookup, tf.keras.layers.Embedding(len(ids) + 1, 8)])
        >>> towers = tower(train.users.ids), tower(train.items.ids)
        >>> recommender = ar.models.TowerRecommender(*towers, train)
        >>> recommender.item_vectors().shape
        (30, 8)
    """

    def __init__(
        self,
        query_model: Callable,
        candidate_model: Callable,
        interactions: Interactions,
        *,
        users: Inputs | None = None,
        items: Inputs | None = None,
        batch_size: int = 4096,
        count_law: CountLaw | None = None,
    ):
        if batch_size < 1:
            raise ValueError(f"`batch_size` should be >= 1. Received: {batch_size!r}.")
        self.interactions, self.count_law = interactions, count_law
        self._users = _Tower(query_model, "query_model", "users", users, interactions.users)
        self._items = _Tower(candidate_model, "candidate_model", "items", items, interactions.items)
        self._batch_size = batch_size
        if self._users.dim != self._items.dim:
            raise ValueError(
                "`query_model` and `candidate_model` should return vectors of one length. "
                f"Received: {self._users.dim} and {self._items.dim}."
            )

    @property
    def query_model(self) -> Callable:
        return self._users.model

    @property
    def candidate_model(self) -> Callable:
        return self._items.model

    @property
    def users(self) -> tf.Tensor | dict[str, tf.Tensor]:
        """What the query model is called with, a row for each user."""
        return self._users.inputs

    @property
    def trainable_weights(self) -> list:
        towers = (self.query_model, self.candidate_model)
        return [weight for tower in towers for weight in getattr(tower, "trainable_weights", ())]

    def queries(self, inputs: tf.Tensor | Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The vectors of users by their inputs, [batch, dim] float32."""
        return self._users(inputs)

    def user_vectors(self) -> np.ndarray:
        """[num_users, dim] float32."""
        return self._users.vectors(self._batch_size)

    def item_vectors(self) -> np.ndarray:
        """[num_items, dim] float32."""
        return self._items.vectors(self._batch_size)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        users = self._users.of(user_index)
        return tf.matmul(users, self.item_vectors(), transpose_b=True)

    def frozen(self) -> Recommender:
        """The vectors as they are now: no tower runs again for each block of users."""
        return frozen_vectors(self, self.user_vectors(), self.item_vectors())


class _Tower:
    """A model with the inputs of all of its ids.

    Args:
        model: of the caller.
        name, argument: what messages call the model and its inputs.
        given: the inputs, or None for the ids.
        ids: in whose order the rows are.

    Attributes:
        inputs: tensors with a row for each id.
        dim: of the vectors.
    """

    def __init__(
        self, model: Callable, name: str, argument: str, given: Inputs | None, ids: Vocabulary
    ):
        if not callable(model):
            raise ValueError(
                f"`{name}` should be a Keras model or a callable. Received: {model!r}."
            )
        self.model, self._size = model, len(ids)
        self.inputs = _tensors(given, ids, argument)
        first = self._rows(slice(0, min(2, self._size)))
        try:
            vectors = self(first)
        except (TypeError, ValueError, KeyError, tf.errors.OpError) as error:
            raise ValueError(
                f"`{name}` should take `{argument}`, which here are {_shown(first)}; other inputs, "
                f"such as columns or ids as text, are given by `{argument}=`. It raised "
                f"{type(error).__name__}: {error}"
            ) from error
        shape = getattr(vectors, "shape", None)
        if shape is None or len(shape) != 2 or shape[0] != min(2, self._size):
            raise ValueError(
                f"`{name}` should return one vector for each row, [{min(2, self._size)}, dim] for "
                f"{_shown(first)}. Received: {_shown(vectors)}."
            )
        self.dim = int(shape[1])

    def __call__(self, inputs):
        given = {"training": False} if isinstance(self.model, keras.layers.Layer) else {}
        found = self.model(inputs, **given)
        return tf.cast(found, tf.float32) if hasattr(found, "dtype") else found

    def _rows(self, rows: slice):
        return tf.nest.map_structure(lambda column: column[rows], self.inputs)

    def of(self, index: tf.Tensor) -> tf.Tensor:
        """[batch] int32 -> [batch, dim]."""
        return self(tf.nest.map_structure(lambda column: tf.gather(column, index), self.inputs))

    def vectors(self, batch_size: int) -> np.ndarray:
        """[ids, dim] float32."""
        starts = range(0, self._size, batch_size)
        blocks = [self(self._rows(slice(start, start + batch_size))) for start in starts]
        return np.concatenate([np.zeros((0, self.dim), np.float32), *blocks])


def _tensors(given: Inputs | None, ids: Vocabulary, argument: str):
    """The inputs as tensors, each with a row for each id."""
    if given is None:
        return tf.constant(ids.ids.tolist())
    columns = given
    if isinstance(given, pd.DataFrame):
        columns = {str(name): given[name].to_numpy() for name in given.columns}
    if not isinstance(columns, Mapping):
        return _tensor(columns, len(ids), f"`{argument}`", argument)
    if not columns:
        raise ValueError(f"`{argument}` should have a column. Received none.")
    return {
        str(name): _tensor(column, len(ids), f"The column {name!r} of `{argument}`", argument)
        for name, column in columns.items()
    }


def _tensor(column, size: int, said: str, argument: str) -> tf.Tensor:
    values = column.to_numpy() if isinstance(column, pd.Series) else column
    try:
        tensor = tf.convert_to_tensor(values)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"{said} should be values of one type and shape in every row: text, numbers or truth "
            'values, with "" or NaN where one is missing, and lists padded to one length. '
            f"TensorFlow says: {error}"
        ) from error
    if tensor.shape.rank == 0 or len(tensor) != size:
        received = "a single value" if tensor.shape.rank == 0 else f"{len(tensor)} rows"
        raise ValueError(
            f"{said} should have a row for each of the {size} ids of "
            f"`interactions.{argument}`, in their order. Received: {received}."
        )
    return tensor


def _shown(value) -> str:
    if isinstance(value, Mapping):
        return "the columns " + ", ".join(f"{name} ({_shown(v)})" for name, v in value.items())
    if not tf.is_tensor(value):
        return type(value).__name__
    return f"{value.dtype.name} of shape {tuple(value.shape)}"
