"""One loss over the replicas of a `tf.distribute` strategy, equal to that of one device.

Each replica has a part of the batch. The gradients of all replicas are added, so each loss is a
share: what the examples of the replica add to the mean over the global batch. The in-batch softmax
also needs the other replicas' items, as negatives: `candidates_of_all`. What is drawn for examples
is drawn for the global batch, by the same seed on all replicas: `own_rows`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from advrec_tf.losses import weighted_mean
from advrec_tf.ops.random import random_floats

_here = threading.local()


@contextlib.contextmanager
def same_on_replicas() -> Iterator[None]:
    """Within the block layers return the same on all replicas, not what belongs to the examples of
    one: they are perturbed alike, by the gradient of all."""
    before, _here.same = is_same_on_replicas(), True
    try:
        yield
    finally:
        _here.same = before


def is_same_on_replicas() -> bool:
    """Whether this thread is in a block of `same_on_replicas`: each replica has one of its own."""
    return getattr(_here, "same", False)


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
    return tf.math.divide_no_nan(tf.reduce_sum(values * weights), _total(weights))


def averaged_mean(values: tf.Tensor, weights: tf.Tensor) -> tf.Tensor:
    """As `mean_over_replicas` for losses that replicas average, such as those of a GAN: the mean
    over the replicas of what they get is the weighted mean over the global batch."""
    return mean_over_replicas(values, weights) * num_replicas()


def averaged_gradients(gradients: Sequence) -> list:
    """Gradients of losses that replicas average, of which some may be None: optimizers add up those
    of all replicas, so each is divided by their number."""
    count = num_replicas()
    if count == 1:
        return list(gradients)
    return [
        tf.IndexedSlices(g.values / count, g.indices, g.dense_shape)
        if isinstance(g, tf.IndexedSlices)
        else g
        if g is None
        else g / count
        for g in gradients
    ]


def assign_on_replicas(variables: Sequence[tf.Variable], values: Sequence[tf.Tensor]) -> None:
    """Assign to variables what all replicas have computed alike; none of them is trained."""
    if num_replicas() == 1:
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        return

    def update(strategy, values):
        for variable, value in zip(variables, values, strict=True):
            strategy.extended.update(variable, lambda own, new: own.assign(new), args=(value,))

    tf.distribute.get_replica_context().merge_call(update, args=(list(values),))


def candidates_of_all(values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The values of all replicas, [global batch, ...] each, this replica's own first; numbers are
    differentiable. On one device the values themselves.

    Args:
        values: [batch, ...] each of float32, [batch] of int32 or bool.
    """
    if num_replicas() == 1:
        return list(values)
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    number = tf.cast(number, tf.int32)
    # One exchange for all whole numbers, and for whose they are: each costs a round trip.
    whole = [place for place, value in enumerate(values) if value.dtype in (tf.int32, tf.bool)]
    columns = [tf.cast(values[place], tf.int32) for place in whole]
    owner = tf.fill(tf.shape(values[0])[:1], number)
    others = [value for place, value in enumerate(values) if place not in whole]
    packed, *found = of_global_batch([tf.stack([*columns, owner], axis=1), *others])
    before = tf.math.count_nonzero(packed[:, -1] < number, dtype=tf.int32)
    rolled = iter([tf.roll(value, -before, axis=0) for value in found])
    packed = tf.roll(packed, -before, axis=0)
    return [
        tf.cast(packed[:, whole.index(place)], value.dtype) if place in whole else next(rolled)
        for place, value in enumerate(values)
    ]


def of_global_batch(values: Sequence[tf.Tensor]) -> list[tf.Tensor]:
    """The values of all replicas, [global batch, ...] each, in the order of the global batch; as
    `candidates_of_all` otherwise."""
    if num_replicas() == 1:
        return list(values)
    replica = tf.distribute.get_replica_context()

    def gathered(value):
        # What comes straight from the input has no device, and could not be gathered to it.
        plain = tf.cast(value, tf.int32) if value.dtype == tf.bool else tf.identity(value)
        return tf.cast(replica.all_gather(plain, axis=0), value.dtype)

    return [gathered(value) for value in values]


