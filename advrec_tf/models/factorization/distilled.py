"""A small factorization that learns the lists of a large model as well as the interactions.

Which items the large model, the teacher, puts first is read once (`teacher_lists`); the loss of
their order is `losses.relaxed_ranking`. The teacher may be anything that scores.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.ops.random import random_floats, random_indices, stream
from advrec_tf.ops.reductions import row_dot


def teacher_lists(teacher, interactions: Interactions, *, length: int = 100) -> np.ndarray:
    """The items that a teacher would list for each user, best first.

    Args:
        teacher: has `score(user_index) -> [batch, num_items]`.
        interactions: the training interactions; they are left out of the lists.
        length: of a list, >= 1.

    Returns:
        [num_users, length] int32.

    Raises:
        ValueError: if `length` is below 1, or a user has fewer items left.
    """
    known = interactions.by_user()
    left = interactions.num_items - int(known.counts.max())
    if not 1 <= length <= left:
        raise ValueError(f"`length` should be between 1 and {left}. Received: {length!r}.")
    teacher = teacher.frozen() if hasattr(teacher, "frozen") else teacher
    lists = np.empty([interactions.num_users, length], np.int32)
    block = max(1, 2**24 // interactions.num_items)
    for start in range(0, interactions.num_users, block):
        users = np.arange(start, min(start + block, interactions.num_users), dtype=np.int32)
        scores = np.array(teacher.score(tf.constant(users)))
        own = known.users()
        inside = (own >= users[0]) & (own <= users[-1])
        scores[own[inside] - start, known.items[inside]] = -np.inf
        lists[users] = tf.math.top_k(scores, length).indices.numpy()
    return lists


class DistilledFactorization(MatrixFactorization):
    """`MatrixFactorization` whose loss has that of a teacher's lists added.

    Ranking distillation with a relaxed order (Kang et al. 2020, DE-RRD, arXiv:2012.04357): for the
    user of each example some items are drawn from the head of the teacher's list, more of them
    near its top, and as many from the whole catalogue,

        loss + weight * relaxed_ranking(scores of the first, in the teacher's order; of the others)

    Where the authors draw without replacement by exp(-rank / T), here the gaps between the ranks
    drawn are exponential and grow with the rank: this needs no sorting inside the step.

    Args:
        interactions: the training interactions.
        lists: [num_users, length] int32 of `teacher_lists`.
        drawn: items drawn from a list and from the catalogue each, 1 <= drawn <= length.
        weight: of the teacher's part, >= 0; 0 is the plain model.
        **settings: of `MatrixFactorization`.

    Raises:
        ValueError: if an argument is out of range.
    """

    def __init__(
        self,
        interactions: Interactions,
        lists: np.ndarray,
        *,
        drawn: int = 30,
        weight: float = 1.0,
        **settings,
    ):
        super().__init__(interactions, **settings)
        lists = np.asarray(lists)
        if lists.ndim != 2 or len(lists) != interactions.num_users or lists.dtype.kind not in "iu":
            raise ValueError(
                f"`lists` should be [{interactions.num_users}, length] indices of items. "
                f"Received: {lists.shape} {lists.dtype}."
            )
        if lists.min() < 0 or lists.max() >= interactions.num_items:
            raise ValueError(
                f"`lists` should hold items from 0 to {interactions.num_items - 1}. "
                f"Received: {lists.min()} to {lists.max()}."
            )
        if not 1 <= drawn <= lists.shape[1] or not weight >= 0:
            raise ValueError(
                f"`drawn` should be between 1 and {lists.shape[1]} and `weight` >= 0. "
                f"Received: {drawn!r} and {weight!r}."
            )
        self._lists = tf.constant(lists, tf.int32)
        self.drawn, self.weight = drawn, weight

    def draw(self, inputs, tables):
        """Adds `taught` [batch, 2 drawn]: items of the teacher in its order, then any."""
        inputs = super().draw(inputs, tables)
        user, seed = inputs["user_index"], inputs["seed"]
        shape = [tf.shape(user)[0], self.drawn]
        length = self._lists.shape[1]
        # The mean gap is proportional to the rank, and all gaps together leave the list half full.
        spread = (length - self.drawn) / self.drawn * np.arange(self.drawn) / self.drawn
        uniform = random_floats(shape, stream(seed, "taught items"), low=1e-7)
        gaps = tf.floor(-tf.math.log(uniform) * spread.astype(np.float32))
        ranks = tf.cumsum(tf.cast(gaps, tf.int32) + 1, axis=1) - 1
        listed = tf.gather(self._lists, user)
        listed = tf.gather(listed, tf.minimum(ranks, length - 1), batch_dims=1)
        others = random_indices(shape, stream(seed, "untaught items"), self.interactions.num_items)
        return {**inputs, "taught": tf.concat([listed, others], 1)}

    def lookups(self, inputs):
        return super().lookups(inputs) | {"taught": ("items", inputs["taught"])}

    def row_losses(self, rows, inputs):
        """[batch] nats a positive, plus l2, plus `weight` times those a place of the list."""
        scored = self.objective.scored
        scores = row_dot(scored(rows["user"])[:, None], scored(rows["taught"]))
        temperature = getattr(self.objective.settings, "temperature", 1.0)
        scores /= temperature
        taught = losses.relaxed_ranking(scores[:, : self.drawn], scores[:, self.drawn :])
        return super().row_losses(rows, inputs) + self.weight * taught
