"""Profiles found by descending through a surrogate: PGA and RevAdv, as one loop.

Both write profiles, train a factorization with them in thought, ask which cells would have moved
the targets further, and project back into the budget: every profile rates the targets and exactly
`num_fillers` other items, on the scale of the data. `pga` (Li et al. 2016, NIPS) climbs the
targets' scores by the gradient through the last round; `revadv` (Tang et al. 2020, RecSys) climbs
their rank through several unrolled rounds. Between projections a cell has a preference, any real
number; the surrogate sees the projected profile and its gradient is taken for the preferences'.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import tensorflow as tf

from advrec_tf.attacks.heuristic import AverageAttack, ShillingAttack, checked_targets
from advrec_tf.attacks.rating_statistics import facts_of
from advrec_tf.attacks.surrogates import (
    KINDS,
    OBJECTIVES,
    AlternatingSurrogate,
    RetrainedSurrogate,
    objective_loss,
)
from advrec_tf.data.interactions import Interactions


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientAttack(ShillingAttack):
    """Fake profiles by projected gradient steps through a surrogate.

    Args:
        num_profiles, num_fillers, goal: the budget, see `ShillingAttack`.
        pool: share of the items, the most rated ones, that may be fillers.
        surrogate: "implicit" or "ratings", see `AlternatingSurrogate`.
        dim, ridge, alpha: of the surrogate; `ridge` None is 1 for "implicit", 4 for "ratings".
        unrolled: rounds of the surrogate that the gradient goes through, >= 1.
        objective: of `objective_loss`.
        steps: gradient steps, >= 0; 0 leaves an average attack.
        rehearse: steps between two trials with a copy of the victim trained to the end, >= 1.
        rate: > 0, of Adam on the preferences, of which the start's fillers are 1 ahead of the
            other items; five times as much, in ratings, is a step of the ratings.

    Raises:
        ValueError: if an argument is out of range.
    """

    surrogate: str = "implicit"
    dim: int = 32
    ridge: float | None = None
    alpha: float = 10.0
    unrolled: int = 2
    objective: str = "softmax"
    steps: int = 40
    rehearse: int = 10
    rate: float = 0.5

    def __post_init__(self):
        super().__post_init__()
        if self.surrogate not in KINDS:
            raise ValueError(f"`surrogate` should be one of {KINDS}. Received: {self.surrogate!r}.")
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"`objective` should be one of {OBJECTIVES}. Received: {self.objective!r}."
            )
        if (
            self.unrolled < 1
            or self.steps < 0
            or min(self.dim, self.rehearse) < 1
            or not self.rate > 0
        ):
            raise ValueError(
                "`unrolled`, `dim` and `rehearse` should be >= 1, `steps` >= 0 and `rate` > 0. "
                f"Received: {self.unrolled!r}, {self.dim!r}, {self.rehearse!r}, {self.steps!r}, "
                f"{self.rate!r}."
            )

    def profiles(
        self, data: Interactions, targets: np.ndarray, *, rng: np.random.Generator
    ) -> np.ndarray:
        """[num_profiles, num_items] float32, those of the trials that worked best; the first
        trial is the start's.

        Raises:
            ValueError: as `ShillingAttack.profiles`, or if "ratings" is asked of data without.
        """
        targets = checked_targets(data, targets)
        if self.surrogate == "ratings" and data.rating is None:
            raise ValueError(
                "`surrogate` should be 'implicit' without ratings. Received: 'ratings'."
            )
        start = AverageAttack(
            num_profiles=self.num_profiles,
            num_fillers=self.num_fillers,
            goal=self.goal,
            pool=self.pool,
        ).profiles(data, targets, rng=rng)
        facts = facts_of(data)
        ridge = self.ridge or (1.0 if self.surrogate == "implicit" else 4.0)
        shape = {"kind": self.surrogate, "dim": self.dim, "ridge": ridge, "alpha": self.alpha}
        shape["seed"] = int(rng.integers(2**31))
        surrogate = AlternatingSurrogate(data, **shape)
        rehearsal = RetrainedSurrogate(
            data, targets, goal=self.goal, objective=self.objective, **shape
        )
        is_target = np.zeros(data.num_items, bool)
        is_target[targets] = True
        closed = is_target.copy()
        closed[facts.by_popularity()[max(1, round(self.pool * data.num_items)) :]] = True
        # The gap does not follow the rate: else every rate would exchange the same fillers.
        preference = np.where(start > 0, 0.0, -1.0) + rng.uniform(0, 0.5, start.shape)
        rating = np.where(start > 0, start, facts.item_mean).astype(np.float32)
        descent = _Descent(self, surrogate, data, targets)
        adam, best, best_loss = _Adam(self.rate), start, np.inf
        for step in range(self.steps + 1):
            chosen = _highest(np.where(closed, -np.inf, preference), self.num_fillers) | is_target
            written = np.where(chosen, facts.on_scale(rating), 0).astype(np.float32)
            written[:, targets] = start[:, targets]
            if step % self.rehearse == 0 or step == self.steps:
                loss = rehearsal.loss(written)
                if loss < best_loss:
                    best, best_loss = written, loss
            of_cell, of_rating = descent.gradients(written, chosen)
            preference -= adam.step(of_cell)
            # Ratings move by sign, for a level is the least that shows.
            rating = np.clip(rating - self.rate * 5 * np.sign(of_rating), facts.low, facts.high)
        return best


class _Descent:
    """The gradients of the loss of profiles, by cell and by rating."""

    def __init__(self, attack: GradientAttack, surrogate, data: Interactions, targets):
        self.surrogate = surrogate
        self.items = tf.Variable(surrogate.items)
        seen = np.zeros((data.num_users, data.num_items), np.float32)
        seen[data.user_index, data.item_index] = 1.0
        seen, aimed = tf.constant(seen), tf.constant(targets, tf.int32)
        sign = 1.0 if attack.goal == "push" else -1.0

        @tf.function
        def gradients(profiles, rated):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch([profiles, rated])
                users, items = surrogate.unrolled(
                    profiles, rated, tf.convert_to_tensor(self.items), attack.unrolled
                )
                loss = sign * objective_loss(
                    surrogate.scores(users, items), seen, aimed, objective=attack.objective
                )
            of_profiles, of_rated = tape.gradient(
                loss, [profiles, rated], unconnected_gradients="zero"
            )
            # The next step goes on from here: the profiles change little from step to step.
            self.items.assign(items)
            return of_rated, of_profiles

        self._gradients = gradients

    def gradients(self, written: np.ndarray, chosen: np.ndarray):
        result = self._gradients(tf.constant(written), tf.constant(chosen, tf.float32))
        return tuple(tensor.numpy() for tensor in result)


class _Adam:
    """Adam on a NumPy array: rates by coordinate, whatever the scale of the loss."""

    def __init__(self, rate: float):
        self.rate, self.time, self.mean, self.square = rate, 0, 0.0, 0.0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.time += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * np.square(gradient)
        mean = self.mean / (1 - 0.9**self.time)
        square = self.square / (1 - 0.999**self.time)
        return self.rate * mean / (np.sqrt(square) + 1e-12)


def _highest(values: np.ndarray, count: int) -> np.ndarray:
    """[rows, n] -> same shape, bool: the `count` highest of each row."""
    chosen = np.zeros(values.shape, bool)
    places = np.argsort(-values, axis=1, kind="stable")[:, :count]
    np.put_along_axis(chosen, places, True, axis=1)
    return chosen


def pga(*, num_profiles: int, num_fillers: int, **settings) -> GradientAttack:
    """Projected gradient ascent of the targets' scores (Li et al. 2016): the gradient goes
    through the last round, in which each side is solved once with the other held."""
    settings = {"unrolled": 1, "objective": "score", **settings}
    return GradientAttack(num_profiles=num_profiles, num_fillers=num_fillers, **settings)


def revadv(*, num_profiles: int, num_fillers: int, **settings) -> GradientAttack:
    """Bi-level through an unrolled surrogate, for the targets' rank (Tang et al. 2020)."""
    settings = {"unrolled": 2, "objective": "softmax", **settings}
    return GradientAttack(num_profiles=num_profiles, num_fillers=num_fillers, **settings)
