"""Defences as frozen records with three hooks, each the identity unless the defence uses it.

    rows = defence.rows(train, seed=0)             before training: which rows, at what weight
    model = defence.wrap(model, rows, seed=0)      around a model trained by `fit`
    defence.trim                                   for a factorization by least squares

A victim calls all three, so it needs to know no defence by name. `needs` says what a defence
asks of the victim: "ratings", "gradient" (trained by `compile` and `fit`) or "als". None of
them sees labels. Detectors come from their own modules, ERM users from `poisoning_training`;
attackers that know a defence are in `adaptive`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.detectors.base import Detector, flagged_users
from advrec_tf.defence.poisoning_training import erm_users
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class DefendedRows:
    """What a victim trains on.

    Attributes:
        interactions: earlier users and items keep their indices; users that were added follow.
            A user whose rows were all taken out stays in the vocabulary.
        weight: [rows] float32 in [0, 1], or None for all 1.
        suspicion: [num_users of the data given] float64, high for suspicious; None where nobody
            was judged.
    """

    interactions: Interactions
    weight: np.ndarray | None = None
    suspicion: np.ndarray | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Defence:
    """No defence, and the base of all others."""

    needs: ClassVar[frozenset[str]] = frozenset()
    trim: float = 0.0

    def rows(self, train: Interactions, *, seed: int) -> DefendedRows:
        """The rows to train on; `train` is not altered."""
        return DefendedRows(interactions=train)

    def wrap(self, model: keras.Model, rows: DefendedRows, *, seed: int) -> keras.Model:
        """What to compile and fit in the place of `model`; it trains the same weights."""
        return model


@dataclasses.dataclass(frozen=True, kw_only=True)
class RemoveSuspicious(Defence):
    """Take out the rows of the users whom a detector finds suspicious.

    Args:
        detector: seed -> a transductive detector, fitted here on the training rows themselves.
        threshold: score from which a user goes.
        most: share of users that may go, in [0, 1].
    """

    detector: Callable[[int], Detector]
    threshold: float = 0.5
    most: float = 0.1

    def rows(self, train, *, seed):
        scores = self.detector(seed).fit(train).score(train)
        flagged = flagged_users(scores, threshold=self.threshold, most=self.most)
        kept = ~flagged[train.user_index]
        return DefendedRows(interactions=train.select(kept), suspicion=scores)


@dataclasses.dataclass(frozen=True, kw_only=True)
class DownWeight(Defence):
    """Weigh a user's rows by how far its score lies below what is distrusted, to a power.

    Args:
        detector: seed -> a transductive detector; its scores are probabilities by default.
        trusted: score up to which a user's rows weigh 1.
        distrusted: score from which they weigh 0, > `trusted`; in between they fall in a line.
        power: > 0, of the weight.

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

    def rows(self, train, *, seed):
        scores = self.detector(seed).fit(train).score(train)
        below = (self.distrusted - scores) / (self.distrusted - self.trusted)
        trust = np.clip(below, 0.0, 1.0) ** self.power
        return DefendedRows(
            interactions=train,
            weight=trust[train.user_index].astype(np.float32),
            suspicion=scores,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adversarial(Defence):
    """Adversarial training of the vectors: APR (one step) or PGD; see `training.adversarial`.

    Args:
        perturbation: the adversary's budget.
        weight: factor of the adversarial loss.
        vulnerability: lambda of VAT; 0 gives every user the same radius.
    """

    perturbation: Perturbation
    weight: float = 1.0
    vulnerability: float = 0.0

    needs: ClassVar[frozenset[str]] = frozenset({"gradient"})

    def wrap(self, model, rows, *, seed):
        return AdversarialTraining(
            model,
            self.perturbation,
            weight=self.weight,
            fraction=1.0,
            vulnerability=self.vulnerability,
        )


@dataclasses.dataclass(frozen=True, kw_only=True)
class LeastTrimmedSquares(Defence):
    """Each item's update leaves out the share `trim` of its rows with the largest residual
    (least trimmed squares; Cheng & Hurley 2010). Near .5 it withstands most poison, as the
    median does."""

    trim: float = 0.2
    needs: ClassVar[frozenset[str]] = frozenset({"ratings", "als"})


@dataclasses.dataclass(frozen=True, kw_only=True)
class RatingConsistencyWeights(Defence):
    """Weigh down ratings that an item has more often than its raters' habits explain.

    Item i's rating r is expected sum_u p_u(r) times, p_u the shares of ratings in the other rows
    of rater u (a row spread as all ratings are joins them). Where r was given n times, its rows
    weigh min(1, (expected + slack * sqrt(expected)) / n): an item pushed by profiles whose
    other ratings are ordinary has more top ratings than they explain.

    Args:
        slack: deviations, those of a Poisson count, an item may exceed what is expected, >= 0.
    """

    slack: float = 2.0
    needs: ClassVar[frozenset[str]] = frozenset({"ratings"})

    def rows(self, train, *, seed):
        return DefendedRows(interactions=train, weight=purified(train, slack=self.slack))


def purified(rows: Interactions, *, slack: float) -> np.ndarray:
    """[rows] float32 in (0, 1]; see `RatingConsistencyWeights`. A row without a rating weighs 1."""
    weight = np.ones(len(rows), np.float32)
    rated = np.flatnonzero(~np.isnan(rows.rating))
    user, item = rows.user_index[rated], rows.item_index[rated]
    values, code = np.unique(rows.rating[rated], return_inverse=True)
    usual = np.bincount(code, minlength=len(values)) / max(len(code), 1)
    habits = np.zeros((rows.num_users, len(values)))
    np.add.at(habits, (user, code), 1.0)
    count = habits.sum(axis=1)
    own = np.zeros((len(rated), len(values)))
    own[np.arange(len(rated)), code] = 1.0
    fraction = (habits[user] - own + usual) / count[user][:, None]
    expected = np.zeros((rows.num_items, len(values)))
    np.add.at(expected, item, fraction)
    given = np.zeros_like(expected)
    np.add.at(given, (item, code), 1.0)
    allowed = expected + slack * np.sqrt(expected)
    factor = np.minimum(1.0, allowed / np.maximum(given, 1.0))
    weight[rated] = factor[item, code]
    return weight


@dataclasses.dataclass(frozen=True, kw_only=True)
class PoisoningTraining(Defence):
    """APT: add users whose ratings lower the risk on the data as it is; see
    `poisoning_training`.

    Args:
        fraction: ERM users, as a share of the users.
        rounds, num_items, boost: of `erm_users`.
    """

    fraction: float = 0.05
    rounds: int = 3
    num_items: int | None = None
    boost: float = 1.0

    needs: ClassVar[frozenset[str]] = frozenset({"ratings"})

    def rows(self, train, *, seed):
        added = erm_users(
            train,
            num_users=max(1, round(self.fraction * train.num_users)),
            rounds=self.rounds,
            num_items=self.num_items,
            boost=self.boost,
            seed=seed,
        )
        return DefendedRows(interactions=added)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Chain(Defence):
    """Defences one after another: each is handed the rows that the one before has left.

    Weights multiply; the suspicion is the first there is.

    Args:
        defences: at least one, none of which alters the model or trims.

    Raises:
        ValueError: if one does, or there is none.
    """

    defences: tuple[Defence, ...]

    def __post_init__(self):
        unfit = [d for d in self.defences if d.trim or type(d).wrap is not Defence.wrap]
        if unfit or not self.defences:
            raise ValueError(
                "`defences` should alter rows alone, and be at least one. "
                f"Received: {unfit[0] if unfit else 'none'}."
            )

    @property
    def needs(self) -> frozenset[str]:  # of the victim, as `Defence.needs`
        return frozenset().union(*(defence.needs for defence in self.defences))

    @property
    def detector(self) -> Callable[[int], Detector] | None:
        """Of the first that has one: what an attacker would evade."""
        found = [d.detector for d in self.defences if hasattr(d, "detector")]
        return found[0] if found else None

    def rows(self, train, *, seed):
        rows = DefendedRows(interactions=train)
        for defence in self.defences:
            found = defence.rows(rows.interactions, seed=seed)
            weight = found.weight
            if rows.weight is not None:
                if len(found.interactions) != len(rows.interactions):
                    raise ValueError(
                        "`defences` should weigh rows after all others have taken some out or "
                        f"added some. Received: {type(defence).__name__} after weights."
                    )
                weight = rows.weight if weight is None else rows.weight * weight
            suspicion = found.suspicion if rows.suspicion is None else rows.suspicion
            rows = DefendedRows(interactions=found.interactions, weight=weight, suspicion=suspicion)
        return rows
