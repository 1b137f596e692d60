"""Profile pollution: a few items of users' own histories exchanged, put in or taken out.

Malware or a forged request acts in a user's name (Yue et al. 2022, arXiv:2207.11237): the model is
as it was, what it is shown is not. `ProfilePollution` needs scores alone; its search by gradient
needs a `SequenceModel`. Fake users are left to the other attacks of this folder.
"""

from __future__ import annotations

import collections
import dataclasses
from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from advrec_tf.attacks.sequential.edits import KINDS, Edits, open_places, with_room
from advrec_tf.attacks.sequential.proposals import first_order_edits, random_edits
from advrec_tf.ops.rng import RNG

SEARCHES = ("greedy", "gradient", "random")
_BLOCK = 2048


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Goal:
    """What an attack on histories is after.

    Attributes:
        item: [n] int32, one item for each history, or an int, one for all. It never comes into the
            history itself.
        promote: raise the item's log-probability (a target), or lower it (the true next item).
    """

    item: np.ndarray | int
    promote: bool = False

    def of_each(self, count: int) -> Goal:
        """The goal with an item for each of so many histories.

        Raises:
            ValueError: if it has an item for each of another number of histories.
        """
        item = np.asarray(self.item)
        if item.shape not in ((), (count,)):
            raise ValueError(
                f"`goal` should have one item, or an item for each of {count} histories. "
                f"Received: {item.shape}."
            )
        return dataclasses.replace(self, item=np.broadcast_to(item, (count,)).astype(np.int32))

    def gains(self, scores: tf.Tensor, row: np.ndarray | None = None) -> tf.Tensor:
        """Scores [m, num_items] of histories of `row` [m] -> [m] float32, high is good for the
        attack: the log-probability of the item by a softmax of the scores, or its negative."""
        item = np.asarray(self.item)
        if row is not None and item.ndim:
            item = item[row]
        item = dataclasses.replace(self, item=item).of_each(len(scores)).item
        found = tf.gather(tf.nn.log_softmax(scores), tf.constant(item, tf.int32), batch_dims=1)
        return found if self.promote else -found


