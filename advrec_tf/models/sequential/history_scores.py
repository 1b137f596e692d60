"""Scores of users by their histories, of any model that scores histories.

A model that reads histories knows no users; here a window on a user's history stands for each.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.sequences import NONE
from advrec_tf.data.windows import Windows
from advrec_tf.models.base import Recommender


def require_items(history: tf.Tensor, num_items: int, name: str = "history") -> None:
    """Check a history that is asked for from Python; inside a graph, whose builder knows what it
    feeds, it costs nothing.

    Args:
        history: [batch, n] item indices, `NONE` where there is none.
        name: of the argument.

    Raises:
        ValueError: if an index is none of an item; it names the first.
    """
    if not tf.executing_eagerly():
        return
    given = np.asarray(history)
    wrong = np.argwhere((given < NONE) | (given >= num_items))
    if len(wrong):
        place = tuple(wrong[0].tolist())
        raise ValueError(
            f"`{name}` should hold item indices in 0..{num_items - 1}, and {NONE} where there is "
            f"none; `interactions.items.index_of(ids)` gives them. Received: {given[place]} at "
            f"{place}."
        )


def require_items_of(model, history: tf.Tensor, name: str = "history") -> None:
    """`require_items` by the catalogue of a model, or of the one that it wraps as `model`; of a
    function without `interactions` nothing is known.

    Raises:
        ValueError: as `require_items`.
    """
    while model is not None:
        data = getattr(model, "interactions", None)
        if isinstance(data, Interactions):
            require_items(history, data.num_items, name)
            return
        model = getattr(model, "model", None)


def scores_of(
    model, history: tf.Tensor, gap: tf.Tensor | None = None, user: tf.Tensor | None = None
) -> tf.Tensor:
    """`model.score_history`, with the times between items and the users where it reads them.

    Args:
        model: anything with `score_history(history)`; with `reads_gaps` also `gap`, with
            `reads_users` also `user`.
        history, gap, user: as of `SequenceModel.score_history`.
    """
    given = {"gap": gap} if getattr(model, "reads_gaps", False) else {}
    if getattr(model, "reads_users", False):
        given["user"] = user
    return model.score_history(history, **given)


class HistoryScores(Recommender):
    """A sequence model on given histories.

    Args:
        model: as of `scores_of`.
        windows: one for each user, in the order of their indices.
        interactions: whose items are left out of a user's list.

    Raises:
        ValueError: if there is not one window for each user.
    """

    def __init__(self, model, windows: Windows, interactions: Interactions):
        if not np.array_equal(windows.user_index, np.arange(interactions.num_users)):
            raise ValueError(
                f"`windows` should hold one window for each of {interactions.num_users} users, in "
                f"the order of their indices. Received {len(windows)} windows."
            )
        self.model, self.windows, self.interactions = model, windows, interactions
        self._items = tf.constant(windows.items, tf.int32)
        reads_gaps = windows.times is not None and getattr(model, "reads_gaps", False)
        self._gaps = tf.constant(windows.gaps()) if reads_gaps else None

    def score(self, user_index):
        history = tf.gather(self._items, user_index)
        longest = tf.reduce_max(tf.reduce_sum(tf.cast(history != NONE, tf.int32), 1))
        first = self.windows.length - tf.maximum(longest, 1)
        history = history[:, first:]
        gap = None if self._gaps is None else tf.gather(self._gaps, user_index)[:, first:]
        scores = scores_of(self.model, history, gap, user_index)
        unknown = tf.constant(self.unknown_user_scores())[None, :]
        return tf.where(tf.reduce_any(history != NONE, 1)[:, None], scores, unknown)
