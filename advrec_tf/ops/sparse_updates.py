"""How an optimizer moves the rows a batch looked up, as pure functions of tensors.

Compiled blocks of steps keep whole tables as loop state, where Keras optimizers, which
write to variables, cannot go. Here are the same rules on tensors: given a table, the slots
of its optimizer, the rows and a gradient per occurrence, each returns the new table and
slots. A step costs by the batch, never by the table, and rows outside the batch keep their
bits. `rule_of` finds the rule of a compiled Keras optimizer; its slots stay the
optimizer's own variables, so checkpoints hold them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import tensorflow as tf

from advrec_tf._keras import keras

Slots = tuple[tf.Tensor, ...]


@dataclasses.dataclass(frozen=True)
class RowRule:
    """One optimizer's rule.

    Attributes:
        slots: table variable -> the optimizer's variables of the same shape, in a fixed order.
        update: (table, slots, rows [n], gradient [n, dim], learning_rate, step) -> (table, slots);
            `step` counts from 1 and is a float.
        additive: whether the parts of a batch may be given one after the other, because the update
            of a row is the sum of those of its occurrences.
    """

    slots: Callable[[tf.Variable], Sequence[tf.Variable]]
    update: Callable[..., tuple[tf.Tensor, Slots]]
    additive: bool = False


def sum_repeats(rows: tf.Tensor, values: tf.Tensor, num_rows: int) -> tf.Tensor:
    """rows [n] int32, values [n, dim] -> [n, dim]: each occurrence gets its row's sum.

    Costs by n, but for 4 bytes a table row. Static in shape, so XLA compiles it.
    """
    count = tf.shape(rows)[0]
    # Any one occurrence represents its row; the last one scattered does.
    stand_in = tf.tensor_scatter_nd_update(
        tf.zeros([num_rows], tf.int32), rows[:, None], tf.range(count)
    )
    place = tf.gather(stand_in, rows)
    return tf.gather(tf.math.unsorted_segment_sum(values, place, count), place)


def sgd(table, slots: Slots, rows, gradient, learning_rate, step):
    """row -= learning_rate * gradient; repeats add up by themselves.

    Keras stores its last step in a momentum variable that plain SGD never reads; that one is
    left alone.
    """
    return tf.tensor_scatter_nd_sub(table, rows[:, None], learning_rate * gradient), slots


def adagrad(table, slots: Slots, rows, gradient, learning_rate, step, *, epsilon: float):
    """Duchi et al. 2011: row -= learning_rate * g / sqrt(sum of g^2 so far + epsilon)."""
    (accumulator,) = slots
    gradient = sum_repeats(rows, gradient, table.shape[0])
    squares = tf.gather(accumulator, rows) + tf.square(gradient)
    moved = tf.gather(table, rows) - learning_rate * gradient * tf.math.rsqrt(squares + epsilon)
    return _write(table, rows, moved), (_write(accumulator, rows, squares),)


def lazy_adam(table, slots: Slots, rows, gradient, learning_rate, step, *, beta_1, beta_2, epsilon):
    """Adam whose moments decay only when the row is looked up; bias follows `step`."""
    first, second = slots
    gradient = sum_repeats(rows, gradient, table.shape[0])
    step_size = learning_rate * tf.sqrt(1.0 - tf.pow(beta_2, step)) / (1.0 - tf.pow(beta_1, step))
    row_first = tf.gather(first, rows)
    row_first += (gradient - row_first) * (1.0 - beta_1)
    row_second = tf.gather(second, rows)
    row_second += (tf.square(gradient) - row_second) * (1.0 - beta_2)
    moved = tf.gather(table, rows) - step_size * row_first / (tf.sqrt(row_second) + epsilon)
    return _write(table, rows, moved), (
        _write(first, rows, row_first),
        _write(second, rows, row_second),
    )


def rule_of(optimizer: keras.optimizers.Optimizer) -> RowRule:
    """The rule of a compiled optimizer: plain SGD, Adagrad, or one with a `row_rule()`.

    Raises:
        ValueError: if it has none, or its settings touch rows outside the batch.
    """
    refused = [
        name
        for name in ("clipnorm", "clipvalue", "global_clipnorm", "weight_decay")
        if getattr(optimizer, name, None)
    ]
    if getattr(optimizer, "use_ema", False):
        refused.append("use_ema")
    if getattr(optimizer, "momentum", 0):
        refused.append("momentum")
    if refused:
        raise ValueError(
            "Blocks of steps need an optimizer that touches the rows of the batch alone. "
            f"Received {type(optimizer).__name__} with {', '.join(refused)}."
        )
    if hasattr(optimizer, "row_rule"):
        return optimizer.row_rule()
    if isinstance(optimizer, keras.optimizers.SGD):
        return RowRule(slots=lambda variable: (), update=sgd, additive=True)
    if isinstance(optimizer, keras.optimizers.Adagrad):
        epsilon = optimizer.epsilon

        def slots(variable):
            return (optimizer._accumulators[optimizer._index_dict[optimizer._var_key(variable)]],)

        def update(*arguments):
            return adagrad(*arguments, epsilon=epsilon)

        return RowRule(slots=slots, update=update)
    raise ValueError(
        "Blocks of steps are trained by keras.optimizers.SGD, keras.optimizers.Adagrad or "
        f"training.optimizers.LazyAdam. Received: {type(optimizer).__name__}."
    )


def _write(table: tf.Tensor, rows: tf.Tensor, values: tf.Tensor) -> tf.Tensor:
    return tf.tensor_scatter_nd_update(table, rows[:, None], values)
