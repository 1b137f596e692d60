"""Ranking in which the number of an item's raters says nothing within the reach of an attacker.

Where lists are filled by items that few have, fifty accounts make any item the most popular of
them, however they look. `LeveledRanking` lets items compete there by how well they fit and by
nothing else; `LevelCounts` is the defence, which chooses how far on interactions it holds out
itself, without labels. It knows neither users nor profiles: what these are worth is left to
`weights`, behind which it counts raters by what they weigh.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.defences import Defence, DefendedData
from advrec_tf.defence.evidence.ranking import most_allowed
from advrec_tf.models.base import Recommender
from advrec_tf.models.gram import weighted_profiles
from advrec_tf.models.rater_counts import SUM_OVER_RATERS, CountLaw

REACHES = (0.0, 0.01, 0.02, 0.05, 0.1)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class LeveledRanking(Recommender):
    """What the scores of a model were if an item of n raters had `leveled_counts(n)` of them.

    Args:
        model: whose scores are leveled.
        raters: [num_items] float, >= 0, see `weighted_counts`.
        reach: raters up to which items count alike, >= 0; 0 ranks as `model` does.
        law: how the scores hold the number of raters. By default they are sums over them, as those
            of EASE are.

    Raises:
        ValueError: if the reach is negative or the raters are not one an item.
    """

    model: Recommender
    raters: np.ndarray
    reach: float
    law: CountLaw = SUM_OVER_RATERS

    def __post_init__(self):
        if not self.reach >= 0:
            raise ValueError(f"`reach` should be >= 0. Received: {self.reach!r}.")
        if self.raters.shape != (self.interactions.num_items,):
            raise ValueError(
                f"`raters` should hold {self.interactions.num_items} numbers. "
                f"Received: {self.raters.shape}."
            )

    @property
    def interactions(self) -> Interactions:
        return self.model.interactions

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        scores = tf.cast(self.model.score(user_index), tf.float32)
        leveled = leveled_counts(self.raters, self.reach)
        ratio = np.divide(leveled, self.raters, out=np.ones(len(leveled)), where=self.raters > 0)
        return self.law.rescaled(scores, ratio)

    def frozen(self) -> LeveledRanking:
        return dataclasses.replace(self, model=self.model.frozen())


def leveled_counts(raters: np.ndarray, reach: float) -> np.ndarray:
    """What numbers of raters are worth: one at most up to `reach`, all from twice that on.

    Between both they rise in a line, so that one account more moves no item by a leap.

    Args:
        raters: [items] float >= 0.
        reach: >= 0; below one half nothing is leveled.

    Returns:
        [items] float64, at most `raters`.
    """
    raters = np.asarray(raters, np.float64)
    if reach < 0.5:
        return raters
    rising = 1.0 + (2.0 * reach - 1.0) * (raters - reach) / reach
    return np.where(raters >= 2.0 * reach, raters, np.minimum(raters, np.maximum(rising, 1.0)))


def weighted_counts(
    interactions: Interactions, weight: np.ndarray | None, power: float = 0.5
) -> np.ndarray:
    """[num_items] float64, the users of each item by a power of their weights ([interactions], None
    for 1): by the root, since that much of them weighted EASE sums. Of a pair that stands several
    times the highest weight counts."""
    root = weighted_profiles(interactions, np.ones(len(interactions)) if weight is None else weight)
    return np.asarray(root.power(2.0 * power).sum(axis=0))


@dataclasses.dataclass(frozen=True, kw_only=True)
class LevelCounts(Defence):
    """Rank by `LeveledRanking`, as far as validation allows.

    The model is trained once more without a tenth of each user's interactions. Of the reaches the
    highest is taken that keeps NDCG@10 on these within `tolerance` of the best; no label is read.
    Items with fewer raters than that compete by how well they fit, and accounts that push one of
    them buy nothing by their number. Where the interactions are with few items each, and an item's
    number of raters is what lists go by, little or nothing is leveled, and this defends little.
    Raters count by the weights that defences before this one gave them, as far as the model's
    scores do (`Recommender.count_law`, which says how they hold the number of raters as well);
    where the model knows no weights, those of the sample count that it was trained on.

    Args:
        reaches: that are tried, fractions of the users with interactions; one alone is taken as it
            is, without the second training.
        tolerance: fraction of the best NDCG@10 that may be lost, in [0, 1).
        optional: whether a model without `count_law` is ranked by as it is, with a warning, rather
            than refused.

    Raises:
        ValueError: if there is no reach, one is no fraction, or the tolerance is out of range.
    """

    reaches: Sequence[float] = REACHES
    tolerance: float = 0.01
    optional: bool = False

    needs: ClassVar[frozenset[str]] = frozenset({"counts"})

    def __post_init__(self):
        fractions = all(0 <= reach <= 1 for reach in self.reaches)
        if not self.reaches or not fractions or not 0 <= self.tolerance < 1:
            raise ValueError(
                "`reaches` should hold numbers in [0, 1] and `tolerance` be in [0, 1). "
                f"Received: {tuple(self.reaches)!r}, {self.tolerance!r}."
            )

    def trained(self, train, data, *, seed):
        """See `Defence.trained`.

        Raises:
            ValueError: if the model has no `count_law` and this is not `optional`.
        """
        model = train(data)
        if getattr(model, "count_law", None) is None:
            self._require_law(model)
            return model
        reach = most_allowed(
            train, data, sorted(self.reaches), self._leveled, tolerance=self.tolerance, seed=seed
        )
        return self._leveled(model, data, reach)

    def _require_law(self, model: Recommender) -> None:
        name = type(model).__name__
        if not self.optional:
            raise ValueError(
                "`train` should train a model that says in its `count_law` how its scores hold the "
                f"number of an item's raters. Received: {name}."
            )
        warnings.warn(
            f"{name} does not say in its `count_law` how its scores hold the number of an item's "
            "raters: items that few have are ranked by their number as well.",
            stacklevel=2,
        )

    @staticmethod
    def _leveled(model: Recommender, data: DefendedData, reach: float) -> LeveledRanking:
        law = model.count_law
        assert law is not None
        users = int((data.interactions.user_counts() > 0).sum())
        if len(model.interactions) < len(data.interactions):
            raters = weighted_counts(model.interactions, None)
        else:
            raters = weighted_counts(data.interactions, data.weight, law.of_weight)
        return LeveledRanking(model=model, raters=raters, reach=reach * users, law=law)
