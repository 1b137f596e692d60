"""What every model owes the rest of the package: scores for a block of users, and lists.

A model mixes in `Recommender`, sets `interactions` (those it was trained on) and implements
`score`. Ranking metrics are left to `evaluation`, served lists to `serving`; both follow the
rules stated here: items already seen are left out, an unknown user gets the popular items.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.rater_counts import CountLaw
from advrec_tf.ops import html
from advrec_tf.ops.top_k import top_k

BLOCK_CELLS = 2**24
"""Scores that are held at a time, users times items: 64 MiB of float32."""


def users_per_block(num_items: int) -> int:
    """How many users are scored at a time, at least one."""
    return max(1, BLOCK_CELLS // max(num_items, 1))


def log_popularity(interactions: Interactions) -> np.ndarray:
    """[num_items] float32, log(interactions of the item + .5): the popularity prior."""
    return np.log(interactions.item_counts() + 0.5).astype(np.float32)


class Recommender:
    """Mixin: lists of items for external user ids on top of `score`.

    Attributes:
        interactions: the training interactions; their items are left out of a user's list.
        count_law: how scores hold the number of an item's raters, see `rater_counts`; None where
            they do not, or in no known form.
    """

    interactions: Interactions
    count_law: CountLaw | None = None

    def _repr_html_(self) -> str:
        rows: list[tuple] = []
        data = getattr(self, "interactions", None)
        if data is not None:
            rows += [("users", data.num_users), ("items", data.num_items)]
            rows.append(("training interactions", len(data)))
        weights = getattr(self, "trainable_weights", None) or ()
        rows += [(weight.name, " x ".join(map(str, weight.shape))) for weight in weights]
        return html.table(type(self).__name__, rows)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        """[batch] int32, 0 <= index < num_users -> [batch, num_items] float32, high is good."""
        raise NotImplementedError(f"{type(self).__name__} does not define `score`.")

    def frozen(self) -> Recommender:
        """A recommender with the present scores of this one, which may not follow later training:
        itself, or one that has done the work that is the same for every block of users."""
        return self

    def unknown_user_scores(self) -> np.ndarray:
        """[num_items] float32, what a user without any history is served by."""
        return log_popularity(self.interactions)

    def recommend(
        self,
        user_ids: Sequence,
        k: int = 10,
        *,
        allow: Sequence | None = None,
        exclude: Sequence | None = None,
    ) -> pd.DataFrame:
        """The k best items a user has not seen, with external ids; of equal scores the item that
        comes first in the catalogue.

        Users are scored block by block, so that scores take `BLOCK_CELLS` of memory at a time.

        Args:
            user_ids: external ids; blanks around a text and its Unicode form do not matter, as in
                requests to a served model. A user the model has not seen gets the popular items.
            k: length of a list, >= 1. A list is shorter where fewer items are left.
            allow: item ids; where given, nothing else is recommended.
            exclude: item ids never recommended.

        Returns:
            One line a recommendation: `user_id`, `rank` (1 is best), `item_id`, `score`.

        Raises:
            ValueError: if `user_ids` is one text, k < 1, `allow` or `exclude` names an unknown
                item, or a score is NaN.
        """
        if isinstance(user_ids, (str, bytes)):
            raise ValueError(
                f"`user_ids` should be a list of ids, such as [{user_ids!r}]. "
                f"Received: {user_ids!r}."
            )
        if k < 1:
            raise ValueError(f"`k` should be >= 1. Received: {k!r}.")
        data = self.interactions
        user_ids = list(user_ids)
        index = data.users.index_of_asked(user_ids)
        is_open = np.ones(data.num_items, bool)
        if allow is not None:
            is_open[:] = False
            is_open[_item_indices(data, allow, "allow")] = True
        if exclude is not None:
            is_open[_item_indices(data, exclude, "exclude")] = False
        block = users_per_block(data.num_items)
        model = self if len(index) <= block else self.frozen()
        k, seen = min(k, data.num_items), data.by_user()
        best = np.zeros((len(index), k), np.int32)
        best_scores = np.zeros((len(index), k), np.float32)
        for start in range(0, len(index), block):
            rows = slice(start, start + block)
            scores = tf.constant(_open_scores(model, index[rows], seen, is_open))
            best_scores[rows], best[rows] = (found.numpy() for found in top_k(scores, k))
        rows, ranks = np.nonzero(np.isfinite(best_scores))
        return pd.DataFrame(
            {
                "user_id": [user_ids[row] for row in rows],
                "rank": ranks + 1,
                "item_id": data.items.ids[best[rows, ranks]],
                "score": best_scores[rows, ranks],
            }
        )


class NotFittedError(ValueError, AttributeError):
    """A model that was not fitted was asked for what `fit` computes."""


class ClosedForm(Recommender):
    """A model without gradient steps: `fit(interactions)` computes it, and until then whatever it
    would have computed is refused with a `NotFittedError`."""

    def __getattr__(self, name: str):
        # Called only where there is no such attribute; Python's own protocols look for some.
        if name.startswith("__"):
            raise AttributeError(name)
        raise NotFittedError(
            f"{type(self).__name__} should be fitted by `fit(interactions)` before "
            f"{name!r} is used. Received a model without data."
        )


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class MatrixRecommender(Recommender):
    """A recommender of given scores.

    Attributes:
        scores: [num_users, num_items] float32.
        interactions: the training interactions.
    """

    scores: np.ndarray
    interactions: Interactions

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.scores, user_index)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class CandidateSubset(Recommender):
    """A recommender of some items alone: every other one has the score -infinity.

    Attributes:
        model: whose scores are used.
        items: [n] indices of the items that are ranked.
        interactions: the training interactions.
    """

    model: Recommender
    items: np.ndarray
    interactions: Interactions

    def score(self, user_index):
        open_items = np.zeros(self.interactions.num_items, bool)
        open_items[self.items] = True
        return tf.where(open_items[None, :], self.model.score(user_index), -np.inf)

    def frozen(self):
        return dataclasses.replace(self, model=self.model.frozen())


def _open_scores(
    model: Recommender, index: np.ndarray, seen: Sequence[np.ndarray], is_open: np.ndarray
) -> np.ndarray:
    """[batch, num_items] float32, -infinity where an item is not to be listed.

    Args:
        index: [batch] of users, -1 for unknown ones.
        seen: by user, the items that are left out.
        is_open: [num_items] bool, the items that may be listed at all.

    Raises:
        ValueError: if a score is NaN.
    """
    scores = np.tile(model.unknown_user_scores(), (len(index), 1)).astype(np.float32, copy=False)
    known = index >= 0
    if known.any():
        scores[known] = np.asarray(model.score(tf.constant(index[known], tf.int32)))
    if np.isnan(scores).any():
        raise ValueError(
            f"The model should have scores that are numbers. {type(model).__name__} gives NaN: "
            "its weights are, as after a training that diverged."
        )
    scores[:, ~is_open] = -np.inf
    for row in np.flatnonzero(known):
        scores[row, seen[index[row]]] = -np.inf
    return scores


def _item_indices(data: Interactions, ids: Sequence, name: str) -> np.ndarray:
    index = data.items.index_of_asked(ids)
    if (index < 0).any():
        unknown = [item for item, i in zip(ids, index, strict=True) if i < 0]
        raise ValueError(
            f"`{name}` should hold known item ids. Received {len(unknown)} unknown, "
            f"among them {unknown[:3]!r}."
        )
    return index
