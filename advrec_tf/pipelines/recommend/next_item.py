"""Next-item models in the jobs: how they are set up, fitted, measured and kept.

Such a model is more than vectors: its encoder reads histories. A stage keeps its weights, and what
is shipped is the model itself. On the test part it and the transition counts beside it read the
validation items as well, as they would once served; as a row of the main job it reads what all
other rows were trained on.
"""

from __future__ import annotations

import time
import warnings
from pathlib import Path

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.windows import last_windows
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.history_scores import HistoryScores
from advrec_tf.models.sequential.model import SequenceModel
from advrec_tf.models.sequential.objectives import (
    BinaryCrossEntropy,
    FullSoftmax,
    SequenceObjective,
)
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.perturbations import Perturbation
from advrec_tf.pipelines.recommend import variants
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.recommend.variants import Console, EvaluationSetting
from advrec_tf.pipelines.stages import StageResult
from advrec_tf.training import recipes
from advrec_tf.training.recipe import Recipe

LARGE_CATALOGUE = 20_000
"""Items from which the softmax is sampled where no loss is given."""

EVERY = 3
"""Epochs from one validation to the next: an epoch is short, and improves for long."""

READS_VALIDATION = "reads_validation"
"""In the summary of a stage: the model read the validation items of a user on the test part."""

_WEIGHT = "weight/"


def length_of(settings: SingleSettings) -> int:
    """The most items of a history that the model of the settings reads."""
    return settings.length or 50


def recipe_of(settings: SingleSettings, num_items: int) -> Recipe:
    """How the model of the settings is trained on a catalogue of so many items."""
    if (wrong := settings.temperature or settings.drop) is not None:
        name = "temperature" if settings.temperature else "drop"
        raise ValueError(
            f"`{name}` should not be given for the model {settings.model}, which has none. "
            f"Received: {wrong!r}."
        )
    sizes = {
        "length": length_of(settings),
        "dim": settings.dim or 64,
        "blocks": settings.blocks or (1 if settings.model == "gru4rec" else 2),
        "dropout": 0.3 if settings.dropout is None else settings.dropout,
        "user_embedding": settings.user_embedding,
    }
    heads = 2 if sizes["dim"] % 2 == 0 else 1
    given = {
        name: value
        for name in ("learning_rate", "batch_size", "epochs")
        if (value := getattr(settings, name)) is not None
    }
    if settings.model in ("bsarec", "fmlp"):
        given.setdefault("batch_size", 256)  # a window for each item, not for each user
    if settings.use_times:
        given["use_times"] = True
    return recipes.next_item(
        settings.model,
        size=EncoderSize(heads=heads, **sizes),
        objective=objective_of(settings, num_items),
        **given,
    )


def objective_of(settings: SingleSettings, num_items: int) -> SequenceObjective:
    """What states are compared with.

    Warns:
        UserWarning: if as many candidates or negatives are drawn as there are items, or more.
    """
    loss = settings.loss or ("sampled_softmax" if num_items > LARGE_CATALOGUE else "softmax")
    if loss == "softmax":
        return FullSoftmax()
    drawn = settings.negatives or (256 if loss == "gbce" else 512)
    if drawn >= num_items:
        warnings.warn(
            f"`negatives` should be fewer than the {num_items:,} items of the data: {drawn:,} are "
            f"drawn for the loss {loss}, and the loss softmax, over all items, costs no more.",
            stacklevel=2,
        )
    if loss == "gbce":
        return BinaryCrossEntropy(negatives=drawn, calibrated=0.75)
    return SampledSoftmax(candidates=drawn)


def fit(
    recipe: Recipe,
    setting: EvaluationSetting,
    console: Console,
    label: str,
    checkpoint: Path,
    *,
    read: Interactions,
    **training,
) -> StageResult:
    """Train by a recipe, keep the weights, and measure on the histories `read`.

    `training` is that of `Recipe.train`.
    """
    every = min(EVERY, recipe.epochs)
    fitted = variants.trained(recipe, setting, console, label, checkpoint, every=every, **training)
    measured = variants.measure(fitted.model.on(read), setting)
    summary = {**measured.summary, **variants.summary_of(fitted.report)}
    summary |= variants.size_of(fitted.model)
    summary[READS_VALIDATION] = read is not setting.train
    return StageResult(summary, {**weights_of(fitted.model), **measured.arrays})


def train_row(
    setting: EvaluationSetting,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    *,
    seed: int,
    perturbation: Perturbation | None = None,
) -> StageResult:
    """The next-item model of the main job, on the histories of the training interactions; with
    `perturbation` the item vectors that it reads are attacked in training."""
    own = SingleSettings(model=settings.next_item, epochs=settings.next_item_epochs)
    return fit(
        recipe_of(own, setting.train.num_items),
        setting,
        console,
        label,
        checkpoint,
        read=setting.train,
        seed=seed,
        wrap=variants.attacked(settings, perturbation),
        patience=settings.next_item_patience,
    )


def transitions(setting: EvaluationSetting, read: Interactions) -> StageResult:
    """The counting table that a next-item model has to beat, on the same histories."""
    started = time.perf_counter()
    model = Transitions().fit(setting.train)
    seconds = time.perf_counter() - started
    measured = variants.measure(
        HistoryScores(model, last_windows(read, model.horizon), read), setting
    )
    validation = setting.validation.evaluate(model).metrics["ndcg@10"]
    measured.summary.update(validation=validation, seconds=seconds)
    return measured


def refit(
    recipe: Recipe,
    everything: Interactions,
    checkpoint: Path,
    *,
    epochs: int,
    **training,
) -> StageResult:
    """Train on all interactions for so many epochs, and keep the weights."""
    fitted = recipe.train(
        everything, epochs=epochs, checkpoint=checkpoint, label="refit", **training
    )
    summary = {"epochs": epochs, "verdict": fitted.report.verdict}
    return StageResult(summary, weights_of(fitted.model))


def weights_of(model: SequenceModel) -> dict[str, np.ndarray]:
    """The weights as arrays of a stage."""
    return {f"{_WEIGHT}{place:03d}": w for place, w in enumerate(model.get_weights())}


def model_of(
    recipe: Recipe, result: StageResult, interactions: Interactions, *, seed: int
) -> SequenceModel:
    """The model whose weights a stage keeps, on these histories."""
    model = recipe.build(interactions, seed=seed)
    names = sorted(name for name in result.arrays if name.startswith(_WEIGHT))
    model.set_weights([result.arrays[name] for name in names])
    return model
