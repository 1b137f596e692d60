"""What wrappers ask of the model they are given: whether it can be wrapped, which of its layers are
perturbed, how its losses add up, and that its state stays as it is.

The wrappers themselves are left to `wrapper` and the modules of their methods.
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Iterator, Sequence

import tensorflow as tf

from advrec_tf._keras import keras, of_keras_3
from advrec_tf.models.compositional import ComposedEmbedding
from advrec_tf.models.trained import RecommenderModel
from advrec_tf.perturbations import Perturbation

_LIBRARIES = ("tf_keras", "keras", "tensorflow_recommenders")


@contextlib.contextmanager
def state_kept(model: keras.Model) -> Iterator[None]:
    """Within the block no metric of the model is updated, and no moving mean or variance of a
    `BatchNormalization` moves; the normalization itself is that of training."""
    parts = {id(part): part for part in (*model.submodules, *model.metrics)}.values()
    metrics = [part for part in parts if hasattr(part, "update_state")]
    norms = [part for part in parts if isinstance(part, keras.layers.BatchNormalization)]
    before = [vars(metric).get("update_state") for metric in metrics]
    momenta = [norm.momentum for norm in norms]
    for metric in metrics:
        object.__setattr__(metric, "update_state", lambda *args, **kwargs: tf.no_op())
    for norm in norms:
        norm.momentum = 1.0
    try:
        yield
    finally:
        for metric, update in zip(metrics, before, strict=True):
            object.__delattr__(metric, "update_state")
            if update is not None:
                object.__setattr__(metric, "update_state", update)
        for norm, momentum in zip(norms, momenta, strict=True):
            norm.momentum = momentum


def require_wrappable(model: keras.Model) -> keras.Model:
    """The model itself.

    Raises:
        ValueError: if it is no Keras 2 model, or trains by a `train_step` of its own.
    """
    if not isinstance(model, keras.Model):
        hint = ""
        if of_keras_3(model):
            hint = (
                " of Keras 3. Build it with Keras 2: `import advrec_tf` first, then "
                "`from tensorflow import keras`"
            )
        raise ValueError(
            "`model` should be a `keras.Model` of Keras 2 or a `tfrs.Model`. "
            f"Received: a {type(model).__name__}{hint}."
        )
    owner = next(base for base in type(model).__mro__ if "train_step" in vars(base))
    ours = issubclass(owner, RecommenderModel) and owner.__module__.startswith("advrec_tf.")
    if "train_step" in vars(model) or not (ours or owner.__module__.split(".")[0] in _LIBRARIES):
        raise ValueError(
            f"`model` should not define `train_step`: {owner.__name__} does, and what its step "
            "follows cannot be attacked from outside. Move its loss into "
            "`compute_loss(x, y, y_pred, sample_weight)`, or into `compute_loss(inputs, "
            "training)` of a `tfrs.Model`, and let Keras take the step."
        )
    return model


def layers_to_perturb(
    model: keras.Model,
    layers: Sequence[keras.layers.Layer | str] | keras.layers.Layer | str | None,
) -> tuple[keras.layers.Layer, ...]:
    """The layers given, as objects or by their names, or a single one; by default all embeddings.

    Raises:
        ValueError: if there is none, one is no layer of a call, or a name is not that of exactly
            one layer.
    """
    if layers is None:
        chosen = tuple(embedding_layers(model))
    else:
        if isinstance(layers, (str, keras.layers.Layer)):
            layers = [layers]
        chosen = tuple(
            _layer_named(model, layer) if isinstance(layer, str) else layer for layer in layers
        )
    strange = [
        layer
        for layer in chosen
        if not isinstance(layer, tf.Module) or isinstance(layer, keras.layers.InputLayer)
    ]
    if strange:
        raise ValueError(
            "`layers` should hold layers that compute something, or their names, such as "
            f"layers=[model.item_layer]. Received: {strange[0]!r}."
        )
    if not chosen:
        raise ValueError(
            "`layers` should name a layer to perturb, such as layers=[model.item_layer]: "
            f"without it {type(model).__name__} needs a trainable Embedding. Received none."
        )
    return chosen


def embedding_layers(model: keras.Model) -> list[keras.layers.Layer]:
    """Every trainable `Embedding` inside a model, composed ones too, at any depth, each once."""
    return [
        layer
        for layer in model.submodules
        if isinstance(layer, (keras.layers.Embedding, ComposedEmbedding)) and layer.trainable
    ]


def require_perturbation(perturbation: Perturbation) -> Perturbation:
    """The budget itself.

    Raises:
        ValueError: if it is something else, such as a number.
    """
    if not isinstance(perturbation, Perturbation):
        raise ValueError(
            "`perturbation` should be a `Perturbation`, such as fgsm(0.1, relative=True). "
            f"Received: {perturbation!r}."
        )
    return perturbation


def loss_is_summed(model: keras.Model) -> bool:
    """Whether a loss of the model adds over examples, as that of `tfrs.tasks.Retrieval` does by
    default; else it is taken for a mean. `keras.losses.Loss` objects say which they are, and before
    them the attribute `loss_is_summed` of the model.

    Warns:
        UserWarning: if some of its losses are sums and some are means, and it has no such
            attribute.

    Raises:
        ValueError: if the attribute is no truth value.
    """
    said = getattr(model, "loss_is_summed", None)
    if said is not None:
        if not isinstance(said, bool):
            raise ValueError(f"`loss_is_summed` should be True or False. Received: {said!r}.")
        return said
    losses = list(tf.nest.flatten(getattr(model, "loss", None)))
    for part in (model, *model.submodules):
        losses += [value for value in vars(part).values() if isinstance(value, keras.losses.Loss)]
    losses = [loss for loss in losses if isinstance(loss, keras.losses.Loss)]
    summed = [loss for loss in losses if loss.reduction == keras.losses.Reduction.SUM]
    means = [loss for loss in losses if loss.reduction != keras.losses.Reduction.SUM]
    if summed and means:
        warnings.warn(
            f"{type(model).__name__} has losses that are sums over the batch "
            f"({type(summed[0]).__name__}) and losses that are means "
            f"({type(means[0]).__name__}). Of a fraction of the batch both are taken for sums, so "
            "that the means weigh as much as if the whole batch were perturbed. With `fraction=1` "
            "there is no difference; the model's attribute `loss_is_summed` says which to go by.",
            stacklevel=3,
        )
    return bool(summed)


def _layer_named(model: keras.Model, name: str) -> keras.layers.Layer:
    layers = [
        part
        for part in model.submodules
        if isinstance(part, keras.layers.Layer) and not isinstance(part, keras.metrics.Metric)
    ]
    found = [layer for layer in layers if layer.name == name]
    if len(found) != 1:
        names = sorted({layer.name for layer in layers})
        raise ValueError(
            f"`layers` should name layers that occur once in {type(model).__name__}. "
            f"Received: {name!r}, which {len(found)} layers have. "
            f"The names are: {', '.join(names[:30])}."
        )
    return found[0]
