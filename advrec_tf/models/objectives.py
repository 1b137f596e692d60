"""Objectives of models that score by dot products: frozen settings, and what they make of data.

`BPR` compares a positive with one negative, `SampledSoftmax` with a set of candidates that the
batch shares. Both are told where negatives come from (`models.factorization.negatives`).
`MatrixFactorization` and `LightGCN` take either. The formulas are in `losses`; which vectors are
compared is left to the models.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar

import tensorflow as tf

from advrec_tf import losses
from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization.negatives import (
    DNS,
    PAIRWISE,
    SHARED,
    ByPopularity,
    Generator,
    InBatch,
    Mixed,
    Uniform,
)
from advrec_tf.models.factorization.samplers import known_pairs
from advrec_tf.ops.reductions import row_dot, unit_rows

Tensors = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class BPR:
    """-log sigmoid(s_ui - s_uj), one negative j a positive i; s is the dot product.

    Rendle et al. 2009 (arXiv:1205.2618). A uniform negative that happens to be a positive of the
    user is kept, as in the paper's bootstrap.

    Attributes:
        negatives: where j comes from.

    Raises:
        ValueError: if `negatives` is none of `negatives.PAIRWISE`.
    """

    negatives: Uniform | ByPopularity | InBatch | Mixed | DNS | Generator = Uniform()

    cosine: ClassVar[bool] = False

    def __post_init__(self):
        _require_one_of(self.negatives, PAIRWISE, "BPR")

    def bind(self, interactions: Interactions, *, seed: int = 0) -> PairwiseObjective:
        """The objective on one data set."""
        return PairwiseObjective(self, interactions, seed=seed)


@dataclasses.dataclass(frozen=True)
class SampledSoftmax:
    """Cross-entropy of a positive against the catalogue, estimated from shared candidates.

    `losses.sampled_softmax` of scores / temperature: the log-Q correction is applied in full, a
    candidate that is the example's own positive is left out.

    Attributes:
        negatives: where candidates come from.
        candidates: how many, >= 2; by default 512 and for `InBatch` the whole batch. Those of
            `InBatch` are the first so many positives of the (shuffled) batch, those of `Mixed`
            are uniform items beside the whole batch.
        temperature: > 0; about .1 to .2 with the cosine.
        cosine: the score is the cosine instead of the dot product, in training and in ranking.
        hardness: beta >= 0 of an adversary that weighs the m candidates by
            m * softmax(beta * s), the worst case within a KL ball (in the manner of AdvInfoNCE,
            Zhang et al. 2023); 0 is none.
        mask_known: leave all known positives of the user out of the candidates.

    Raises:
        ValueError: if a number is out of range, or `negatives` is none of `negatives.SHARED`.
    """

    negatives: Uniform | ByPopularity | InBatch | Mixed = Uniform()
    _: dataclasses.KW_ONLY
    candidates: int | None = None
    temperature: float = 1.0
    cosine: bool = False
    hardness: float = 0.0
    mask_known: bool = False

    def __post_init__(self):
        _require_one_of(self.negatives, SHARED, "SampledSoftmax")
        if self.candidates is not None and self.candidates < 2:
            raise ValueError(f"`candidates` should be >= 2 or None. Received: {self.candidates!r}.")
        if not self.temperature > 0:
            raise ValueError(f"`temperature` should be > 0. Received: {self.temperature!r}.")
        if not self.hardness >= 0:
            raise ValueError(f"`hardness` should be >= 0. Received: {self.hardness!r}.")

    def bind(self, interactions: Interactions, *, seed: int = 0) -> SoftmaxObjective:
        """The objective on one data set."""
        return SoftmaxObjective(self, interactions, seed=seed)


Objective = BPR | SampledSoftmax


def require_objective(objective: Objective) -> None:
    """Refuse what is none.

    Raises:
        ValueError: if it is neither a `BPR` nor a `SampledSoftmax`.
    """
    if not isinstance(objective, (BPR, SampledSoftmax)):
        raise ValueError(
            "`objective` should be a BPR or a SampledSoftmax of models.objectives. "
            f"Received: {objective!r}."
        )


def _require_one_of(negatives, allowed: tuple[type, ...], owner: str) -> None:
    if not isinstance(negatives, allowed):
        names = ", ".join(kind.__name__ for kind in allowed)
        raise ValueError(
            f"`negatives` of {owner} should be one of {names}. Received: {negatives!r}."
        )


class BoundObjective(tf.Module):
    """The base: an objective with the sampler that it draws from one data set by.

    Attributes:
        settings: the objective.
        sampler: of its negatives.
        has_own_negatives: whether each example has a negative of its own.
    """

    has_own_negatives = False

    def __init__(self, settings: Objective, interactions: Interactions, *, seed: int):
        super().__init__(name="objective")
        self.settings = settings
        self.sampler = settings.negatives.sampler(interactions, seed=seed)
        self.num_items = interactions.num_items

    def embedding_tables(self) -> dict[str, keras.layers.Embedding]:
        """The tables that are trained beside the model."""
        return self.sampler.embedding_tables()

    def draw(self, inputs: Tensors, score: Callable, tables: Tensors) -> Tensors:
        """A batch with the items of its negatives, `negative`, and what else was drawn.

        Args:
            inputs: `user_index`, `item_index`, `weight` [batch], `seed` [2].
            score: (users [batch], items [batch, n]) -> [batch, n], by the present weights.
            tables: the present values of `embedding_tables`.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `draw`.")

    def lookups(self, inputs: Tensors) -> dict[str, tuple[str, tf.Tensor]]:
        """Lookup -> (table, indices) in `embedding_tables`, for a batch as `draw` made it."""
        return self.sampler.lookups(inputs)

    def example_losses(self, rows: Tensors, inputs: Tensors) -> tf.Tensor:
        """[batch] nats >= 0.

        Args:
            rows: `user`, `positive` [batch, dim] and `negative` [batch or m, dim], whatever
                their length where scores are cosines, and those of `lookups`.
            inputs: a batch as `draw` made it.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `example_losses`.")

    def scored(self, vectors: tf.Tensor) -> tf.Tensor:
        """Vectors whose dot products are scores: of length 1 where these are cosines."""
        return tf.math.l2_normalize(vectors, -1) if self.settings.cosine else vectors


class PairwiseObjective(BoundObjective):
    """See `BPR`."""

    has_own_negatives = True

    def draw(self, inputs, score, tables):
        return self.sampler.pair(inputs, score, tables)

    def example_losses(self, rows, inputs):
        user = rows["user"]
        margin = row_dot(user, rows["positive"] - rows["negative"])
        values = losses.bpr(margin, tf.zeros_like(margin))
        return self.sampler.policy_term(rows, inputs, values)


class SoftmaxObjective(BoundObjective):
    """See `SampledSoftmax`.

    Raises:
        ValueError: if `mask_known` needs too large a table of known pairs.
    """

    def __init__(self, settings: SampledSoftmax, interactions: Interactions, *, seed: int):
        super().__init__(settings, interactions, seed=seed)
        self._known = None
        if settings.mask_known:
            self._known = known_pairs(interactions, "`mask_known`")

    def draw(self, inputs, score, tables):
        """Adds `negative` [m], `log_ratio` [m] and `closed` [batch, m], the candidates that an
        example leaves out."""
        item = inputs["item_index"]
        negative, log_ratio = self.sampler.shared(item, self.settings.candidates, inputs["seed"])
        closed = negative[None, :] == item[:, None]
        if self._known is not None:
            closed |= self._known.known(inputs["user_index"], negative)
        return {**inputs, "negative": negative, "log_ratio": log_ratio, "closed": closed}

    def example_losses(self, rows, inputs):
        user, positive, negative = rows["user"], rows["positive"], rows["negative"]
        if self.settings.cosine:
            user, positive, negative = unit_rows(user), unit_rows(positive), unit_rows(negative)
        temperature = self.settings.temperature
        return losses.sampled_softmax(
            row_dot(user, positive) / temperature,
            tf.matmul(user, negative, transpose_b=True) / temperature,
            inputs["log_ratio"],
            inputs["closed"],
            num_items=self.num_items,
            hardness=self.settings.hardness,
        )
