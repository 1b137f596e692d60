"""A model whose training is altered by another: what both share.

The wrapper adds to the loss; scores, vectors and the training rows are the wrapped model's.
"""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.perturbations import Perturbation


class ModelWrapper(RecommenderModel):
    """Trains `model` by another `compute_loss`; everything else is asked of `model`.

    A model that counts its updates (has `step_done`) is told of each.
    """

    def __init__(self, model: keras.Model, **kwargs):
        super().__init__(**kwargs)
        self.model = model

    @property
    def interactions(self):
        return self.model.interactions

    def call(self, inputs, training=False):
        return self.model(inputs, training=training)

    def score(self, user_index: tf.Tensor) -> tf.Tensor:
        return self.model.score(user_index)

    def frozen(self):
        return self.model.frozen()

    def user_vectors(self):
        return self.model.user_vectors()

    def item_vectors(self):
        return self.model.item_vectors()

    def train_step(self, inputs: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        logs = super().train_step(inputs)
        if hasattr(self.model, "step_done"):
            self.model.step_done()
        return logs


def embedding_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Every `Embedding` inside a model, at any depth, each once."""
    return [
        layer
        for layer in model.submodules
        if isinstance(layer, keras.layers.Embedding) and layer.trainable
    ]


def layers_to_perturb(
    model: keras.Model, layers: Sequence[keras.layers.Layer] | None
) -> tuple[keras.layers.Layer, ...]:
    """The layers given, by default all embeddings.

    Raises:
        ValueError: if there is none, or one is no layer.
    """
    chosen = tuple(embedding_layers(model) if layers is None else layers)
    strange = [layer for layer in chosen if not isinstance(layer, tf.Module)]
    if strange:
        raise ValueError(
            "`layers` should hold layers, such as layers=[model.item_layer]. "
            f"Received: {strange[0]!r}."
        )
    if not chosen:
        raise ValueError(
            "`layers` should name a layer to perturb, such as layers=[model.item_layer]: "
            f"{type(model).__name__} has no trainable Embedding. Received none."
        )
    return chosen


def require_perturbation(perturbation: Perturbation) -> Perturbation:
    """The budget itself.

    Raises:
        ValueError: if it is something else, such as a number.
    """
    if not isinstance(perturbation, Perturbation):
        raise ValueError(
            f"`perturbation` should be a `Perturbation`, such as fgsm(0.25). Received: "
            f"{perturbation!r}."
        )
    return perturbation
