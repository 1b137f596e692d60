"""Served vectors in a quarter or half of their size, and what that costs.

`SmallVectorScorer` scores by small tables as `VectorScorer` does by float32; `price` holds its
lists against lists by float32. How the rows are kept is in `small_tables` and `cell_table`.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving.cell_table import CellTable
from advrec_tf.serving.lists import LOWEST
from advrec_tf.serving.module import frozen
from advrec_tf.serving.scorers import PairedVectors, VectorScorer
from advrec_tf.serving.small_tables import SmallTable

_PRICED_USERS = 256
_AT_ONCE = 32


class SmallVectorScorer(PairedVectors):
    """As `VectorScorer`, by small tables. Unknown users have scores of their own, in float32.

    Args:
        user_vectors: [num_users, dim] float32.
        item_vectors: [num_items, dim] float32.
        history_map: [dim, dim] float32, as in `VectorScorer`.
        unknown: [num_items] float32, the scores of an unknown user.
        kind: of the tables, "float16" or "int8".
        in_cells: whether the items are kept as a `CellTable`, in which an index finds lists; only
            of the kind "int8". Users are float16 then: rounded to int8, a user moves the lists more
            than all items do.

    Raises:
        ValueError: if cells are asked for of another kind.
    """

    def __init__(
        self,
        user_vectors,
        item_vectors,
        history_map,
        unknown,
        *,
        kind: str,
        in_cells: bool = False,
    ):
        super().__init__(name="small_vector_scorer")
        if in_cells and kind != "int8":
            raise ValueError(
                f'`in_cells` should be False for any kind but "int8". Received: {kind!r}.'
            )
        self.num_users = len(user_vectors)
        self._decoded = None  # a function: a module tracks arrays that it holds
        nobody = np.zeros((1, np.shape(user_vectors)[1]), np.float32)
        of_users = "float16" if in_cells else kind
        self.users = SmallTable(np.concatenate([user_vectors, nobody]), of_users, name="users")
        self.items = (
            CellTable(item_vectors, name="items")
            if in_cells
            else SmallTable(item_vectors, kind, name="items")
        )
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
    in_cells: bool = False,
    **settings,
) -> tuple[SmallVectorScorer, TablesReport]:
    """The scorer by small tables, and what it costs.

    A last dimension that says nothing of known users or histories, as `forms` adds one for unknown
    users, is left out.

    Args:
        interactions, kind, **settings: as `price` takes them.
        unknown: [num_items] float32, the scores of an unknown user.
        in_cells: as `SmallVectorScorer` takes it.
    """
    users, items, history_map = scorer.arrays()
    if scorer.dim > 1 and not users[:-1, -1].any() and not history_map[-1].any():
        users, items, history_map = users[:, :-1], items[:, :-1], history_map[:-1, :-1]
    users = users[:-1]
    small = SmallVectorScorer(users, items, history_map, unknown, kind=kind, in_cells=in_cells)
    of_users, of_items, _ = small.arrays()
    found = of_users[:-1], of_items
    return small, price((users, items), found, interactions, kind=kind, **settings)
