"""Attacks by gradient descent through a surrogate: PGA and RevAdv, as one loop.

Both start from an average attack, train a factorization with the profiles, take the gradient of
the targets' objective in every cell of the profiles, and project back into the budget: every
profile rates the targets and exactly `num_fillers` other items, on the scale of the data. `pga` (Li
et al. 2016, NIPS) raises the targets' scores by the gradient through the last round; `revadv` (Tang
et al. 2020, RecSys) raises their rank through several unrolled rounds. Between projections a cell
has a preference, any real number; the surrogate sees the projected profile, and its gradient is
applied to the preferences. Surrogates and objectives are in `surrogates`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf.attacks.heuristic import AverageAttack, ShillingAttack, checked_targets
from advrec_tf.attacks.rating_statistics import RatingStatistics
from advrec_tf.attacks.surrogates import (
    OBJECTIVES,
    AlternatingSurrogate,
    RetrainedSurrogate,
    SurrogateModel,
    objective_loss,
)
from advrec_tf.data.interactions import Interactions
from advrec_tf.ops.rng import RNG


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientSearch:
    """How the descent runs.

    Args:
        steps: gradient steps, >= 0; 0 leaves an average attack.
        trial_every: steps between two trials, >= 1: in a trial a model is trained to convergence
            with the profiles, and the profiles of the best trial are kept.
        learning_rate: > 0, of Adam on the preferences, of which the fillers of the start are 1
            ahead of the other items; five times as much, in ratings, is a step of the ratings.
        fit: interactions -> the attacker's trained copy of the victim, of the trials; anything
            that `evaluation.scorers.as_scorer` takes. By default the surrogate's model.

    Raises:
        ValueError: if an argument is out of range.
    """

    steps: int = 40
    trial_every: int = 10
    learning_rate: float = 0.5
    fit: Callable[[Interactions], object] | None = None

    def __post_init__(self):
        if self.steps < 0 or self.trial_every < 1 or not self.learning_rate > 0:
            raise ValueError(
                "`steps` should be >= 0, `trial_every` >= 1 and `learning_rate` > 0. "
                f"Received: {self.steps!r}, {self.trial_every!r}, {self.learning_rate!r}."
            )


@dataclasses.dataclass(frozen=True, kw_only=True)
class GradientAttack(ShillingAttack):
    """Fake profiles by projected gradient steps through a surrogate.

    Args:
        num_profiles, num_fillers, goal: the budget, see `ShillingAttack`.
        pool: fraction of the items, the most rated ones, that may be fillers.
        surrogate: the model that is unrolled.
        unrolled: rounds of the surrogate that the gradient goes through, >= 1.
        objective: of `objective_loss`.
        search: steps, trials and learning rate.

    Raises:
        ValueError: if an argument is out of range.
    """

    surrogate: SurrogateModel = dataclasses.field(default_factory=SurrogateModel)
    unrolled: int = 2
    objective: str = "softmax"
    search: GradientSearch = dataclasses.field(default_factory=GradientSearch)

    def __post_init__(self):
        super().__post_init__()
        if self.objective not in OBJECTIVES:
            raise ValueError(
                f"`objective` should be one of {OBJECTIVES}. Received: {self.objective!r}."
            )
        if self.unrolled < 1:
            raise ValueError(f"`unrolled` should be >= 1. Received: {self.unrolled!r}.")

    def profiles(self, interactions: Interactions, targets: np.ndarray, *, rng: RNG) -> np.ndarray:
        """[num_profiles, num_items] float32, those of the best trial; the first trial is that of
        the start.

        Raises:
            ValueError: as `ShillingAttack.profiles`, or if a surrogate of ratings is asked of data
                without ratings.
        """
        rng = np.random.default_rng(rng)
        targets = checked_targets(interactions, targets)
        if self.surrogate.kind == "ratings" and interactions.rating is None:
            raise ValueError(
                "`surrogate` should be 'implicit' without ratings. Received: 'ratings'."
            )
        start = AverageAttack(
            num_profiles=self.num_profiles,
            num_fillers=self.num_fillers,
            goal=self.goal,
            pool=self.pool,
        ).profiles(interactions, targets, rng=rng)
        statistics = RatingStatistics.of(interactions)
        seed = int(rng.integers(2**31))
        surrogate = AlternatingSurrogate(interactions, self.surrogate, seed=seed)
        trials = RetrainedSurrogate(
            interactions,
            targets,
            self.search.fit or self.surrogate.fitting(interactions, seed=seed),
            goal=self.goal,
            objective=self.objective,
        )
        is_target = np.zeros(interactions.num_items, bool)
        is_target[targets] = True
        closed = is_target.copy()
        pool = max(1, round(self.pool * interactions.num_items))
        closed[statistics.by_popularity()[pool:]] = True
        # The gap does not follow the learning rate: else all would exchange the same fillers.
        preference = np.where(start > 0, 0.0, -1.0) + rng.uniform(0, 0.5, start.shape)
        rating = np.where(start > 0, start, statistics.item_mean).astype(np.float32)
        descent = _Descent(self, surrogate, interactions, targets)
        adam, best, best_loss = _Adam(self.search.learning_rate), start, np.inf
        for step in range(self.search.steps + 1):
            rated = _highest(np.where(closed, -np.inf, preference), self.num_fillers) | is_target
            profiles = np.where(rated, statistics.on_scale(rating), 0).astype(np.float32)
            profiles[:, targets] = start[:, targets]
            if step % self.search.trial_every == 0 or step == self.search.steps:
                loss = trials.loss(profiles)
                if loss < best_loss:
                    best, best_loss = profiles, loss
            of_rated, of_rating = descent.gradients(profiles, rated)
            preference -= adam.step(of_rated)
            # Ratings move by the sign: a change of less than a level would not show.
            change = self.search.learning_rate * 5 * np.sign(of_rating)
            rating = np.clip(rating - change, statistics.low, statistics.high)
        return best


class _Descent:
    """The gradients of the loss of profiles, by cell and by rating."""

    def __init__(self, attack: GradientAttack, surrogate, interactions: Interactions, targets):
        self.surrogate = surrogate
        self.items = tf.Variable(surrogate.items)
        seen = np.zeros((interactions.num_users, interactions.num_items), np.float32)
        seen[interactions.user_index, interactions.item_index] = 1.0
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

    def gradients(self, profiles: np.ndarray, rated: np.ndarray):
        result = self._gradients(tf.constant(profiles), tf.constant(rated, tf.float32))
        return tuple(tensor.numpy() for tensor in result)


class _Adam:
    """Adam on a NumPy array; Kingma & Ba 2015."""

    def __init__(self, learning_rate: float):
        self.learning_rate = learning_rate
        self.time, self.mean, self.square = 0, 0.0, 0.0

    def step(self, gradient: np.ndarray) -> np.ndarray:
        self.time += 1
        self.mean = 0.9 * self.mean + 0.1 * gradient
        self.square = 0.999 * self.square + 0.001 * np.square(gradient)
        mean = self.mean / (1 - 0.9**self.time)
        square = self.square / (1 - 0.999**self.time)
        return self.learning_rate * mean / (np.sqrt(square) + 1e-12)


def _highest(values: np.ndarray, count: int) -> np.ndarray:
    """[rows, n] -> same shape, bool: the `count` highest of each row."""
    chosen = np.zeros(values.shape, bool)
    positions = np.argsort(-values, axis=1, kind="stable")[:, :count]
    np.put_along_axis(chosen, positions, True, axis=1)
    return chosen


def pga(*, num_profiles: int, num_fillers: int, **settings) -> GradientAttack:
    """Projected gradient ascent of the targets' scores; Li et al. 2016.

    The gradient goes through the last round, in which each side is solved once with the other held.
    """
    settings = {"unrolled": 1, "objective": "score", **settings}
    return GradientAttack(num_profiles=num_profiles, num_fillers=num_fillers, **settings)


def revadv(*, num_profiles: int, num_fillers: int, **settings) -> GradientAttack:
    """Bi-level optimization of the targets' rank, by an unrolled surrogate; Tang et al. 2020."""
    settings = {"unrolled": 2, "objective": "softmax", **settings}
    return GradientAttack(num_profiles=num_profiles, num_fillers=num_fillers, **settings)
