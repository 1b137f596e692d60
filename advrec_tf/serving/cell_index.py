"""An index of item vectors in the graph: the items of the nearest cells alone are scored.

A query is compared with the centers; the items of the nearest cells are scored as the `CellTable`
has them. Where the items have other vectors, in float32, the best of these are then scored by
them; so the scores of a list are exact, and only items of other cells can be missing. `tf.gather`,
matrix products and `top_k` are all that is used, so any model server loads it. How many cells are
probed is left to `index_tuning`; ids, seen items and signatures to `indexed`.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from advrec_tf.ops.top_k import top_k
from advrec_tf.serving.cell_table import TILE, CellTable
from advrec_tf.serving.lists import LOWEST

RESCORED = 4
"""Candidates that are scored by vectors of their own for each place of a list."""


class CellIndex(tf.Module):
    """Lists of the items of some cells.

    Args:
        table: the items.
        rows: [batch, n] int32 items -> [batch, n, d] float32, d >= the table's dim, their own
            vectors; None where those of the table are.

    Attributes:
        probes: cells that a query looks into; all of them until it is tuned.
        width: places of a cell that are looked at.
    """

    def __init__(self, table: CellTable, rows: Callable[[tf.Tensor], tf.Tensor] | None = None):
        super().__init__(name="cell_index")
        self.table, self._rows = table, rows
        self.num_items, self.count = table.num_rows, table.count
        self.probes, self.width = table.count, TILE * table.most_tiles

    def search(
        self, queries: tf.Tensor, k: int | tf.Tensor, closed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Lists of queries [batch, d]: item index [batch, k] int32, -1 where a list ends, and
        score [batch, k] float32, `LOWEST` there.

        Args:
            queries: of the dim of the table or, where items have vectors of their own, of theirs.
            k: a number, or a scalar int32.
            closed: [pairs, 2] int32, (row, item) that may not stand in a list.
        """
        items, scores, cells = self._candidates(queries[:, : self.table.dim])
        scores = self._without(scores, cells, closed)
        length = self.probes * self.width

        def at_most(count):
            return min(count, length) if isinstance(k, int) else tf.minimum(count, length)

        kept = at_most(k)
        best, place = top_k(scores, kept if self._rows is None else at_most(RESCORED * k))
        items = tf.gather(items, place, batch_dims=1)
        if self._rows is not None:
            own = self._rows(tf.minimum(items, self.num_items - 1))
            exact = tf.reshape(tf.matmul(own, queries[:, :, None]), tf.shape(items))
            best, place = tf.math.top_k(tf.where(best > LOWEST, exact, LOWEST), kept)
            items = tf.gather(items, place, batch_dims=1)
        items = tf.where(best > LOWEST, items, -1)
        beyond = [[0, 0], [0, k - kept]]
        return (
            tf.pad(items, beyond, constant_values=-1),
            tf.pad(best, beyond, constant_values=LOWEST),
        )

    def _candidates(self, queries: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Queries [batch, dim] -> the items of the nearest cells and their scores, [batch, probes *
        width] each, no item with `LOWEST`, and these cells [batch, probes]."""
        table = self.table
        near, cells = top_k(table.near(queries), self.probes)
        tiles = tf.gather(table.tiles, cells)[:, :, None] + tf.range(table.most_tiles)
        within = tiles < tf.gather(table.tiles, cells + 1)[:, :, None]
        tiles = tf.reshape(tf.where(within, tiles, 0), [-1, self.probes * table.most_tiles])
        items = tf.gather(tf.reshape(table.members, [-1, TILE]), tiles)
        places = [-1, self.probes, table.most_tiles, TILE]
        scores = tf.reshape(table.rest.products_of(queries, tiles), places)
        scores += near[:, :, None, None]
        there = within[..., None] & (tf.reshape(items, places) < self.num_items)
        length = [-1, self.probes * self.width]
        scores = tf.reshape(tf.where(there, scores, LOWEST), length)
        return tf.reshape(items, length), scores, cells

    def _without(self, scores: tf.Tensor, cells: tf.Tensor, closed: tf.Tensor) -> tf.Tensor:
        """Scores of the candidates [batch, probes * width], `LOWEST` for those that are closed."""
        cell, place = self.table.cell_and_place(closed[:, 1])
        same = tf.gather(cells, closed[:, 0]) == cell[:, None]
        found = tf.cast(tf.where(same), tf.int32)  # pair, which of the probes
        place = found[:, 1] * self.width + tf.gather(place, found[:, 0])
        row = tf.gather(closed[:, 0], found[:, 0])
        return tf.tensor_scatter_nd_update(
            scores, tf.stack([row, place], 1), tf.fill(tf.shape(row), LOWEST)
        )
