"""Robustness of recommenders to adversarial perturbations of their user and item vectors.

He et al. 2018 (APR, arXiv:1808.03908, section 2.2 and table 4) add to the embeddings of a trained
model the perturbation that raises its loss most, and compare the drop in ranking metrics with that
under random noise of the same size. This works for any model with one vector a user and one an
item. Perturbations are left to `perturbations`, the ranking to `evaluation.ranking`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf import losses
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.ops.random import random_indices, stream
from advrec_tf.perturbations import Perturbation, fgsm, pgd, worst_case

KINDS: dict[str, Callable[..., Perturbation]] = {
    "fgsm": fgsm,
    "bim": lambda epsilon, **settings: pgd(epsilon, step_size=0.1, **settings),
    "pgd": pgd,
    "cw": pgd,
    "random": lambda epsilon, **settings: Perturbation(
        epsilon=epsilon, direction="random", **settings
    ),
}
"""Attack by name, a function of its epsilon: one step; ten steps of a tenth of the radius, which
cannot leave the ball (BIM, Kurakin et al. 2017, arXiv:1607.02533); ten longer steps, each projected
back; the same on the margin loss of Carlini & Wagner; and noise as the control.

Ten steps raise the loss more than one; the ranking metric, which is not that loss, need not fall
further.
"""
OBJECTIVES = ("bpr", "margin")
OBJECTIVE_OF = {"cw": "margin"}
"""The objective of a kind where it is not "bpr"; see `attack_vectors`."""

_BLOCK = 1024  # interactions of a gradient at a time, whose vectors fit in the processor's cache
_SEEDS_PER_BLOCK = 1024


def vectors_of(model) -> tuple[np.ndarray, np.ndarray]:
    """User vectors [num_users, dim] and item vectors [num_items, dim] float32 of a model.

    They are attributes of a `VectorRecommender` and methods of trained models. Every column (such
    as an item's bias or a popularity prior) can be attacked.

    Raises:
        ValueError: if the model has none.
    """
    found = []
    for name in ("user_vectors", "item_vectors"):
        value = getattr(model, name, None)
        if value is None:
            raise ValueError(
                f"`model` should have `{name}`, as an array or a method. "
                f"Received: {type(model).__name__}."
            )
        found.append(np.asarray(value() if callable(value) else value, np.float32))
    return found[0], found[1]


def attack_vectors(
    user_vectors: np.ndarray,
    item_vectors: np.ndarray,
    interactions: Interactions,
    perturbation: Perturbation,
    *,
    seed: int,
    objective: str = "bpr",
) -> VectorRecommender:
    """Every vector moved within its ball, so that the training interactions rank worse.

    With the objective "bpr" the adversary raises the sum over interactions (u, i) of
    -log sigmoid(p_u . q_i - p_u . q_j), the BPR loss with one uniform negative j each, drawn anew
    for every gradient step (a negative that is another positive of the user is kept). With "margin"
    it raises the sum of -max(p_u . q_i - p_u . q_j, 0), the loss f6 of Carlini & Wagner 2017
    (arXiv:1608.04644) on pairs: its gradient is 0 on a pair that already ranks wrong and does not
    vanish on one that ranks right by a large margin; the ball replaces their penalty on the size of
    the perturbation. The sum is a function of both tables at once. A vector without a gradient,
    such as that of a user without interactions, does not move; under `direction="random"` every
    vector moves.

    Args:
        user_vectors: [num_users, dim] float32.
        item_vectors: [num_items, dim] float32.
        interactions: the training interactions of the model.
        perturbation: the budget of each vector.
        seed: of the negatives, or of the noise.
        objective: of `OBJECTIVES`.

    Returns:
        The attacked vectors; an unknown user has the vector zero.

    Raises:
        ValueError: if a table does not have one vector per index, or both differ in dimension, or
            there is no interaction, or the objective is unknown.
    """
    if objective not in OBJECTIVES:
        raise ValueError(f"`objective` should be one of {OBJECTIVES}. Received: {objective!r}.")
    tables = [np.asarray(table, np.float32) for table in (user_vectors, item_vectors)]
    users, items = interactions.num_users, interactions.num_items
    for name, table, size in zip(("user_vectors", "item_vectors"), tables, (users, items)):
        if table.ndim != 2 or len(table) != size:
            raise ValueError(f"`{name}` should have shape [{size}, dim]. Received: {table.shape}.")
    if tables[0].shape[1] != tables[1].shape[1]:
        raise ValueError(
            "`user_vectors` and `item_vectors` should have the same dimension. "
            f"Received: {tables[0].shape[1]} and {tables[1].shape[1]}."
        )
    if not len(interactions):
        raise ValueError("`interactions` should not be empty. Received none.")
    values = [tf.constant(table) for table in tables]
    blocks = _blocks(interactions)
    steps = iter(range(perturbation.steps))

    def gradients_at(deltas):
        at = [value + delta for value, delta in zip(values, deltas, strict=True)]
        return _gradients(*at, *blocks, tf.constant([seed, next(steps)], tf.int32), objective)

    deltas = worst_case(gradients_at, values, perturbation, tf.constant([seed, 0], tf.int32))
    attacked = [(value + delta).numpy() for value, delta in zip(values, deltas, strict=True)]
    return VectorRecommender(
        user_vectors=attacked[0],
        item_vectors=attacked[1],
        unknown_user=np.zeros(tables[0].shape[1], np.float32),
        interactions=interactions,
    )


@dataclasses.dataclass(frozen=True, kw_only=True)
class AttackPoint:
    """A model under one attack.

    Attributes:
        kind: name of the attack, of `KINDS`.
        epsilon: its budget, in the unit of the vectors or as a fraction of each vector's norm.
        metrics: of the ranking under attack, see `evaluation.ranking`.
        relative_loss: 1 - attacked / clean of the chosen metric; .2 where a fifth is lost,
            below 0 where the metric rose.
    """

    kind: str
    epsilon: float
    metrics: dict[str, float]
    relative_loss: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class RobustnessCurve:
    """The metrics of one model under attacks of growing budget; `dataclasses.asdict` makes it JSON.

    Attributes:
        metric: the metric of the relative loss.
        relative: whether the budgets are fractions of each vector's norm.
        clean: the metrics without an attack.
        points: one for each kind and epsilon, kind by kind.
    """

    metric: str
    relative: bool
    clean: dict[str, float]
    points: tuple[AttackPoint, ...]

    def relative_losses(self, kind: str) -> dict[float, float]:
        """epsilon -> relative loss, of one kind of attack."""
        return {p.epsilon: p.relative_loss for p in self.points if p.kind == kind}


def robustness_curve(
    model,
    interactions: Interactions,
    evaluator: RankingEvaluator,
    epsilons: Sequence[float],
    *,
    kinds: Sequence[str] = ("fgsm", "pgd", "random"),
    relative: bool = True,
    norm: str = "l2",
    metric: str = "ndcg@10",
    seed: int = 0,
) -> RobustnessCurve:
    """Attack the vectors of a model with each kind and budget, and rank again.

    A vector may move by a fraction of its own norm. He et al. use an absolute epsilon
    (`relative=False`); it is no comparison between models whose vectors differ in norm, since long
    vectors withstand it by their norm alone. The adversary's loss depends on the scale of the
    scores all the same: where they are large, only few interactions have a gradient.

    Args:
        model: a `VectorRecommender`, or anything with `user_vectors()` and `item_vectors()`.
        interactions: the training interactions of the model, which the adversary attacks.
        evaluator: ranks before and after.
        epsilons: budgets, each >= 0.
        kinds: names of `KINDS`.
        relative: whether the budgets are in units of each vector's own norm, as in `fgsm`.
        norm: of the balls, "l2" or "linf".
        metric: the metric whose relative loss is given; one of the evaluator's.
        seed: of negatives and noise, the same for every point.

    Raises:
        ValueError: if a kind or the metric is unknown, a budget is out of range, or the model
            scores zero without an attack.
    """
    unknown = [kind for kind in kinds if kind not in KINDS]
    if unknown:
        raise ValueError(f"`kinds` should be of {tuple(KINDS)}. Received: {unknown[0]!r}.")
    attacks = [
        (kind, KINDS[kind](epsilon, relative=relative, norm=norm))
        for kind in kinds
        for epsilon in epsilons
    ]
    user_vectors, item_vectors = vectors_of(model)

    def measured(perturbation, objective="bpr"):
        attacked = attack_vectors(
            user_vectors, item_vectors, interactions, perturbation, seed=seed, objective=objective
        )
        return evaluator.evaluate(attacked).metrics

    clean = measured(KINDS["random"](0.0))
    if metric not in clean:
        raise ValueError(f"`metric` should be one of {', '.join(clean)}. Received: {metric!r}.")
    if not clean[metric] > 0:
        raise ValueError(
            f"`model` should have {metric} > 0 without an attack. Received: {clean[metric]!r}."
        )
    points = []
    for kind, perturbation in attacks:
        metrics = measured(perturbation, OBJECTIVE_OF.get(kind, "bpr"))
        points.append(
            AttackPoint(
                kind=kind,
                epsilon=perturbation.epsilon,
                metrics=metrics,
                relative_loss=1.0 - metrics[metric] / clean[metric],
            )
        )
    return RobustnessCurve(metric=metric, relative=relative, clean=clean, points=tuple(points))


def _blocks(interactions: Interactions) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Users, items [blocks, size] int32 and weights, 0 for padding of the last block."""
    count = len(interactions)
    size = min(_BLOCK, count)
    padding = -count % size
    columns = (interactions.user_index, interactions.item_index)
    users, items = (np.pad(column, (0, padding)).reshape(-1, size) for column in columns)
    weight = np.pad(np.ones(count, np.float32), (0, padding)).reshape(-1, size)
    return tf.constant(users, tf.int32), tf.constant(items, tf.int32), tf.constant(weight)


@tf.function(jit_compile=True)
def _gradients(user_table, item_table, users, items, weight, seed, objective):
    """The gradient of the summed objective by each table, accumulated block by block.

    A sum, not a mean: a mean over millions of interactions brings gradients near the smallest norm
    that `steepest` tells from zero.
    """

    def body(block, by_user, by_item):
        user, positive = users[block], items[block]
        # `seed` is (the attack's, the step); no two blocks of an attack share a stream.
        own_seed = stream(seed, "block of interactions", _SEEDS_PER_BLOCK * block)
        negative = random_indices(tf.shape(positive), own_seed, tf.shape(item_table)[0])
        # A pair of equal items has no gradient, but its halves would cancel only to rounding.
        counts = weight[block] * tf.cast(negative != positive, tf.float32)
        vectors = [
            tf.gather(table, index)
            for table, index in zip(
                (user_table, item_table, item_table), (user, positive, negative)
            )
        ]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(vectors)
            positive_score = tf.reduce_sum(vectors[0] * vectors[1], -1)
            negative_score = tf.reduce_sum(vectors[0] * vectors[2], -1)
            if objective == "bpr":
                of_pair = losses.bpr(positive_score, negative_score)
            else:
                of_pair = -tf.nn.relu(positive_score - negative_score)
            loss = tf.reduce_sum(of_pair * counts)
        of_user, of_positive, of_negative = tape.gradient(loss, vectors)
        by_user = tf.tensor_scatter_nd_add(by_user, user[:, None], of_user)
        by_item = tf.tensor_scatter_nd_add(by_item, positive[:, None], of_positive)
        by_item = tf.tensor_scatter_nd_add(by_item, negative[:, None], of_negative)
        return block + 1, by_user, by_item

    count = tf.shape(users)[0]
    start = (tf.constant(0), tf.zeros_like(user_table), tf.zeros_like(item_table))
    return tf.while_loop(lambda block, *_: block < count, body, start)[1:]
