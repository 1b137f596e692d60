"""One loss over the replicas of a `tf.distribute` strategy, equal to that of one device.

Each replica has a part of the batch. The gradients of all replicas are added, so each loss is a
share: what the examples of the replica add to the mean over the global batch. The in-batch softmax
also needs the other replicas' items, as negatives: `candidates_of_all`.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from advrec_tf.losses import weighted_mean


def num_replicas() -> int:
    """How many replicas take this training step together; 1 outside of a replica."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def mean_over_replicas(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """This replica's share of the weighted mean over the global batch: the shares add up to it.

    Args:
        values, weights: [batch] float32 of this replica's examples.
    """
    if num_replicas() == 1:
        return weighted_mean(values, weights)
    replica = tf.distribute.get_replica_context()
    total = replica.all_reduce(tf.distribute.ReduceOp.SUM, tf.reduce_sum(weights))
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), total)


def candidates_of_all(values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The values of all replicas, [global batch, ...] each, this replica's own first; numbers are
    differentiable. On one device the values themselves.

    Args:
        values: [batch, ...] each, of float32, int32 or bool.
    """
    if num_replicas() == 1:
        return list(values)
    replica = tf.distribute.get_replica_context()

    def gathered(value):
        plain = tf.cast(value, tf.int32) if value.dtype == tf.bool else value
        return tf.cast(replica.all_gather(plain, axis=0), value.dtype)

    sizes = gathered(tf.shape(values[0])[:1])
    before = tf.reduce_sum(sizes[: tf.cast(replica.replica_id_in_sync_group, tf.int32)])
    return [tf.roll(gathered(value), -before, axis=0) for value in values]
