"""Collecting, watching and shifting what chosen layers return, without altering the model.

A context manager replaces the `call` of each layer for the length of a block. What to shift by
is left to `perturbations`, what to do with the loss to `training.adversarial_term`.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.replicas import is_same_on_replicas


class LayerOutputs(list):
    """The outputs of the layers, [rows, ..., features] each, in the order of the calls.

    Of a ragged output the flat values stand here, [values, ..., features].

    Attributes:
        masks: for each output 1 where it may move and 0 where not, in its shape, if its layer
            has a method `perturbable` that tells so from the arguments of the call; else None.
        shared: for each output whether it is the same on all replicas of a strategy, not one of a
            replica's examples: its layer has `same_on_replicas`, or it is called in a block of
            `models.replicas.same_on_replicas`.
        scales: for each output factors of the radius, [rows, ..., 1], if its layer has a method
            `radius_scale` that tells them so; else None.
    """

    def __init__(self):
        super().__init__()
        self.masks: list[tf.Tensor | None] = []
        self.shared: list[bool] = []
        self.scales: list[tf.Tensor | None] = []


@contextlib.contextmanager
def perturb_outputs(
    layers: Sequence[keras.layers.Layer],
    *,
    tape: tf.GradientTape | None = None,
    deltas: Sequence[tf.Tensor] | None = None,
) -> Iterator[LayerOutputs]:
    """Within the block, layer outputs are collected, watched by `tape`, shifted by `deltas`.

    Outputs (shifted, where there are deltas) are collected in the order of the calls; a layer
    called twice gives two. `deltas` follow the same order. After the block the layers are as
    before. A call in another graph than that of the block is left alone: so Keras traces a
    `Sequential` or functional model at its first call, before it runs it. So is a call in another
    thread: the replicas of a `MirroredStrategy` take turns inside their blocks.

    Raises:
        ValueError: if the block makes more or fewer calls than there are deltas, or a layer
            returns anything but a dense or ragged tensor of floating type.
    """
    outputs = LayerOutputs()

    def perturbed_call(layer, call, *args, **kwargs):
        output = call(*args, **kwargs)
        values = _values_of(layer, output)
        if deltas is not None:
            if len(outputs) >= len(deltas):
                raise ValueError(
                    f"`deltas` should hold one tensor a layer call. Received {len(deltas)}, "
                    "and the model made another call."
                )
            values += tf.cast(deltas[len(outputs)], values.dtype)
        else:
            values = tf.identity(values)
        if tape is not None:
            tape.watch(values)
        outputs.append(values)
        for found, name in ((outputs.masks, "perturbable"), (outputs.scales, "radius_scale")):
            told = getattr(layer, name, None)
            found.append(None if told is None else told(*args, **kwargs))
        shared = getattr(layer, "same_on_replicas", False) or is_same_on_replicas()
        outputs.shared.append(shared)
        return output.with_flat_values(values) if isinstance(output, tf.RaggedTensor) else values

    with replaced_calls(layers, perturbed_call):
        yield outputs
    if deltas is not None and len(outputs) != len(deltas):
        raise ValueError(
            f"`deltas` should hold one tensor a layer call. Received {len(deltas)}, "
            f"and the model made {len(outputs)} calls."
        )


@contextlib.contextmanager
def replaced_calls(layers: Sequence[keras.layers.Layer], replacement: Callable) -> Iterator[None]:
    """Within the block a call of a layer is `replacement(layer, call, *args, **kwargs)`, with its
    own `call`. Calls in another graph or thread are left alone, see `perturb_outputs`."""
    graph, thread = _current_graph(), threading.get_ident()

    def replaced(layer, call):
        def replaced_call(*args, **kwargs):
            elsewhere = _current_graph() is not graph or threading.get_ident() != thread
            if elsewhere or not placed.active:
                return call(*args, **kwargs)
            return replacement(layer, call, *args, **kwargs)

        placed = tf.autograph.experimental.do_not_convert(replaced_call)
        placed.active, placed.before = True, vars(layer).get("call")
        return placed

    placed = [replaced(layer, layer.call) for layer in layers]
    for layer, call in zip(layers, placed, strict=True):
        object.__setattr__(layer, "call", call)
    try:
        yield
    finally:
        for layer, call in zip(layers, placed, strict=True):
            call.active = False
            _remove_ended(layer)


def _remove_ended(layer: keras.layers.Layer) -> None:
    """Take off the calls whose blocks have ended, down to one that has not or the layer's own."""
    call = vars(layer).get("call")
    while getattr(call, "active", None) is False:
        object.__delattr__(layer, "call")
        if call.before is not None:
            object.__setattr__(layer, "call", call.before)
        call = call.before


def _current_graph() -> tf.Graph | None:
    """The graph that operations are added to; None in eager execution."""
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def _values_of(layer: keras.layers.Layer, output) -> tf.Tensor:
    values = output.flat_values if isinstance(output, tf.RaggedTensor) else output
    if not tf.is_tensor(values) or isinstance(values, tf.SparseTensor):
        found = f"{type(output).__name__}"
    elif not values.dtype.is_floating:
        found = f"a tensor of type {values.dtype.name}"
    else:
        return values
    raise ValueError(
        f"`layers` should hold layers that return one tensor of floating type. {layer.name!r} "
        f"({type(layer).__name__}) returned {found}."
    )
