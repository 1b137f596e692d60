"""Several recommenders as one: the weighted sum of their standardized scores.

Scores of different models have different units, and those of one model differ in spread from
user to user. Standardized per user they can be added. Members that differ in their
seed alone, with equal weights, make a bag.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.histories import Histories, distinct_rows
from advrec_tf.data.windows import Windows, last_windows
from advrec_tf.models.base import Recommender
from advrec_tf.models.sequential.history_scores import HistoryScores, require_items, scores_of


def standardized(scores: tf.Tensor, seen: tf.Tensor) -> tf.Tensor:
    """(score - mean) / standard deviation, both of each user over the items not seen.

    Args:
        scores: [batch, num_items] float32, finite.
        seen: same shape, 1 for the items left out of mean and deviation, else 0.

    Returns:
        Same shape: mean 0 and variance 1 over the unseen items of a user, or all zeros where
        these have one score. Seen items are put on the same scale.
    """
    unseen = 1.0 - seen
    count = tf.maximum(tf.reduce_sum(unseen, 1, keepdims=True), 1.0)
    centered = scores - tf.reduce_sum(scores * unseen, 1, keepdims=True) / count
    variance = tf.reduce_sum(tf.square(centered) * unseen, 1, keepdims=True) / count
    # Below this a deviation is the rounding of the mean, not a difference between items.
    size = tf.reduce_max(tf.abs(scores) * unseen, 1, keepdims=True)
    deviation = tf.sqrt(variance)
    return tf.where(deviation > 1e-6 * size, tf.math.divide_no_nan(centered, deviation), 0.0)


class Blend(Recommender):
    """score(u, i) = sum over members m of weight_m * z_m(u, i), z_m `standardized`.

    Args:
        members: recommenders of the same training interactions, one or more.
        weights: a number > 0 for each; by default all 1, which makes a bag.

    Raises:
        ValueError: if there is no member, a weight is missing or not > 0, or members were
            trained on different interactions.
    """

    def __init__(self, members: Sequence[Recommender], weights: Sequence[float] | None = None):
        members = tuple(members)
        if not members:
            raise ValueError("`members` should hold one recommender or more. Received none.")
        weights = (1.0,) * len(members) if weights is None else tuple(weights)
        if len(weights) != len(members) or not all(0 < w < math.inf for w in weights):
            raise ValueError(
                f"`weights` should hold {len(members)} finite numbers > 0, one a member. "
                f"Received: {weights!r}."
            )
        self.members = members
        self.weights = weights
        self.interactions = members[0].interactions
        known = self.interactions.by_user()
        for i, member in enumerate(members[1:], start=1):
            own = member.interactions.by_user()
            if (
                own.num_items != known.num_items
                or not np.array_equal(own.row_splits, known.row_splits)
                or not np.array_equal(own.items, known.items)
            ):
                raise ValueError(
                    "`members` should be trained on the same interactions. Received: member "
                    f"{i} with {len(own.items)} pairs of {own.num_users} users and "
                    f"{own.num_items} items, other than member 0 with {len(known.items)} pairs "
                    f"of {known.num_users} users and {known.num_items} items."
                )
        self._histories = Histories(known)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        scores = [member.score(user_index) for member in self.members]
        return self._sum(scores, self._histories.dense(user_index))

    def _sum(self, scores: Sequence[tf.Tensor], seen: tf.Tensor) -> tf.Tensor:
        """The weighted sum of the members' scores, standardized over what is not seen."""
        return tf.add_n(
            [
                weight * standardized(tf.cast(score, tf.float32), seen)
                for score, weight in zip(scores, self.weights, strict=True)
            ]
        )


class HistoryBlend(Blend):
    """A blend of models that score histories, such as a sequence model and transition counts.

    Args:
        members, weights: as of `Blend`; each member has `score_history`.
        repeats: whether items of the history are among those that scores are standardized over,
            as where they may be recommended again.

    Attributes:
        horizon: the most items of a history that are read: those of the member that reads most,
            and where one does not say (`horizon`) the longest history of the training.
        reads_gaps, reads_users: whether a member reads the times between items, or users.

    Raises:
        ValueError: as of `Blend`, or if a member scores no histories.
    """

    def __init__(
        self,
        members: Sequence[Recommender],
        weights: Sequence[float] | None = None,
        *,
        repeats: bool = False,
    ):
        super().__init__(members, weights)
        self.repeats = repeats
        for i, member in enumerate(self.members):
            if not callable(getattr(member, "score_history", None)):
                raise ValueError(
                    "`members` should score histories (`score_history`). Received: member "
                    f"{i}, a {type(member).__name__}, which does not."
                )
        longest = max(1, int(self.interactions.user_counts().max(initial=1)))
        self.horizon = max(getattr(member, "horizon", longest) for member in self.members)
        self.reads_gaps, self.reads_users = (
            any(getattr(member, name, False) for member in self.members)
            for name in ("reads_gaps", "reads_users")
        )
        self._own = HistoryScores(self, self.own_windows, self.interactions)

    @property
    def own_windows(self) -> Windows:
        """The last items of each user in training, which `score` reads."""
        return last_windows(self.interactions, self.horizon)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self._own.score(user_index)

    def score_history(
        self,
        history: tf.Tensor,
        gap: tf.Tensor | None = None,
        user: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """[batch, n] int32 item indices, the latest at the right, -1 at the left of shorter ones
        -> [batch, num_items] float32. Of longer histories the last items are read.

        Args:
            gap: [batch, n] float32, the time since the item before, for members that read it; 0
                where it is not known.
            user: [batch] int32, whose histories they are, for members that read users.

        Raises:
            ValueError: if an index is none of an item (inside a graph TensorFlow says it).
        """
        require_items(history, self.interactions.num_items)
        history = history[:, -self.horizon :]
        gap = None if gap is None else gap[:, -self.horizon :]
        scores = [scores_of(member, history, gap, user) for member in self.members]
        seen = distinct_rows(history, self.interactions.num_items)
        return self._sum(scores, tf.zeros_like(seen) if self.repeats else seen)
