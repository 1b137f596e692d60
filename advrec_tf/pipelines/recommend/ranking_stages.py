"""The ranking tower as stages of a job, with its classification and rating metrics.

Where they are asked for, a stage keeps the weights of its model, by which `restored` makes it again
to be exported.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.evaluation.classification import click_metrics, rating_metrics
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.multi_task import multi_task_tower
from advrec_tf.models.ranking import ranking_tower
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.recommend.variants import Console, EvaluationSetting, measure, summary_of
from advrec_tf.pipelines.stages import StageResult
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.health import said_of
from advrec_tf.training.optimizers import LazyAdam

KINDS = ("clicks", "ratings", "multi_task")
"""Clicks against unseen items; ratings; and retrieval and ratings by shared towers."""

_WEIGHTS = "weights/"

VALIDATION_USERS = 500
"""Scoring a catalogue by a network is slow: this many users choose the epoch."""


def build(kind: str, train: Interactions, settings: RecommenderSettings) -> keras.Model:
    """The model of a kind of `KINDS`, untrained."""
    if kind == "multi_task":
        return multi_task_tower(train, seed=settings.seed)
    return ranking_tower(train, objective=kind, l2=settings.ranking_l2, seed=settings.seed)


def with_weights(result: StageResult, model: keras.Model) -> StageResult:
    """The result of a stage, with the weights of its model."""
    weights = {f"{_WEIGHTS}{i:03}": value for i, value in enumerate(model.get_weights())}
    return StageResult(result.summary, {**result.arrays, **weights})


def restored(
    kind: str, split: Split, settings: RecommenderSettings, result: StageResult
) -> keras.Model:
    """The trained model of a stage; its lists leave out all that users have.

    Raises:
        ValueError: if the stage was skipped.
    """
    names = sorted(name for name in result.arrays if name.startswith(_WEIGHTS))
    if not names:
        raise ValueError(
            f"`exported` should be a model that was trained. Received: {kind}, which was not: "
            f"{result.summary.get('skipped')}."
        )
    model = build(kind, split.train, settings)
    model.set_weights([result.arrays[name] for name in names])
    everything = split.everything()
    for part in (model, *(getattr(model, name, model) for name in ("retrieval", "ranking"))):
        part.interactions = everything
    return model


def train_clicks(
    split: Split,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    test: RankingEvaluator,
    *,
    keep_weights: bool = False,
) -> StageResult:
    """Clicks against uniform negatives; measured on pairs, and ranking the whole catalogue."""
    keras.utils.set_random_seed(settings.seed)
    model = build("clicks", split.train, settings)
    model.compile(optimizer=LazyAdam(2e-3), steps_per_execution=16)
    validation = _validation(split, settings)
    report = fit_ranked(
        model,
        batches.of_pairs(split.train, batch_size=1024, seed=settings.seed),
        epochs=settings.ranking_epochs,
        evaluator=validation,
        patience=settings.ranking_patience,
        checkpoint=checkpoint,
        callbacks=[console.board(label)],
        label=label,
        log=console.detail,
    )
    users, items, labels, rows = with_unseen_negatives(split, np.random.default_rng(settings.seed))
    context = None if split.test.context is None else split.test.context.iloc[rows]
    setting = EvaluationSetting(
        name="whole", train=split.train, validation=validation, tests={"test": test}
    )
    measured = measure(model, setting)
    summary = {**summary_of(report), **measured.summary}
    if labels.min() == 0:  # else every user has seen every item, and there is no "no"
        summary["classification"] = click_metrics(
            labels, model.predict_pairs(users, items, context)
        )
    result = StageResult(summary, measured.arrays)
    return with_weights(result, model) if keep_weights else result


def train_multi_task(
    split: Split,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    test: RankingEvaluator,
) -> StageResult:
    """Retrieval and ratings by shared towers, stopped by the lists on validation; measured on both,
    and its weights kept."""
    keras.utils.set_random_seed(settings.seed)
    model = build("multi_task", split.train, settings)
    model.compile(optimizer=LazyAdam(2e-3), steps_per_execution=16)
    validation = RankingEvaluator(split.train, split.validation)
    report = fit_ranked(
        model,
        batches.of_pairs(split.train, batch_size=512, seed=settings.seed),
        epochs=2 * settings.ranking_epochs,
        evaluator=validation,
        patience=settings.ranking_patience,
        checkpoint=checkpoint,
        callbacks=[console.board(label)],
        label=label,
        log=console.detail,
    )
    setting = EvaluationSetting(
        name="whole", train=split.train, validation=validation, tests={"test": test}
    )
    measured = measure(model, setting)
    rated = split.test.select(~np.isnan(split.test.rating))
    summary = {**summary_of(report), **measured.summary, **_of_ratings(model, split.train, rated)}
    return with_weights(StageResult(summary, measured.arrays), model)


def _validation(split: Split, settings: RecommenderSettings) -> RankingEvaluator:
    with_row = np.unique(split.validation.user_index)
    users = np.random.default_rng(settings.seed).permutation(with_row)[:VALIDATION_USERS]
    return RankingEvaluator(split.train, split.validation, users=users)


def _of_ratings(model, train: Interactions, test: Interactions) -> dict:
    """Errors of the predicted ratings, and of the training mean in their place."""
    if not len(test):
        return {}
    low, high = float(np.nanmin(train.rating)), float(np.nanmax(train.rating))
    predicted = model.predict_pairs(test.user_index, test.item_index, test.context)
    mean = np.full(len(test), np.nanmean(train.rating))
    return {
        "ratings": rating_metrics(test.rating, np.clip(predicted, low, high)),
        "ratings_of_the_mean": rating_metrics(test.rating, mean),
    }


def train_ratings(
    split: Split,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    *,
    keep_weights: bool = False,
) -> StageResult:
    """Ratings by mean squared error, stopped on validation, beside the training mean.

    Only rows with a rating count here.
    """
    split = dataclasses.replace(
        split,
        **{
            part: getattr(split, part).select(~np.isnan(getattr(split, part).rating))
            for part in ("train", "validation", "test")
        },
    )
    if not min(len(split.train), len(split.validation), len(split.test)):
        return StageResult({"skipped": "a part of the split has no rated row"}, {})
    keras.utils.set_random_seed(settings.seed)
    model = build("ratings", split.train, settings)
    model.compile(optimizer=LazyAdam(1e-3), steps_per_execution=16)
    data = batches.of_pairs(split.train, batch_size=1024, seed=settings.seed)
    validation = batches.of_pairs(split.validation, batch_size=4096, seed=0)
    stop = keras.callbacks.EarlyStopping(
        "val_loss", patience=settings.ranking_patience, restore_best_weights=True
    )
    history = model.fit(
        data.dataset(0),
        steps_per_epoch=data.steps_per_epoch,
        validation_data=validation.dataset(0),
        validation_steps=validation.steps_per_epoch,
        epochs=2 * settings.ranking_epochs,
        callbacks=[stop, console.board(label)],
        verbose=0,
    ).history
    summary = {
        "verdict": said_of(model, history, label, console.write),
        "epochs": len(history["loss"]),
        "history": {name: [float(v) for v in values] for name, values in history.items()},
        **_of_ratings(model, split.train, split.test),
    }
    result = StageResult(summary, {})
    return with_weights(result, model) if keep_weights else result


def with_unseen_negatives(split, rng: np.random.Generator):
    """Test pairs, and for each a pair of the same user with an item that no part has.

    Returns:
        (user_index, item_index, labels, test row), each [2 * test rows]; the last says whose
        context a pair has.
    """
    num_items = split.train.num_items
    users = split.test.user_index
    taken = np.concatenate(
        [
            part.user_index.astype(np.int64) * num_items + part.item_index
            for part in (split.train, split.validation, split.test)
        ]
    )
    items = rng.integers(num_items, size=len(users))
    for _ in range(100):
        clash = np.isin(users.astype(np.int64) * num_items + items, taken)
        if not clash.any():
            break
        items[clash] = rng.integers(num_items, size=clash.sum())
    users, items = users[~clash], items[~clash]  # a user who has seen everything
    rows = np.arange(len(split.test))
    labels = np.concatenate([np.ones(len(split.test)), np.zeros(len(users))])
    return (
        np.concatenate([split.test.user_index, users]).astype(np.int32),
        np.concatenate([split.test.item_index, items]).astype(np.int32),
        labels,
        np.concatenate([rows, rows[~clash]]),
    )