def mean_compiled_apart(
    function: Callable[..., tf.Tensor], given: Sequence[tf.Tensor], weights: tf.Tensor
) -> tf.Tensor:
    """`mean_over_replicas` of what a function makes of tensors and exchanges nothing.

    Where several workers train together, their step as a whole is not compiled by XLA, since they
    exchange numbers in it. There the function is, together with its gradient, so that what lies
    between the two is never written down.

    Args:
        function: given -> [batch] float32; it reads no weights.
        given: those of float32 come first, and have a gradient.
        weights: [batch] float32 of this replica's examples.
    """
    strategy = tf.distribute.get_strategy()
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy) or num_replicas() == 1:
        return mean_over_replicas(function(*given), weights)
    count = sum(value.dtype == tf.float32 for value in given)

    @tf.function(jit_compile=True)
    def with_gradients(weights, *values):
        with tf.GradientTape() as tape:
            tape.watch(values[:count])
            total = tf.reduce_sum(function(*values) * weights)
        return total, tape.gradient(total, values[:count])

    @tf.custom_gradient
    def weighted_sum(*numbers):
        total, gradients = with_gradients(weights, *numbers, *given[count:])
        return total, lambda upstream: [upstream * own for own in gradients]

    return tf.math.divide_no_nan(weighted_sum(*given[:count]), _total(weights))


def _total(weights: tf.Tensor) -> tf.Tensor:
    """The sum of the weights of all replicas."""
    return sum_over_replicas(tf.reduce_sum(weights))


def own_rows(draw: Callable[[tf.Tensor], tf.Tensor], size: tf.Tensor) -> tf.Tensor:
    """What `draw(n)`, [n, ...], gives for this replica's examples, [size, ...], where it draws for
    the n examples of the global batch; on one device `draw(size)`.

    Args:
        draw: equal on all replicas for equal n.
        size: scalar int32, this replica's examples.
    """
    if num_replicas() == 1:
        return draw(size)
    before, total = _place(size)
    return draw(total)[before : before + size]


def drawn_for_rows(draw: Callable[..., tf.Tensor], shape: tf.Tensor, *settings) -> tf.Tensor:
    """What `draw(shape, *settings)` gives for this replica's examples: its part of what one device
    draws for the global batch.

    Args:
        draw: such as `tf.random.stateless_uniform`; equal on all replicas for equal arguments.
        shape: [rank] int32, whose first entry counts the examples.
        *settings: such as the seed [2] int32, the same on all replicas.
    """
    return own_rows(lambda n: draw(tf.concat([[n], shape[1:]], 0), *settings), shape[0])


def part_of_replica(values: tf.Tensor) -> tf.Tensor:
    """The examples [n / replicas, ...] of this replica, of n that all of them know, where they
    divide."""
    count = num_replicas()
    if count == 1:
        return values
    number = tf.distribute.get_replica_context().replica_id_in_sync_group
    parts = tf.reshape(values, [count, values.shape[0] // count, *values.shape[1:]])
    return parts[tf.cast(number, tf.int32)]


def random_floats_of_rows(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """`ops.random.random_floats` as `drawn_for_rows`."""
    return drawn_for_rows(random_floats, shape, seed)


def seed_of_all(seed: tf.Tensor) -> tf.Tensor:
    """The seed [2] of a batch, which a strategy cuts among its replicas as it does a batch."""
    if num_replicas() == 1 or seed.shape.rank != 1 or seed.shape == [2]:
        return seed
    (whole,) = of_global_batch([seed])
    return tf.ensure_shape(whole, [2])


def sum_over_replicas(value: tf.Tensor) -> tf.Tensor:
    """The sum of the values of all replicas, same shape."""
    if num_replicas() == 1:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.SUM, value)


def _place(size: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """How many examples of the global batch stand before this replica's, and how many there are."""
    replica = tf.distribute.get_replica_context()
    sizes = replica.all_gather(tf.reshape(size, [1]), axis=0)
    number = tf.cast(replica.replica_id_in_sync_group, tf.int32)
    return tf.reduce_sum(sizes[:number]), tf.reduce_sum(sizes)
