"""The ranking tower as stages of a job, with its classification and rating metrics."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.splits import Split
from advrec_tf.evaluation.classification import click_metrics, rating_metrics
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.ranking import ranking_tower
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.recommend.variants import Console, EvaluationSetting, measure, summary_of
from advrec_tf.pipelines.stages import StageResult
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.health import said_of
from advrec_tf.training.optimizers import LazyAdam

VALIDATION_USERS = 500
"""Scoring a catalogue by a network is slow: this many users choose the epoch."""


def train_clicks(
    split: Split,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    test: RankingEvaluator,
) -> StageResult:
    """Clicks against uniform negatives; measured on pairs, and ranking the whole catalogue."""
    keras.utils.set_random_seed(settings.seed)
    model = ranking_tower(
        split.train, objective="clicks", l2=settings.ranking_l2, seed=settings.seed
    )
    model.compile(optimizer=LazyAdam(2e-3), steps_per_execution=16)
    with_row = np.unique(split.validation.user_index)
    users = np.random.default_rng(settings.seed).permutation(with_row)[:VALIDATION_USERS]
    validation = RankingEvaluator(split.train, split.validation, users=users)
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
    return StageResult(summary, measured.arrays)


def train_ratings(
    split: Split, settings: RecommenderSettings, console: Console, label: str
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
    model = ranking_tower(
        split.train, objective="ratings", l2=settings.ranking_l2, seed=settings.seed
    )
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
    low, high = float(split.train.rating.min()), float(split.train.rating.max())
    predicted = model.predict_pairs(
        split.test.user_index, split.test.item_index, split.test.context
    )
    mean = np.full(len(split.test), split.train.rating.mean())
    summary = {
        "verdict": said_of(model, history, label, console.write),
        "epochs": len(history["loss"]),
        "history": {name: [float(v) for v in values] for name, values in history.items()},
        "ratings": rating_metrics(split.test.rating, np.clip(predicted, low, high)),
        "ratings_of_the_mean": rating_metrics(split.test.rating, mean),
    }
    return StageResult(summary, {})


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
