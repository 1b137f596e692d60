"""Tapping layers: seeing, watching and shifting what they put out, without altering a model."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from advrec_tf._keras import keras


class LayerOutputs(list):
    """The outputs of tapped layers, [rows, ..., features] each, in the order of the calls.

    Attributes:
        parts: for each output what of it may move, 1 or 0 in its shape, where its layer says
            so by `perturbable(...)` of the arguments of the call; else None.
    """

    def __init__(self):
        super().__init__()
        self.parts: list[tf.Tensor | None] = []


@contextlib.contextmanager
def perturb_outputs(
    layers: Sequence[keras.layers.Layer],
    *,
    tape: tf.GradientTape | None = None,
    deltas: Sequence[tf.Tensor] | None = None,
) -> Iterator[LayerOutputs]:
    """Within the block, layer outputs are collected, watched by `tape`, shifted by `deltas`.

    Outputs (shifted, where there are deltas) are collected in the order of the calls; a layer
    called twice gives two. `deltas` follow the same order. On leaving, the layers are as
    before.

    Raises:
        ValueError: if the block makes more or fewer calls than there are deltas.
    """
    outputs = LayerOutputs()

    def tap(layer, call):
        def tapped_call(*args, **kwargs):
            output = call(*args, **kwargs)
            if deltas is not None:
                if len(outputs) >= len(deltas):
                    raise ValueError(
                        f"`deltas` should hold one tensor a layer call. Received {len(deltas)}, "
                        "and the model made another call."
                    )
                shifted = output + deltas[len(outputs)]
            else:
                shifted = tf.identity(output)
            if tape is not None:
                tape.watch(shifted)
            outputs.append(shifted)
            may_move = getattr(layer, "perturbable", None)
            outputs.parts.append(None if may_move is None else may_move(*args, **kwargs))
            return shifted

        return tf.autograph.experimental.do_not_convert(tapped_call)

    before = [vars(layer).get("call") for layer in layers]
    for layer in layers:
        object.__setattr__(layer, "call", tap(layer, layer.call))
    try:
        yield outputs
    finally:
        for layer, call in zip(layers, before, strict=True):
            object.__delattr__(layer, "call")
            if call is not None:
                object.__setattr__(layer, "call", call)
    if deltas is not None and len(outputs) != len(deltas):
        raise ValueError(
            f"`deltas` should hold one tensor a layer call. Received {len(deltas)}, "
            f"and the model made {len(outputs)} calls."
        )