@dataclasses.dataclass(frozen=True, kw_only=True)
class ProfilePollution:
    """Edits of histories, one after the other, each the best of those tried.

    A step proposes up to `trials` edits for each history; the model scores them, and the best is
    made if it gains anything. Proposals are

        "greedy"    drawn at random; all there are, where they are no more than `trials`
        "gradient"  those of the largest first-order gain (Ebrahimi et al. 2018, HotFlip,
                    arXiv:1712.06751): g . (x_new - x_old) for an exchange, g . x_new for an item
                    put in at that place, -g . x_old for one taken out, g the gradient of the goal
                    by the vector at the place. With `trials=1` no edit is compared by scores.
        "random"    one, drawn at random, made whatever comes: the control

    An edited place is not edited again, so that `changes` is the number of edits; a history in
    which nothing gains has fewer.

    Args:
        changes: the budget, edits of each history, >= 0.
        kind: "substitute", "insert" or "delete".
        search: how edits are proposed.
        trials: proposals of a step for each history, >= 1.

    Raises:
        ValueError: if a setting is out of range.
    """

    changes: int
    kind: str = "substitute"
    search: str = "greedy"
    trials: int = 100

    def __post_init__(self):
        for name, value, known in (("kind", self.kind, KINDS), ("search", self.search, SEARCHES)):
            if value not in known:
                raise ValueError(f"`{name}` should be one of {known}. Received: {value!r}.")
        if self.changes < 0 or self.trials < 1:
            raise ValueError(
                "`changes` should be >= 0 and `trials` >= 1. "
                f"Received: {self.changes!r} and {self.trials!r}."
            )

    def histories(
        self,
        model,
        histories: np.ndarray,
        goal: Goal,
        *,
        rng: RNG,
        detector=None,
        pool: np.ndarray | None = None,
    ) -> np.ndarray:
        """The polluted histories, [n, places] int32, with `changes` more places where items are
        put in; what was given is not altered.

        Args:
            model: anything with `score_history(histories) -> [n, num_items]`.
            histories: [n, places] int32, `NONE` at the left.
            goal: of the attack.
            rng: of the proposals.
            detector: what the attacker knows to look for pollution: with `suspicion(histories) ->
                [n]` and `threshold`. No edit is made that brings a history over the threshold,
                or further over it: the adaptive attacker.
            pool: item indices that come in; by default all.

        Raises:
            ValueError: if there is not one goal for each history, or the search by gradient is
                asked of a model without `item_rows` and `last_states`.
        """
        rng = np.random.default_rng(rng)
        after = self.after_each(model, histories, goal, rng=rng, detector=detector, pool=pool)
        return collections.deque(after, maxlen=1).pop()

    def after_each(
        self,
        model,
        histories: np.ndarray,
        goal: Goal,
        *,
        rng: RNG,
        detector=None,
        pool: np.ndarray | None = None,
    ) -> Iterator[np.ndarray]:
        """As `histories`, after 0, 1, ..., `changes` edits: a whole curve for the price of its
        last point."""
        rng = np.random.default_rng(rng)
        histories = np.asarray(histories, np.int32)
        goal = goal.of_each(len(histories))
        if self.search == "gradient" and not hasattr(model, "last_states"):
            raise ValueError(
                "`model` should have `item_rows` and `last_states`, as a SequenceModel, to be "
                f"searched by gradient. Received: {type(model).__name__}."
            )
        if self.kind == "insert":
            histories = with_room(histories, self.changes)
        if not self.changes or not len(histories):
            yield from (histories.copy() for _ in range(self.changes + 1))
            return
        if pool is None:
            pool = np.arange(scores_of(model, histories[:1]).shape[1])
        touched = np.zeros(histories.shape, bool)
        yield histories.copy()
        for _ in range(self.changes):
            edits = self._proposed(model, histories, touched, goal, np.asarray(pool), rng)
            edits = self._chosen(model, histories, goal, edits, detector)
            new, moved = edits.applied(histories), edits.touched(touched)
            histories, touched = histories.copy(), touched.copy()
            histories[edits.row], touched[edits.row] = new, moved
            yield histories

    def _proposed(self, model, histories, touched, goal, pool, rng) -> Edits:
        places = open_places(histories, touched, self.kind)
        if self.search == "gradient":
            return first_order_edits(model, histories, places, goal, pool, self.kind, self.trials)
        count = 1 if self.search == "random" else self.trials
        return random_edits(histories, places, goal.item, pool, self.kind, count, rng)

    def _chosen(self, model, histories, goal: Goal, edits: Edits, detector) -> Edits:
        """At most one edit for each history."""
        edited = edits.applied(histories)
        allowed = np.ones(len(edits), bool)
        if detector is not None and len(edits):
            before = np.maximum(detector.suspicion(histories), detector.threshold)
            allowed = detector.suspicion(edited) <= before[edits.row]
        edits, edited = edits.select(allowed), edited[allowed]
        if self.search == "random" or not len(edits):
            return edits
        gained = gains_of(model, edited, goal, edits.row)
        if self.search == "greedy" or self.trials > 1:
            start = gains_of(model, histories, goal, np.arange(len(histories)))
            gained = gained - start[edits.row]
        else:
            gained = np.ones_like(gained)
        order = np.lexsort((-gained, edits.row))
        first = order[np.flatnonzero(np.diff(edits.row[order], prepend=-1))]
        return edits.select(first[gained[first] > 0])


def gains_of(model, histories: np.ndarray, goal: Goal, row: np.ndarray) -> np.ndarray:
    """[m] float32, see `Goal.gains`."""
    found = [
        goal.gains(scores_of(model, histories[start : start + _BLOCK]), row[start : start + _BLOCK])
        for start in range(0, len(histories), _BLOCK)
    ]
    return np.concatenate(found) if found else np.zeros(0, np.float32)


def scores_of(model, histories: np.ndarray) -> tf.Tensor:
    """[m, places] int32 -> [m, num_items] float32 by `model.score_history`."""
    return tf.cast(model.score_history(tf.constant(histories, tf.int32)), tf.float32)
