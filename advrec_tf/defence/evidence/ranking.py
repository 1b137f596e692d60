"""Ranking by a lower confidence bound: the fewer independent raters an item has, the lower it is.

`EvidenceRanking` wraps any recommender; `RankByEvidence` is the defence, which chooses how strong
the bound is on interactions it holds out itself, without labels (`most_allowed`, for other rankings
too). Counting raters is left to `effective_raters`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.filters import pair_keys
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import random_ratio
from advrec_tf.defence.defences import Defence, DefendedData, Train
from advrec_tf.defence.evidence.effective_raters import item_evidence
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import Recommender

STRENGTHS = (0.0, 1.0, 2.0, 4.0, 8.0)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class EvidenceRanking(Recommender):
    """score(u, i) - strength * spread_u / sqrt(1 + effective_i).

    spread_u is the standard deviation of the user's scores over all items, so the strength has no
    unit and fits any model; effective_i is the number of independent raters of the item. An order
    of two items with equally many is kept.

    Args:
        model: whose scores are bounded.
        effective: [num_items] float, >= 0, see `effective_raters.item_evidence`.
        strength: >= 0; 0 ranks as `model` does.

    Raises:
        ValueError: if the strength is negative or the effective raters are not one an item.
    """

    model: Recommender
    effective: np.ndarray
    strength: float

    def __post_init__(self):
        if not self.strength >= 0:
            raise ValueError(f"`strength` should be >= 0. Received: {self.strength!r}.")
        if self.effective.shape != (self.interactions.num_items,):
            raise ValueError(
                f"`effective` should hold {self.interactions.num_items} numbers. "
                f"Received: {self.effective.shape}."
            )

    @property
    def interactions(self) -> Interactions:
        return self.model.interactions

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        scores = tf.cast(self.model.score(user_index), tf.float32)
        spread = tf.math.reduce_std(scores, axis=1, keepdims=True)
        doubt = tf.constant(1.0 / np.sqrt(1.0 + self.effective), tf.float32)
        return scores - self.strength * spread * doubt[None, :]

    def frozen(self) -> EvidenceRanking:
        return dataclasses.replace(self, model=self.model.frozen())


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankByEvidence(Defence):
    """Rank by `EvidenceRanking`, as strongly as validation allows.

    The model is trained once more without a tenth of each user's interactions. Of the strengths the
    highest is taken that keeps NDCG@10 on these within `tolerance` of the best. No label is read;
    the interactions of fakes that are held out count as those of everybody. Raters count by the
    weights that defences before this one gave their interactions.

    Args:
        strengths: that are tried; one alone is taken as it is, without the second training.
        tolerance: fraction of the best NDCG@10 that may be lost, in [0, 1).

    Raises:
        ValueError: if there is no strength or the tolerance is out of range.
    """

    strengths: Sequence[float] = STRENGTHS
    tolerance: float = 0.01

    def __post_init__(self):
        if not self.strengths or not 0 <= self.tolerance < 1:
            raise ValueError(
                "`strengths` should hold a number and `tolerance` be in [0, 1). "
                f"Received: {tuple(self.strengths)!r}, {self.tolerance!r}."
            )

    def trained(self, train, data, *, seed):
        strength = most_allowed(
            train, data, sorted(self.strengths), self._bounded, tolerance=self.tolerance, seed=seed
        )
        return self._bounded(train(data), data, strength)

    @staticmethod
    def _bounded(model: Recommender, data: DefendedData, strength: float) -> EvidenceRanking:
        effective = item_evidence(data.interactions, data.weight).effective
        return EvidenceRanking(model=model, effective=effective, strength=strength)


def most_allowed(
    train: Train,
    data: DefendedData,
    strengths: Sequence[float],
    ranked: Callable[[Recommender, DefendedData, float], Recommender],
    *,
    tolerance: float,
    seed: int,
) -> float:
    """The strongest form of a ranking that validation allows.

    Args:
        train: called once, on the data without a tenth of each user's interactions, unless there
            is one strength alone.
        strengths: at least one, the weakest first.
        ranked: (model, the data it was trained on, strength) -> the ranking.
        tolerance: fraction of the best NDCG@10 on the tenth that may be lost.
        seed: of the tenth.

    Returns:
        One of the strengths; the last where nothing can be held out.
    """
    if len(strengths) == 1:
        return strengths[0]
    split = random_ratio(data.interactions, validation=0.0, test=0.1, seed=seed)
    if not len(split.test):
        return strengths[-1]
    kept = data.of(_places(data.interactions, split.train))
    model = train(kept)
    evaluator = RankingEvaluator(kept.interactions, split.test, ks=(10,))
    found = {
        strength: evaluator.evaluate(ranked(model, kept, strength).frozen()).metrics["ndcg@10"]
        for strength in strengths
    }
    allowed = (1.0 - tolerance) * max(found.values())
    return [strength for strength, value in found.items() if value >= allowed][-1]


def _places(whole: Interactions, part: Interactions) -> np.ndarray:
    """[whole] bool: the pairs that are in the part."""
    return np.isin(pair_keys(whole), pair_keys(part))
