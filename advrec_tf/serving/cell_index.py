"""An index of item vectors in the graph: cells around centers, and what is left in int8.

A query is compared with the centers; the items of the nearest cells are scored by the center and an
int8 residual with a scale of each item, and the best of these by their own vectors, so that the
scores of a list are exact and only items of other cells can be missing. `tf.gather`, matrix
products and `top_k` are all that is used, so any model server loads it. How many cells are probed
is left to `index_tuning`; ids, seen items and signatures to `indexed`.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf.ops.k_means import k_means, nearest
from advrec_tf.ops.top_k import top_k
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.module import frozen

RESCORED = 4
"""Candidates that are scored by their own vectors for each place of a list."""

_CENTERS = 4.0  # times the root of the number of items
_FULL = 1.25  # times the mean number of items that a cell may hold


class CellIndex(tf.Module):
    """Items in cells of at most `width` places.

    Args:
        vectors: [num_items, dim] float32; the score of an item is its product with a query.
        seed: of the centers.

    Attributes:
        count: the number of cells.
        width: places of a cell; those left over hold `num_items`, no item.
        probes: cells that a query looks into; all of them until it is tuned.
    """

    def __init__(self, vectors: np.ndarray, *, seed: int = 0):
        super().__init__(name="cell_index")
        vectors = np.asarray(vectors, np.float32)
        self.num_items, self.dim = vectors.shape
        rng = np.random.default_rng(seed)
        wanted = int(np.clip(_CENTERS * np.sqrt(self.num_items), 1, self.num_items))
        cells = _cells(vectors, wanted, rng)
        self.count, self.width = len(cells), max(map(len, cells))
        members = np.full((self.count, self.width), self.num_items, np.int32)
        for place, own in enumerate(cells):
            members[place, : len(own)] = own
        slot = np.empty(self.num_items + 1, np.int32)
        slot[members.ravel()] = np.arange(members.size)
        centers = np.stack([vectors[own].mean(axis=0) for own in cells])
        residuals = np.zeros((*members.shape, vectors.shape[1]), np.int8)
        scales = np.zeros(members.shape, np.float32)
        for place, own in enumerate(cells):
            rest = vectors[own] - centers[place]
            scale = np.maximum(np.abs(rest).max(axis=1), np.finfo(np.float32).tiny * 127) / 127
            residuals[place, : len(own)] = np.rint(rest / scale[:, None])
            scales[place, : len(own)] = scale
        self.probes = self.count
        self.centers = frozen(centers, "centers")
        self.members = frozen(members, "members")
        self.residuals = frozen(residuals, "residuals")
        self.scales = frozen(scales, "scales")
        self.slot = frozen(slot[:-1], "slots")

    def search(
        self,
        queries: tf.Tensor,
        k: int | tf.Tensor,
        closed: tf.Tensor,
        rows: Callable[[tf.Tensor], tf.Tensor],
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Lists of queries [batch, dim]: item index [batch, k] int32, -1 where a list ends, and
        score [batch, k] float32, `LOWEST` there.

        Args:
            k: a number, or a scalar int32.
            closed: [pairs, 2] int32, (row, item) that may not stand in a list.
            rows: [batch, n] int32 items -> [batch, n, dim], their vectors.
        """
        near = tf.matmul(queries, self.centers, transpose_b=True)
        near, cells = top_k(near, self.probes)
        members = tf.gather(self.members, cells)
        residuals = tf.cast(tf.gather(self.residuals, cells), tf.float32)
        length = self.probes * self.width
        residuals = tf.reshape(residuals, [-1, length, queries.shape[1]])
        products = tf.matmul(residuals, queries[:, :, None])
        products = tf.reshape(products, [-1, self.probes, self.width])
        scores = near[:, :, None] + tf.gather(self.scales, cells) * products
        scores = tf.where(members < self.num_items, scores, LOWEST)
        scores = self._without(tf.reshape(scores, [-1, length]), cells, closed)
        if isinstance(k, int):
            taken, kept = min(RESCORED * k, length), min(k, length)
        else:
            taken, kept = tf.minimum(RESCORED * k, length), tf.minimum(k, length)
        rough, place = top_k(scores, taken)
        items = tf.gather(tf.reshape(members, [-1, length]), place, batch_dims=1)
        own = rows(tf.minimum(items, self.num_items - 1))
        exact = tf.reshape(tf.matmul(own, queries[:, :, None]), tf.shape(items))
        best, place = tf.math.top_k(tf.where(rough > LOWEST, exact, LOWEST), kept)
        items = tf.gather(items, place, batch_dims=1)
        items = tf.where(best > LOWEST, items, -1)
        beyond = [[0, 0], [0, k - kept]]
        return (
            tf.pad(items, beyond, constant_values=-1),
            tf.pad(best, beyond, constant_values=LOWEST),
        )

    def _without(self, scores: tf.Tensor, cells: tf.Tensor, closed: tf.Tensor) -> tf.Tensor:
        """Scores of the candidates [batch, probes * width], `LOWEST` for those that are closed."""
        slot = tf.gather(self.slot, closed[:, 1])
        same = tf.gather(cells, closed[:, 0]) == (slot // self.width)[:, None]
        found = tf.cast(tf.where(same), tf.int32)  # pair, which of the probes
        place = found[:, 1] * self.width + tf.gather(slot % self.width, found[:, 0])
        row = tf.gather(closed[:, 0], found[:, 0])
        return tf.tensor_scatter_nd_update(
            scores, tf.stack([row, place], 1), tf.fill(tf.shape(row), LOWEST)
        )


def _cells(vectors: np.ndarray, wanted: int, rng: np.random.Generator) -> list[np.ndarray]:
    """The items of each cell, none empty and none much above the mean; a larger one is cut along
    the direction in which its items differ most."""
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
