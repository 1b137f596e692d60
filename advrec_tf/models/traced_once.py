"""Training steps whose graph is made once: their optimizers have all variables before the first.

TensorFlow traces a function anew where its first call made a variable. Keras leaves the variables
of an optimizer to the first step, so that each step would be traced twice, for seconds where its
graph is large. What a step computes is left to the model.
"""

from __future__ import annotations

from collections.abc import Iterable

import tensorflow as tf

from advrec_tf._keras import keras


class TracedOnce:
    """Mixin of a `keras.Model` whose constructor makes the weights that are its own."""

    def make_train_function(self, force=False):
        """As `keras.Model.make_train_function`; the optimizers are built before."""
        if not tf.distribute.has_strategy() and _has_all_weights(self):
            for optimizer, variables in optimized_variables(self):
                if isinstance(optimizer, keras.optimizers.Optimizer):  # a legacy one builds itself
                    optimizer.build(variables)
        return super().make_train_function(force)


def optimized_variables(
    model: keras.Model,
) -> Iterable[tuple[keras.optimizers.Optimizer, list[tf.Variable]]]:
    """Each optimizer of a model with the variables that it moves: those of `optimized()` where a
    model has several, else `optimizer` and `trainable_variables`."""
    if hasattr(model, "optimized"):
        return model.optimized()
    return [(model.optimizer, model.trainable_variables)]


def _has_all_weights(model: keras.Model) -> bool:
    """Whether no layer inside a model makes its weights later, at its first call."""
    layers = [part for part in (model, *model.submodules) if isinstance(part, keras.layers.Layer)]
    return all(layer.built or _makes_none(layer) for layer in layers)


def _makes_none(layer: keras.layers.Layer) -> bool:
    """Whether a layer that is not built has no weights to make: a layer of this package or of TFRS
    that has a `build` of its own makes them there, and the models of `TracedOnce` before."""
    if isinstance(layer, (TracedOnce, keras.metrics.Metric)):
        return True
    known = type(layer).__module__.split(".")[0] in ("advrec_tf", "tensorflow_recommenders")
    return known and type(layer).build is keras.layers.Layer.build
