"""Tables that lie in parts on parameter servers, and what workers that share nothing read.

Under a `tf.distribute.ParameterServerStrategy` a table is a list of blocks of rows, and a step runs
in another process than the one that wrote it. Elsewhere every function here is the plain operation.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

_Sharded = tf.__internal__.distribute.ShardedVariable


def is_asynchronous(strategy: tf.distribute.Strategy) -> bool:
    """Whether workers train by it without each other, on variables of parameter servers."""
    return isinstance(strategy, tf.distribute.ParameterServerStrategy)


def rows_at(table: tf.Variable | tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """Rows of a table [n, ...] at indices [...], [..., ...]: of a table in parts each server sends
    its own of them, where `tf.gather` would bring the whole table."""
    if isinstance(table, _Sharded):
        return tf.nn.embedding_lookup(table, index)
    return tf.gather(table, index)


def for_workers(value: tf.Tensor) -> tf.Tensor:
    """A tensor of this process as a step reads it: a part of the step's function where workers run
    it, which is sent to each once; else it would be sent with every step."""
    if tf.executing_eagerly() or not is_asynchronous(tf.distribute.get_strategy()):
        return value
    return tf.constant(value.numpy())


def whole_variables(variables: Sequence) -> list:
    """Variables with the parts of a table replaced by the table, in the place of its first part."""
    found: dict[int, tf.Variable] = {}
    for variable in variables:
        parted = getattr(variable, "_sharded_container", None)
        variable = variable if parted is None else parted()
        found.setdefault(id(variable), variable)
    return list(found.values())
