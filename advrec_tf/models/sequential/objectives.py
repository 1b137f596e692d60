"""Objectives of sequence models: what the state before an item is compared with.

`FullSoftmax` compares it with the whole catalogue, `SampledSoftmax` of `models.objectives` and
`BinaryCrossEntropy` with candidates that the batch shares. Each is a frozen setting; bound to data
it gives the sum of the losses of a batch. The formulas are in `losses`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import tensorflow as tf

from advrec_tf import losses
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.factorization import negatives
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.replicas import own_rows
from advrec_tf.ops.random import random_indices, stream
from advrec_tf.ops.reductions import row_dot

Lookup = Callable[..., tf.Tensor]
"""Items [n] int32 -> their vectors [n, dim]; None gives those of all items. With `shared=True` the
items are the same for all examples."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class FullSoftmax:
    """Cross-entropy against the whole catalogue, exact and in little memory
    (`losses.softmax_over_catalogue`).

    Attributes:
        cells: logits held at a time, >= 1.

    Raises:
        ValueError: if `cells` < 1.
    """

    cells: int = 2**23

    def __post_init__(self):
        if self.cells < 1:
            raise ValueError(f"`cells` should be >= 1. Received: {self.cells!r}.")

    def bind(self, interactions: Interactions, *, seed: int = 0) -> FullSoftmaxLoss:
        """The objective on one data set."""
        return FullSoftmaxLoss(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class BinaryCrossEntropy:
    """Logistic loss of the positive beside uniform negatives that the batch shares.

    Attributes:
        negatives: how many, >= 1. With 1 each position has one of its own, as in SASRec.
        calibrated: t in [0, 1] of gBCE (Petrov & Macdonald 2023, arXiv:2308.07192), which takes
            out that negatives are rarer in training than in the catalogue; .75 there, 0 is none.

    Raises:
        ValueError: if a number is out of range.
    """

    negatives: int = 1
    calibrated: float = 0.0

    def __post_init__(self):
        losses.calibration(self.negatives, 2, self.calibrated)

    def bind(self, interactions: Interactions, *, seed: int = 0) -> BinaryCrossEntropyLoss:
        """The objective on one data set."""
        return BinaryCrossEntropyLoss(self, interactions)


SequenceObjective = FullSoftmax | BinaryCrossEntropy | SampledSoftmax

SETTINGS = (FullSoftmax, BinaryCrossEntropy, SampledSoftmax, *negatives.SHARED)
"""The objectives, and what they are made of."""


def require_sequence_objective(objective: SequenceObjective) -> None:
    """Refuse what is none.

    Raises:
        ValueError: if it is none of the three.
    """
    if not isinstance(objective, (FullSoftmax, BinaryCrossEntropy, SampledSoftmax)):
        raise ValueError(
            "`objective` should be a FullSoftmax, a BinaryCrossEntropy or a SampledSoftmax. "
            f"Received: {objective!r}."
        )


def bind(
    objective: SequenceObjective, interactions: Interactions, *, seed: int = 0
) -> SequenceLoss:
    """The objective on one data set."""
    if isinstance(objective, SampledSoftmax):
        return SampledSoftmaxLoss(objective, interactions, seed=seed)
    return objective.bind(interactions, seed=seed)


class SequenceLoss(tf.Module):
    """The base: an objective bound to data."""

    def total(self, states: tf.Tensor, inputs: dict[str, tf.Tensor], items: Lookup) -> tf.Tensor:
        """Scalar, the sum of the losses, in nats, weighted.

        Args:
            states: [n, dim] float32, one for each target.
            inputs: `item_index`, the targets, `user_index` and `weight` [n], `seed` [2].
            items: vectors of items.
        """
        raise NotImplementedError(f"{type(self).__name__} does not define `total`.")

    def scored(self, vectors: tf.Tensor) -> tf.Tensor:
        """Vectors whose dot products are scores."""
        return vectors


class FullSoftmaxLoss(SequenceLoss):
    """See `FullSoftmax`."""

    def __init__(self, settings: FullSoftmax):
        super().__init__(name="full_softmax")
        self.settings = settings

    def total(self, states, inputs, items):
        return losses.softmax_over_catalogue(
            states, items(None), inputs["item_index"], inputs["weight"], cells=self.settings.cells
        )


class BinaryCrossEntropyLoss(SequenceLoss):
    """See `BinaryCrossEntropy`."""

    def __init__(self, settings: BinaryCrossEntropy, interactions: Interactions):
        super().__init__(name="binary_cross_entropy")
        self.settings, self.num_items = settings, interactions.num_items
        self.power = losses.calibration(
            settings.negatives, interactions.num_items, settings.calibrated
        )

    def total(self, states, inputs, items):
        targets, seed = inputs["item_index"], stream(inputs["seed"], "items")
        positive = row_dot(states, items(targets))
        if self.settings.negatives == 1:
            drawn = own_rows(
                lambda count: random_indices([count], seed, self.num_items), tf.shape(targets)[0]
            )
            scores = row_dot(states, items(drawn))[:, None]
            closed = (drawn == targets)[:, None]
        else:
            drawn = random_indices([self.settings.negatives], seed, self.num_items)
            scores = tf.matmul(states, items(drawn, shared=True), transpose_b=True)
            closed = drawn[None, :] == targets[:, None]
        values = losses.binary_cross_entropy(positive, scores, closed, power=self.power)
        return tf.reduce_sum(values * inputs["weight"])


class SampledSoftmaxLoss(SequenceLoss):
    """See `models.objectives.SampledSoftmax`."""

    def __init__(self, settings: SampledSoftmax, interactions: Interactions, *, seed: int):
        super().__init__(name="sampled_softmax")
        self.bound = settings.bind(interactions, seed=seed)

    def total(self, states, inputs, items):
        inputs = {**inputs, "seed": stream(inputs["seed"], "items")}
        drawn = self.bound.draw(inputs, lambda *_: None, {})
        rows = {
            "user": states,
            "positive": items(drawn["item_index"]),
            "negative": items(drawn["negative"], shared=True),
        }
        return tf.reduce_sum(self.bound.example_losses(rows, drawn) * inputs["weight"])

    def scored(self, vectors):
        return self.bound.scored(vectors)
