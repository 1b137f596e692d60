"""How far items climb whose features are disturbed: a seller's evasion of a content model.

Whoever writes an item's features (its picture's vector, its text's, its price) can move them a
little so that the item enters lists (Tang et al. 2020, AMR, TKDE; Di Noia et al. 2020, TAaMR). Here
the features of chosen items move within a ball, in the one loop of `perturbations`, and what comes
out are item vectors to rank by. Any differentiable tower will do: one on features, on the vectors
of item texts, or on both together. Perturbed texts themselves are left to `text_robustness`,
perturbed vectors of a trained model to `robustness`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.perturbations import Perturbation, worst_case

OBJECTIVES = ("bpr", "margin")


def attack_item_features(
    encode: Callable[[tf.Tensor], tf.Tensor],
    features: np.ndarray,
    user_vectors: np.ndarray,
    targets: Sequence[int] | np.ndarray,
    perturbation: Perturbation,
    *,
    depth: int = 10,
    objective: str = "bpr",
    parts: np.ndarray | None = None,
    seed: int = 0,
) -> np.ndarray:
    """The vectors of all items after the features of the targets were moved.

    With m_u the score of user u's `depth`-th best item that is no target, and s_ut a target's, the
    adversary climbs the mean over users and targets of -softplus(m_u - s_ut) ("bpr") or of
    -max(m_u - s_ut, 0) ("margin", as Carlini & Wagner 2017: nothing is spent on a user whose list
    the target is in already). m_u does not move, since other items do not.

    Args:
        encode: features [n, f] float32 -> item vectors [n, dim], differentiable; items apart.
        features: [num_items, f] float32.
        user_vectors: [num_users, dim] float32; a score is a dot product.
        targets: distinct items.
        perturbation: the budget of a row of features; noise of equal size is its control.
        depth: >= 1.
        objective: of `OBJECTIVES`.
        parts: [f], 1 for features that may move and 0 for others; None where all may.
        seed: of noise and of a random start.

    Returns:
        [num_items, dim] float32.

    Raises:
        ValueError: if a target is no item or all items are, `depth` exceeds the other items, the
            objective is unknown, or `parts` is not one number a feature.
    """
    targets = np.asarray(targets)
    num_items = len(features)
    if (
        not len(targets)
        or targets.dtype.kind not in "iu"
        or len(np.unique(targets)) < len(targets)
        or not 0 <= targets.min() <= targets.max() < num_items
    ):
        raise ValueError(
            f"`targets` should be distinct items, 0..{num_items - 1}. Received: {targets.tolist()}."
        )
    if not 1 <= depth <= num_items - len(targets):
        raise ValueError(
            f"`depth` should be in 1..{num_items - len(targets)}, the items that are no targets. "
            f"Received: {depth!r}."
        )
    if objective not in OBJECTIVES:
        raise ValueError(f"`objective` should be one of {OBJECTIVES}. Received: {objective!r}.")
    if parts is not None and np.shape(parts) != features.shape[1:]:
        raise ValueError(
            f"`parts` should have shape {features.shape[1:]}. Received: {np.shape(parts)}."
        )
    features = tf.constant(features, tf.float32)
    users = tf.constant(user_vectors, tf.float32)
    vectors = encode(features).numpy()
    others = np.delete(vectors, targets, axis=0)
    bar = tf.math.top_k(tf.matmul(users, others, transpose_b=True), depth).values[:, -1:]
    rows = tf.gather(features, targets)
    open_parts = None
    if parts is not None:
        open_parts = [tf.ones_like(rows) * tf.constant(parts, tf.float32)]
    cost = tf.nn.softplus if objective == "bpr" else tf.nn.relu

    def gradients_at(deltas):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(deltas[0])
            moved = encode(rows + deltas[0])
            below = bar - tf.matmul(users, moved, transpose_b=True)
            gain = -tf.reduce_sum(cost(below))  # a sum: what is tiny has no direction
        return [tape.gradient(gain, deltas[0])]

    seeds = tf.constant([seed, 0], tf.int32)
    (delta,) = worst_case(gradients_at, [rows], perturbation, seeds, masks=open_parts)
    vectors[targets] = encode(rows + delta).numpy()
    return vectors
