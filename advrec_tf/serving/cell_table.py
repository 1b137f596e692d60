"""Vectors in cells: the center of a row's cell and, in int8, what is left of the row.

What is left is shorter than the row, so that int8 says more of it, and is rounded with little error
along the center, near which the queries lie that read the cell. The rows of a cell lie side by
side, so that an index reads some cells alone. This is the only table of the rows: each is decoded
where it is read. Which cells are read is left to `cell_index`.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.ops.k_means import k_means, nearest
from advrec_tf.serving.module import frozen
from advrec_tf.serving.small_tables import SmallTable

TILE = 4
"""Places that are read together; each cell is filled up to a multiple of it."""

_CENTERS = 4.0  # times the root of the number of rows
_FULL = 1.25  # times the mean number of rows that a cell may hold


class CellTable(tf.Module):
    """Rows in cells; a slot is a place in the order of the cells.

    Args:
        vectors: [num_rows, dim] float32, num_rows >= 1.
        seed: of the centers.
        name: of the module.

    Attributes:
        count: the number of cells.
        tiles: [count + 1] int32, where the tiles of a cell begin, and those of the last one end.
        most_tiles: of a cell.
        members: [slots] int32, the row in a slot; `num_rows` where a cell is filled up.
    """

    def __init__(self, vectors: np.ndarray, *, seed: int = 0, name: str = "cell_table"):
        super().__init__(name=name)
        vectors = np.asarray(vectors, np.float32)
        self.num_rows, self.dim = vectors.shape
        wanted = int(np.clip(_CENTERS * np.sqrt(self.num_rows), 1, self.num_rows))
        cells = _cells(vectors, wanted, np.random.default_rng(seed))
        self.count = len(cells)
        centers = np.stack([vectors[own].mean(axis=0) for own in cells])
        tiles = np.array([-(-len(own) // TILE) for own in cells], np.int32)
        self.most_tiles = int(tiles.max())
        starts = np.append(0, np.cumsum(tiles)).astype(np.int32)
        members = np.full(starts[-1] * TILE, self.num_rows, np.int32)
        rest = np.zeros((len(members), self.dim), np.float32)
        along = np.repeat(centers, TILE * tiles, axis=0)
        for start, own, center in zip(TILE * starts, cells, centers):
            members[start : start + len(own)] = own
            rest[start : start + len(own)] = vectors[own] - center
        slots = np.empty(self.num_rows + 1, np.int32)
        slots[members] = np.arange(len(members))
        self.centers = frozen(centers, "centers")
        self.rest = SmallTable(rest, "int8", name="rest", group=TILE, along=along)
        self.tiles = frozen(starts, "tiles")
        self.members = frozen(members, "members")
        self._slots = frozen(slots[:-1], "slots")
        self._cell_of_tile = frozen(
            np.repeat(np.arange(self.count, dtype=np.int32), tiles), "cells"
        )

    def rows(self, index: tf.Tensor) -> tf.Tensor:
        """[...] int32 -> [..., dim] float32."""
        slot = tf.gather(self._slots, index)
        cell = tf.gather(self._cell_of_tile, slot // TILE)
        return tf.gather(self.centers, cell) + self.rest.rows(slot)

    def products(self, queries: tf.Tensor) -> tf.Tensor:
        """[batch, dim] float32 -> [batch, num_rows] float32, the product with every row."""
        near = tf.gather(self.near(queries), tf.repeat(self._cell_of_tile, TILE), axis=1)
        return tf.gather(near + self.rest.products(queries), self._slots, axis=1)

    def near(self, queries: tf.Tensor) -> tf.Tensor:
        """[batch, dim] float32 -> [batch, count] float32, the product with every center."""
        return tf.matmul(queries, self.centers, transpose_b=True)

    def cell_and_place(self, index: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """[n] int32 -> the cell of each row and its place there, [n] int32 each."""
        slot = tf.gather(self._slots, index)
        cell = tf.gather(self._cell_of_tile, slot // TILE)
        return cell, slot - TILE * tf.gather(self.tiles, cell)

    def decoded(self) -> np.ndarray:
        """[num_rows, dim] float32, what the rows say."""
        slots = self._slots.numpy()
        cells = self._cell_of_tile.numpy()[slots // TILE]
        return self.centers.numpy()[cells] + self.rest.decoded()[slots]


def _cells(vectors: np.ndarray, wanted: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The rows of each cell, none empty and none much above the mean; a larger one is cut along
    the direction in which its rows differ most."""
    cell = nearest(vectors, k_means(vectors, wanted, rng=rng))
    order = np.argsort(cell, kind="stable")
    most = max(1, int(np.ceil(_FULL * len(vectors) / wanted)))
    found = []
    for own in np.split(order, np.cumsum(np.bincount(cell, minlength=wanted))[:-1]):
        pieces = -(-len(own) // most)
        if pieces > 1:
            rest = vectors[own] - vectors[own].mean(axis=0)
            along = np.linalg.eigh(rest.T @ rest)[1][:, -1]
            own = own[np.argsort(rest @ along, kind="stable")]
        found += [part for part in np.array_split(own, max(pieces, 1)) if len(part)]
    return found
