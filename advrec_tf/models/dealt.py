"""Training steps that workers take on the batches that the chief deals, one after another.

Under a `tf.distribute.ParameterServerStrategy` Keras lets each worker read the data by itself, all
in one order. Here the chief reads them, and every batch of an epoch is trained on once, by
whichever worker is free: so one worker trains as one device does, and the data lie where the chief
is alone. What a step computes is left to the model.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.ops.servers import is_asynchronous

_TURNS = 4
"""Each worker has at least so many turns an epoch, so that none waits long for the last."""


class Dealer:
    """What stands in the place of the train function that Keras makes.

    Args:
        model: compiled, under the strategy.
        batches: a dataset of batches, which does not end.
    """

    def __init__(self, model: keras.Model, batches: tf.data.Dataset):
        strategy = model.distribute_strategy
        self._model = model
        self._batches = iter(batches)
        self._coordinator = tf.distribute.coordinator.ClusterCoordinator(strategy)

        def one(batch):
            logs = strategy.run(model.train_step, args=(batch,))
            model._train_counter.assign_add(1)  # as in the train function of Keras
            return logs

        @tf.function(reduce_retracing=True)
        def several(batches):
            columns = tf.nest.flatten(batches)
            for place in tf.range(tf.shape(columns[0])[0]):
                logs = one(tf.nest.pack_sequence_as(batches, [own[place] for own in columns]))
            return logs

        self._one, self._several = tf.function(one, reduce_retracing=True), several

    def __call__(self, _):
        """Deal the batches of one execution; the logs after it, which are not awaited."""
        count = int(self._model.steps_per_execution.numpy())
        if count == 1:
            return self._coordinator.schedule(self._one, args=(next(self._batches),))
        dealt = [next(self._batches) for _ in range(count)]
        stacked = tf.nest.map_structure(lambda *values: tf.stack(values), *dealt)
        return self._coordinator.schedule(self._several, args=(stacked,))


@contextlib.contextmanager
def dealing(model: keras.Model, arguments: dict) -> Iterator[None]:
    """Within the block `fit` of the model trains as this module says, where its strategy has
    parameter servers and `x` of the arguments of `fit` is a dataset; else as Keras does.

    Raises:
        ValueError: if it is not told how many steps an epoch has, or workers compile by XLA.
        ConnectionError: if a parameter server is lost. One of the workers may be.
    """
    strategy = model.distribute_strategy
    if not is_asynchronous(strategy):
        yield
        return
    if model.jit_compile:
        raise ValueError(
            "`jit_compile` should be False under a ParameterServerStrategy: a step reads and "
            "writes variables of other processes, which XLA cannot. Received: True."
        )
    data = arguments.get("x")
    if not isinstance(data, tf.data.Dataset):
        with _servers_needed():
            yield
        return
    if arguments.get("steps_per_epoch") is None:
        if (size := int(data.cardinality())) < 1:
            raise ValueError(
                "`steps_per_epoch` should be given under a ParameterServerStrategy for a dataset "
                "that does not tell its size. Received none."
            )
        arguments["steps_per_epoch"], data = size, data.repeat()
    steps, most = arguments["steps_per_epoch"], int(model.steps_per_execution.numpy())
    turns = _TURNS * strategy.extended._num_workers
    model.steps_per_execution.assign(max(1, min(most, steps // turns)))
    model.train_function = Dealer(model, data)
    arguments["x"] = tf.data.Dataset.from_tensors(0).repeat()  # what Keras gives each worker
    try:
        with _servers_needed(), warnings.catch_warnings():
            # Of the options of that dataset, which has none.
            warnings.filterwarnings("ignore", "To make it possible to preserve tf.data options")
            yield
    finally:
        model.train_function = None
        with contextlib.suppress(tf.errors.OpError):  # the variable is lost with its server
            model.steps_per_execution.assign(most)


@contextlib.contextmanager
def _servers_needed() -> Iterator[None]:
    try:
        yield
    except (tf.errors.UnavailableError, tf.errors.AbortedError) as error:
        raise ConnectionError(
            "All parameter servers should stay until the training has ended. Received: the loss of "
            f"one ({str(error).splitlines()[0]}). Start all processes again; a training with a "
            "checkpoint goes on from it (--resume of the commands)."
        ) from None
