"""Defences as frozen records with four hooks, each the identity unless the defence uses it.

    data = defence.training_data(interactions, seed=0)    before training: which data and weights
    model = defence.wrap(model, data, seed=0)             around a model trained by `fit`
    defence.trim                                          for a factorization by least squares
    model = defence.trained(train, data, seed=0)          around the whole training: what is ranked

A victim calls all four, so it needs to know no defence by name. `needs` says what a defence asks
of the victim: "ratings", "gradient" (trained by `compile` and `fit`), "als" (alternating least
squares), "subsets" (trained on a few users each), "counts" (scores that are sums over raters) or
"profiles" (users are scored by their own interactions, whatever these weigh).
`fitting.fit_defended` applies a defence that only alters data or ranking to any fitting function.
No defence sees labels. Detectors come from their own modules, ERM users from `poisoning_training`;
attackers that know a defence are in `adaptive`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import ClassVar

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, flagged_users
from advrec_tf.defence.poisoning_training import erm_users
from advrec_tf.models.base import Recommender
from advrec_tf.ops.rng import RNG
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class DefendedData:
    """What a victim is trained on.

    Attributes:
        interactions: the given users and items keep their indices; added users follow. A user
            whose interactions were all removed stays in the vocabulary.
        weight: [interactions] float32 in [0, 1], or None for all 1.
        suspicion: [num_users of the given data] float64, high for suspicious; None where the
            defence scores no user.
    """

    interactions: Interactions
    weight: np.ndarray | None = None
    suspicion: np.ndarray | None = None

    def sampled(self, rng: RNG) -> Interactions:
        """The interactions, each kept with the probability of its weight.

        It gives models that take no weights the same expected loss. Vocabularies stay whole.
        """
        rng = np.random.default_rng(rng)
        if self.weight is None:
            return self.interactions
        return self.interactions.select(rng.random(len(self.interactions)) < self.weight)

    def of(self, chosen: np.ndarray) -> DefendedData:
        """Some of the interactions ([interactions] bool) with their weights."""
        return dataclasses.replace(
            self,
            interactions=self.interactions.select(chosen),
            weight=None if self.weight is None else self.weight[chosen],
        )


Train = Callable[[DefendedData], Recommender]
"""Data -> the model trained on it, with the weights there are."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defence:
    """No defence, and the base of all others."""

    needs: ClassVar[frozenset[str]] = frozenset()
    trim: float = 0.0

    def knowing(self, verified: Sequence[int | str]) -> Defence:
        """The same where users with these ids are known to be real; most defences do not ask."""
        return self

    def training_data(self, interactions: Interactions, *, seed: int) -> DefendedData:
        """The data to train on; `interactions` are not altered."""
        return DefendedData(interactions=interactions)

    def wrap(self, model: keras.Model, data: DefendedData, *, seed: int) -> keras.Model:
        """The model to compile and fit in place of `model`; it trains the same weights."""
        return model

    def trained(self, train: Train, data: DefendedData, *, seed: int) -> Recommender:
        """What is ranked by: `train(data)`, or what a defence makes of it."""
        return train(data)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemoveSuspicious(Defence):
    """Remove the interactions of the users that a detector finds suspicious.

    Args:
        detector: seed -> a detector that needs no labels; it is fitted on the training
            interactions themselves.
        threshold: users with this score or a higher one are removed.
        max_fraction: of the users that may be removed, in [0, 1].
    """

    detector: Callable[[int], Detector]
    threshold: float = 0.5
    max_fraction: float = 0.1

    def training_data(self, interactions, *, seed):
        scores = self.detector(seed).fit(interactions).score(interactions)
        flagged = flagged_users(scores, threshold=self.threshold, max_fraction=self.max_fraction)
        kept = interactions.select(~flagged[interactions.user_index])
        return DefendedData(interactions=kept, suspicion=scores)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DownWeight(Defence):
    """Weigh a user's interactions by how far the user's score lies below `distrusted`.

    The weight is ((distrusted - score) / (distrusted - trusted))^power, clipped to [0, 1].

    Args:
        detector: seed -> a detector that needs no labels.
        trusted: users up to this score weigh 1.
        distrusted: users from this score on weigh 0, > `trusted`.
        power: > 0.

    Raises:
        ValueError: if a number is out of range.
    """

    detector: Callable[[int], Detector]
    trusted: float = 0.0
    distrusted: float = 1.0
    power: float = 2.0

    def __post_init__(self):
        if not self.trusted < self.distrusted or not self.power > 0:
            raise ValueError(
                "`distrusted` should be > `trusted` and `power` > 0. "
                f"Received: {self.distrusted!r}, {self.trusted!r}, {self.power!r}."
            )

    def training_data(self, interactions, *, seed):
        scores = self.detector(seed).fit(interactions).score(interactions)
        below = (self.distrusted - scores) / (self.distrusted - self.trusted)
        weight = np.clip(below, 0.0, 1.0) ** self.power
        return DefendedData(
            interactions=interactions,
            weight=weight[interactions.user_index].astype(np.float32),
            suspicion=scores,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adversarial(Defence):
    """Adversarial training of embeddings: APR (He et al. 2018, one step) or PGD.

    Args:
        perturbation: the adversary's budget.
        weight: factor of the adversarial loss.
        vulnerability: lambda of vulnerability-aware training (VAT); 0 gives every user the same
            radius. See `training.adversarial`.
    """

    perturbation: Perturbation
    weight: float = 1.0
    vulnerability: float = 0.0

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})

    def wrap(self, model, data, *, seed):
        return AdversarialTraining(
            model,
            self.perturbation,
            weight=self.weight,
            fraction=1.0,
            vulnerability=self.vulnerability,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeastTrimmedSquares(Defence):
    """Least trimmed squares; Cheng & Hurley 2010 (RecSys, robust collaborative filtering).

    Each item's update leaves out the fraction `trim` of its ratings with the largest residuals.
    Near the breakdown point .5 it withstands nearly as many fakes as honest ratings.
    """

    trim: float = 0.2
    needs: ClassVar[frozenset[str]] = frozenset({"ratings", "als"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class RatingConsistencyWeights(Defence):
    """Down-weight ratings that an item has more often than the habits of its raters explain.

    The expected number of ratings r of item i is sum_u p_u(r) over its raters, with p_u the
    frequencies of ratings among the other interactions of rater u, plus one pseudo-rating with the
    frequencies of all ratings. Where r was given n times, each weighs
    min(1, (expected + slack * sqrt(expected)) / n): an item pushed by profiles whose other ratings
    are ordinary has more top ratings than expected. The method is this package's own.

    Args:
        slack: by how many standard deviations of a Poisson count an item may exceed what is
            expected, >= 0.
    """

    slack: float = 2.0
    needs: ClassVar[frozenset[str]] = frozenset({"ratings"})

    def training_data(self, interactions, *, seed):
        weight = rating_consistency_weights(interactions, slack=self.slack)
        return DefendedData(interactions=interactions, weight=weight)


def rating_consistency_weights(interactions: Interactions, *, slack: float) -> np.ndarray:
    """[interactions] float32 in (0, 1]; see `RatingConsistencyWeights`. An interaction without a
    rating weighs 1."""
    weight = np.ones(len(interactions), np.float32)
    rated = np.flatnonzero(~np.isnan(interactions.rating))
    user, item = interactions.user_index[rated], interactions.item_index[rated]
    values, code = np.unique(interactions.rating[rated], return_inverse=True)
    overall = np.bincount(code, minlength=len(values)) / max(len(code), 1)
    of_user = np.zeros((interactions.num_users, len(values)))
    np.add.at(of_user, (user, code), 1.0)
    count = of_user.sum(axis=1)
    own = np.zeros((len(rated), len(values)))
    own[np.arange(len(rated)), code] = 1.0
    frequency = (of_user[user] - own + overall) / count[user][:, None]
    expected = np.zeros((interactions.num_items, len(values)))
    np.add.at(expected, item, frequency)
    given = np.zeros_like(expected)
    np.add.at(given, (item, code), 1.0)
    allowed = expected + slack * np.sqrt(expected)
    factor = np.minimum(1.0, allowed / np.maximum(given, 1.0))
    weight[rated] = factor[item, code]
    return weight


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoisoningTraining(Defence):
    """Adversarial poisoning training (APT): add users whose ratings lower the risk on the data.

    Args:
        fraction: number of ERM users over the number of users.
        rounds, num_items, boost: of `poisoning_training.erm_users`.
    """

    fraction: float = 0.05
    rounds: int = 3
    num_items: int | None = None
    boost: float = 1.0

    needs: ClassVar[frozenset[str]] = frozenset({"ratings"})

    def training_data(self, interactions, *, seed):
        added = erm_users(
            interactions,
            num_users=max(1, round(self.fraction * interactions.num_users)),
            rounds=self.rounds,
            num_items=self.num_items,
            boost=self.boost,
            seed=seed,
        )
        return DefendedData(interactions=added)
