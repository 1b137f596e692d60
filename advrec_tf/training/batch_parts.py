"""What training takes out of a batch of any structure: its first examples, and a seed.

Batches of `data.batches` are dicts that carry `weight` [batch] and `seed` [2]. Both are used where
they are there; neither is needed.
"""

from __future__ import annotations

import math

import tensorflow as tf

from advrec_tf.models.replicas import num_replicas
from advrec_tf.ops.random import seed_of_step, stream


def first_fraction(batch, fraction: float, *, by_weight: bool = False):
    """The same nest with the first `fraction` of the batch's examples, at least one.

    Each tensor, ragged or sparse too, is cut whose first dimension is that of the batch: the one
    that most of its tensors share. With `by_weight` a dict that has `weight` [batch] keeps all its
    examples, with no weight left on the others: so the negatives of an in-batch softmax stay.

    Raises:
        ValueError: if no tensor has a dimension of examples.
    """
    if fraction == 1:
        return batch
    if by_weight and isinstance(batch, dict) and "weight" in batch:
        return {**batch, "weight": first_weights(batch["weight"], fraction)}
    leaves = [leaf for leaf in tf.nest.flatten(batch) if _has_rows(leaf)]
    if not leaves:
        raise ValueError(
            "A batch should hold a tensor with a dimension of examples where `fraction` < 1. "
            "Received none."
        )
    examples = _most_frequent([_num_rows(leaf) for leaf in leaves])
    return tf.nest.map_structure(lambda leaf: _cut(leaf, examples, fraction), batch)


def first_weights(weight: tf.Tensor, fraction: float) -> tf.Tensor:
    """`weight` [batch] with no weight left on the examples after the first `fraction`."""
    examples = tf.shape(weight)[0]
    return weight * tf.cast(tf.range(examples) < _count(examples, fraction), weight.dtype)


def seed_of(batch, seed: int, step: tf.Tensor | int, *, same: bool = False) -> tf.Tensor:
    """[2] int32: the batch's own where it is one of `data.batches`, else from the seed and the
    step; different on each replica, unless they should have the `same` and each take its part of
    what is drawn for all."""
    number = None
    if num_replicas() > 1 and not same:
        replica = tf.distribute.get_replica_context()
        number = tf.cast(replica.replica_id_in_sync_group, tf.int32)
    given = batch.get("seed") if isinstance(batch, dict) else None
    if given is not None and given.dtype == tf.int32 and given.shape == [2]:
        found = given
    else:
        found = seed_of_step(seed, step)
    return found if number is None else stream(found, "replica", number)


def _count(examples, fraction: float):
    """ceil(fraction * examples), of a number or a scalar tensor int32."""
    if isinstance(examples, int):
        return math.ceil(fraction * examples - 1e-6)
    return tf.cast(tf.math.ceil(fraction * tf.cast(examples, tf.float32)), tf.int32)


def _has_rows(leaf) -> bool:
    return leaf is not None and leaf.shape.rank != 0


def _num_rows(leaf):
    """The first dimension: a number where it is known beforehand, else a scalar tensor int32."""
    if leaf.shape.rank is not None and leaf.shape[0] is not None:
        return leaf.shape[0]
    if isinstance(leaf, tf.RaggedTensor):
        return tf.cast(leaf.nrows(), tf.int32)
    if isinstance(leaf, tf.SparseTensor):
        return tf.cast(leaf.dense_shape[0], tf.int32)
    return tf.shape(leaf)[0]


def _most_frequent(sizes):
    if all(isinstance(size, int) for size in sizes):
        return max(sizes, key=sizes.count)
    sizes = tf.stack(sizes)
    counts = tf.reduce_sum(tf.cast(sizes[:, None] == sizes[None, :], tf.int32), 1)
    return sizes[tf.argmax(counts)]


def _cut(leaf, examples, fraction: float):
    if not _has_rows(leaf):
        return leaf
    rows = _num_rows(leaf)
    chosen = _count(examples, fraction)
    if isinstance(rows, int) and isinstance(examples, int):
        kept = chosen if rows == examples else rows
    else:
        kept = tf.where(tf.equal(rows, examples), chosen, rows)
    if isinstance(leaf, tf.SparseTensor):
        shape = leaf.dense_shape
        size = tf.concat([tf.cast([kept], shape.dtype), shape[1:]], 0)
        return tf.sparse.slice(leaf, tf.zeros_like(shape), size)
    return leaf[:kept]
