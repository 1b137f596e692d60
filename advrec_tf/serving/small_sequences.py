"""A next-item model whose items are kept once, in cells by int8, and what that costs.

Its encoder reads the items of a history from the table in which the index finds those that states
are compared with, so that no float32 row is left. How the rows are kept is in `cell_table`, lists
by the index are in `indexed`.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import NONE
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.models.towers import in_blocks
from advrec_tf.serving.cell_table import CellTable
from advrec_tf.serving.module import frozen
from advrec_tf.serving.sequence_scorers import StateScorer
from advrec_tf.serving.small_vectors import TablesReport, price


class TableRows(keras.layers.Layer):
    """As `ItemRows`, decoded from a table: index -> vector, and zeros for `NONE`.

    Args:
        table: of the items.
        hidden: [dim] float32, the vector of an item that is hidden, whose index follows theirs.
    """

    def __init__(self, table: CellTable, hidden: np.ndarray, **kwargs):
        super().__init__(**kwargs)
        self.table, self.output_dim = table, table.dim
        self.hidden = frozen(np.asarray(hidden, np.float32), "hidden_item")

    def call(self, index):
        rows = self.table.rows(tf.clip_by_value(index, 0, self.table.num_rows - 1))
        rows = tf.where((index == self.table.num_rows)[..., None], self.hidden, rows)
        return rows * tf.cast(index != NONE, tf.float32)[..., None]


class TableCandidates(keras.layers.Layer):
    """As `CandidateRows`: items [n] -> [n, dim], None -> all."""

    def __init__(self, table: CellTable, **kwargs):
        super().__init__(**kwargs)
        self._table = lambda: table  # it has one owner

    def call(self, index):
        table = self._table()
        return table.rows(tf.range(table.num_rows) if index is None else index)


class SmallStateScorer(StateScorer):
    """As `StateScorer`, of a network of `small_network`; products are with the table as it is."""

    def __init__(self, model: SequenceModel, unknown: np.ndarray):
        super().__init__(model, unknown)
        self.items = model.item_rows.table

    def item_rows(self, item_index):
        return self.items.rows(item_index)

    def scores_of(self, states):
        return self.items.products(states)

    def of_history(self, history, gap=None, user=None):
        there = tf.reduce_any(history != NONE, axis=1)
        nobody = tf.tile(self.unknown[None, :], [tf.size(there), 1])

        def of_known():
            scores = self.scores_of(self.states(history, gap, user))
            return tf.where(there[:, None], scores, nobody)

        # No product where nobody has a history, as in lists by an index.
        return tf.cond(tf.reduce_any(there), of_known, lambda: nobody)


def small_network(model: SequenceModel, *, seed: int = 0) -> SequenceModel:
    """The model with its items in a `CellTable`; the encoder is the same.

    Args:
        model: a trained sequence model.
        seed: of the cells.

    Raises:
        ValueError: if states are compared with other vectors than those that are read, such as
            with their directions.
    """
    rows = model.item_rows.embeddings.numpy()
    if not np.array_equal(model.item_vectors(), rows[:-1]):
        raise ValueError(
            '`tables` should be "float32" for a next-item model whose states are compared with '
            "other vectors of items than those that are read, such as by cosine. Received: 'int8'."
        )
    table = CellTable(rows[:-1], seed=seed, name="items")
    settings: dict[str, Any] = {**model._settings}
    del settings["objective"]  # with its own weights, if it has any: it stays the same object
    small = SequenceModel(model.encoder, model.interactions, **settings, name=model.name)
    small.item_rows = TableRows(table, rows[-1], name="item_rows", dtype="float32")
    small.candidate_rows = TableCandidates(table, name="candidate_rows", dtype="float32")
    small.objective = model.objective
    if model.reads_users:
        small.user_rows = model.user_rows
    return small


def small_sequences(
    model: SequenceModel, *, k: int, held_out: Interactions | None = None
) -> tuple[SequenceModel, TablesReport]:
    """`small_network`, and what it costs, see `small_vectors.price`.

    Raises:
        ValueError: as `small_network`.
    """
    small = small_network(model)
    found = price(
        (states_of(model), model.item_vectors()),
        (states_of(small), small.item_rows.table.decoded()),
        model.interactions,
        kind="int8",
        k=k,
        held_out=held_out,
    )
    return small, found


def states_of(model: SequenceModel) -> np.ndarray:
    """[num_users, dim] float32, the states after the last items of the users in training."""
    windows = model.own_windows
    items = tf.constant(windows.items)
    gaps = tf.constant(windows.gaps()) if model.reads_gaps else None

    def states(user: tf.Tensor) -> tf.Tensor:
        gap = None if gaps is None else tf.gather(gaps, user)
        return model.last_states(tf.gather(items, user), gap, user)

    return in_blocks(states, model.interactions.num_users, block=1024)
