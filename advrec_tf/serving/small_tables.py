"""Served vectors in a quarter or half of their size: rows of int8 with a scale each, or float16.

Each column is divided by its root mean square first, so that one wide column, such as a popularity
prior, does not take the precision of the others. Rows become float32 only where they are read: the
ones that are named, or block by block where all items are scored, so that a request never holds a
float32 copy of a large table. What the rounding costs is measured by `price`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.module import frozen
from advrec_tf.serving.scorers import PairedVectors, VectorScorer

TABLES = ("float32", "float16", "int8")
"""How the rows of served vectors are kept."""

BLOCK = 2**15
"""Rows, at most, that are float32 at a time where all are scored."""

_PRICED_USERS = 256
_AT_ONCE = 32
_LARGEST = 127


class SmallTable(tf.Module):
    """Rows of float16, or of int8 with a float32 scale each.

    Args:
        vectors: [num_rows, dim] float32.
        kind: "float16" or "int8".
        name: of the module.
    """

    def __init__(self, vectors: np.ndarray, kind: str, *, name: str):
        super().__init__(name=name)
        vectors = np.asarray(vectors, np.float32)
        self.num_rows, self.dim = vectors.shape
        squares = np.square(vectors, dtype=np.float64).sum(axis=0)
        columns = np.sqrt(np.where(squares > 0, squares / max(self.num_rows, 1), 1.0))
        columns = columns.astype(np.float32)
        rows = vectors / columns
        blocks = max(1, -(-self.num_rows // BLOCK))
        self._block = -(-self.num_rows // blocks)
        padding = [(0, blocks * self._block - self.num_rows), (0, 0)]
        self.scales = None
        if kind == "int8":
            largest = np.abs(rows).max(axis=1, initial=0.0)
            scales = (np.where(largest > 0, largest, 1.0) / _LARGEST).astype(np.float32)
            rows = np.rint(rows / scales[:, None])
            self.scales = frozen(scales, "scales")
        self.values = frozen(np.pad(rows.astype(kind), padding), "values")
        self.columns = frozen(columns, "columns")

    def rows(self, index: tf.Tensor) -> tf.Tensor:
        """[...] int32 -> [..., dim] float32."""
        found = tf.cast(tf.gather(self.values, index), tf.float32)
        if self.scales is not None:
            found *= tf.gather(self.scales, index)[..., None]
        return found * self.columns

    def products(self, queries: tf.Tensor) -> tf.Tensor:
        """[batch, dim] float32 -> [batch, num_rows] float32, the product with every row."""
        queries = queries * self.columns
        blocks = self.values.shape[0] // max(self._block, 1)
        if blocks <= 1:
            found = self._block_products(queries, self.values)
        else:

            def step(place, parts):
                start = place * self._block
                part = self._block_products(queries, self.values[start : start + self._block])
                return place + 1, parts.write(place, part)

            parts = tf.TensorArray(tf.float32, size=blocks)
            _, parts = tf.while_loop(
                lambda place, _: place < blocks, step, (0, parts), parallel_iterations=1
            )
            found = tf.reshape(tf.transpose(parts.stack(), [1, 0, 2]), [-1, blocks * self._block])[
                :, : self.num_rows
            ]
        return found if self.scales is None else found * self.scales

    def decoded(self) -> np.ndarray:
        """[num_rows, dim] float32, what the rows say."""
        rows = self.values.numpy()[: self.num_rows].astype(np.float32)
        if self.scales is not None:
            rows *= self.scales.numpy()[:, None]
        return rows * self.columns.numpy()

    @staticmethod
    def _block_products(queries, values):
        return tf.matmul(queries, tf.cast(values, tf.float32), transpose_b=True)


class SmallVectorScorer(PairedVectors):
    """As `VectorScorer`, by small tables. Unknown users have scores of their own, in float32.

    Args:
        user_vectors: [num_users, dim] float32.
        item_vectors: [num_items, dim] float32.
        history_map: [dim, dim] float32, as in `VectorScorer`.
        unknown: [num_items] float32, the scores of an unknown user.
        kind: of the tables, "float16" or "int8".
    """

    def __init__(self, user_vectors, item_vectors, history_map, unknown, *, kind: str):
        super().__init__(name="small_vector_scorer")
        self.num_users = len(user_vectors)
        self._decoded = None  # a function: a module tracks arrays that it holds
        nobody = np.zeros((1, np.shape(user_vectors)[1]), np.float32)
        self.users = SmallTable(np.concatenate([user_vectors, nobody]), kind, name="users")
        self.items = SmallTable(item_vectors, kind, name="items")
        self.dim = self.items.dim
        self.history_map = frozen(history_map, "history_map")
        self.unknown = frozen(unknown, "unknown_user")

    def scores(self, user_index):
        known = user_index < self.num_users

        def of_known():
            found = self.scores_of(self.user_rows(user_index))
            return tf.where(known[:, None], found, self.unknown)

        def of_unknown():
            return tf.tile(self.unknown[None, :], [tf.size(user_index), 1])

        return tf.cond(tf.reduce_any(known), of_known, of_unknown)

    def scores_of(self, users):
        return self.items.products(users)

    def user_rows(self, user_index):
        return self.users.rows(user_index)

    def item_rows(self, item_index):
        return self.items.rows(item_index)

    def pair_scores(self, user_index, item_index):
        found = super().pair_scores(user_index, item_index)
        nobody = tf.gather(self.unknown, item_index)
        return tf.where(user_index < self.num_users, found, nobody)

    def totals(self, profile):
        places = tf.where(profile > 0)
        rows = self.item_rows(places[:, 1])
        return tf.math.unsorted_segment_sum(rows, places[:, 0], tf.shape(profile)[0])

    def arrays(self):
        if self._decoded is None:
            decoded = self.users.decoded(), self.items.decoded(), self.history_map.numpy()
            self._decoded = lambda: decoded
        return self._decoded()

    def expected_scores(self, user_index: np.ndarray) -> np.ndarray:
        """[n] indices of known users -> [n, num_items], by NumPy."""
        users, items, _ = self.arrays()
        return users[user_index] @ items.T


@dataclasses.dataclass(frozen=True, kw_only=True)
class TablesReport:
    """What small tables cost.

    Attributes:
        kind: "float16" or "int8".
        overlap: mean share of the items of the lists of float32 that their lists have, of known
            users, without what these have seen.
        k: length of these lists.
        users: how many were asked for.
        ndcg: "float32" and `kind` -> NDCG@10 of the held-out rows; None where there are none.
    """

    kind: str
    overlap: float
    k: int
    users: int
    ndcg: dict[str, float] | None = None

    def as_dict(self) -> dict:
        """The report as JSON values."""
        return {key: value for key, value in dataclasses.asdict(self).items() if value is not None}


def price(
    plain: tuple[np.ndarray, np.ndarray],
    small: tuple[np.ndarray, np.ndarray],
    interactions: Interactions,
    *,
    kind: str,
    k: int,
    held_out: Interactions | None = None,
) -> TablesReport:
    """Lists by small tables held against lists by float32, for known users.

    Args:
        plain, small: user vectors [num_users, dim] and item vectors [num_items, dim] float32.
        interactions: the training interactions.
        kind: of the small tables.
        k: length of the lists.
        held_out: interactions of the same vocabularies to find, for the NDCG.
    """
    seen = interactions.by_user()
    users = np.linspace(0, interactions.num_users - 1, min(_PRICED_USERS, interactions.num_users))
    users = users.astype(int)
    k = min(k, interactions.num_items)
    shares = []
    for start in range(0, len(users), _AT_ONCE):
        block = users[start : start + _AT_ONCE]
        both = []
        for of_users, of_items in (plain, small):
            scores = of_users[block] @ of_items.T
            for row, user in enumerate(block):
                scores[row, seen[user]] = LOWEST
            best = np.argpartition(-scores, k - 1, axis=1)[:, :k]
            there = np.take_along_axis(scores, best, axis=1) > LOWEST
            both.append([set(row[own].tolist()) for row, own in zip(best, there, strict=True)])
        shares += [len(a & b) / len(a) if a else 1.0 for a, b in zip(*both, strict=True)]
    ndcg = None
    if held_out is not None:
        evaluator = RankingEvaluator(interactions, held_out)
        ndcg = {
            name: evaluator.evaluate(
                VectorRecommender(
                    user_vectors=of_users,
                    item_vectors=of_items,
                    unknown_user=np.zeros(of_items.shape[1], np.float32),
                    interactions=interactions,
                )
            ).metrics["ndcg@10"]
            for name, (of_users, of_items) in (("float32", plain), (kind, small))
        }
    return TablesReport(
        kind=kind,
        overlap=float(np.mean(shares)) if shares else 1.0,
        k=k,
        users=len(users),
        ndcg=ndcg,
    )


def small_scorer(
    scorer: VectorScorer,
    interactions: Interactions,
    unknown: np.ndarray,
    *,
    kind: str,
    **settings,
) -> tuple[SmallVectorScorer, TablesReport]:
    """The scorer by small tables, and what it costs.

    A last dimension that says nothing of known users or histories, as `forms` adds one for unknown
    users, is left out.

    Args:
        interactions, kind, **settings: as `price` takes them.
        unknown: [num_items] float32, the scores of an unknown user.
    """
    users, items, history_map = scorer.arrays()
    if scorer.dim > 1 and not users[:-1, -1].any() and not history_map[-1].any():
        users, items, history_map = users[:, :-1], items[:, :-1], history_map[:-1, :-1]
    users = users[:-1]
    small = SmallVectorScorer(users, items, history_map, unknown, kind=kind)
    of_users, of_items, _ = small.arrays()
    found = of_users[:-1], of_items
    return small, price((users, items), found, interactions, kind=kind, **settings)
