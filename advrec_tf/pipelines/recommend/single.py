"""One good model, quickly: trained with early stopping, refitted on everything, with a prior.

Popularity and EASE stand beside it. What an adversary bought is not measured here, since that
takes its ablation, noise of equal size and several seeds: `job.run` trains those.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import Recommender
from advrec_tf.ops.servers import is_asynchronous
from advrec_tf.pipelines.progress import LOG, stage_done, stages_ahead
from advrec_tf.pipelines.recommend import next_item, variants
from advrec_tf.pipelines.recommend.comparison import BASELINES, ModelComparison
from advrec_tf.pipelines.recommend.job import TABLE_KS, Outcome
from advrec_tf.pipelines.recommend.preparation import Prepared, require_parts
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM, RecommenderSettings
from advrec_tf.pipelines.recommend.shipping import LEAST_GAIN, PRIOR_SCALES, Prior
from advrec_tf.pipelines.recommend.single_recipes import adversary_of, chosen_model, recipe_of
from advrec_tf.pipelines.recommend.single_settings import SingleSettings
from advrec_tf.pipelines.recommend.variants import Console, EvaluationSetting
from advrec_tf.pipelines.stages import StageResult, StageStore
from advrec_tf.training.distribution import described
from advrec_tf.training.recipe import Recipe, Wrap

LEAST_USERS = 20
"""Users with short histories below which no prior is chosen: the choice would be noise."""

ASYNCHRONOUS = ("two_tower", "factorization")
"""Models that workers of a `ParameterServerStrategy` train."""


def run(
    prepared: Prepared,
    settings: SingleSettings,
    store: StageStore,
    write: Callable[[str], None] = LOG.info,
    *,
    strategy: tf.distribute.Strategy | None = None,
) -> Outcome:
    """Train, measure, choose the prior, refit. Deterministic for equal data, settings, machine.

    Under a strategy of several workers each of them calls it and measures the same model.
    """
    tf.config.experimental.enable_op_determinism()
    split = prepared.split
    require_parts(split)
    model = chosen_model(settings, split.train)
    name = model if settings.adversary == "none" else f"{model}+{_suffix(settings)}"
    write(f"model        {name}" + (", chosen by the data" if settings.model == "auto" else ""))
    recipe = recipe_of(model, settings, split.train.num_items)
    if strategy is not None and is_asynchronous(strategy) and model not in ASYNCHRONOUS:
        raise ValueError(
            f"`model` should be one of {', '.join(ASYNCHRONOUS)} where workers train each for "
            f"itself (parameter_server). Received: {model}."
        )
    if strategy is not None:
        recipe = recipe.under(strategy)
        write(described(strategy))
    console = Console(write=write, folder=store.folder, seed=settings.seed)
    whole = EvaluationSetting(
        name="whole",
        train=split.train,
        validation=RankingEvaluator.of_split(split, "validation", ks=TABLE_KS),
        tests={"test": RankingEvaluator.of_split(split, ks=TABLE_KS)},
    )
    # It trains the baselines only, whose settings are those of the comparison.
    comparison = ModelComparison(RecommenderSettings(seed=settings.seed), store, console)
    if prepared.best_scores is not None:
        comparison.oracle(whole, prepared.best_scores)
    # A next-item model has transitions of its own beside it, which read the same histories.
    comparison.baselines(whole, counts=model not in NEXT_ITEM)

    stages_ahead(1 + settings.refit)
    wrap = adversary_of(model, settings)
    train = _next_item if model in NEXT_ITEM else _vectors
    fitted, shipped, prior = train(recipe, name, prepared, settings, comparison, whole, wrap)
    results = comparison.results["whole"]
    return Outcome(
        split=split,
        results=comparison.results,
        choices={
            "shipped_model": name,
            **facts_of(settings, fitted),
            "refit": settings.refit,
            "validation_of_candidates": {name: fitted.summary["validation"]},
            "validation_of_baselines": {
                row: results[row][0].summary["validation"] for row in BASELINES if row in results
            },
            "shipped": prior,
        },
        shipped=shipped,
        verdicts=store.verdicts,
    )


def facts_of(settings: SingleSettings, fitted: StageResult) -> dict:
    """What the model's name does not say: how ids are kept, where not by a row each, and the
    trained numbers, which a stage of an earlier version does not tell."""
    found = {}
    if settings.id_table is not None:
        found["id_table"] = settings.id_table
    if "parameters" in fitted.summary:
        found["parameters"] = fitted.summary["parameters"]
    return found


def _vectors(
    recipe: Recipe,
    name: str,
    prepared: Prepared,
    settings: SingleSettings,
    comparison: ModelComparison,
    whole: EvaluationSetting,
    wrap: Wrap | None,
) -> tuple[StageResult, Recommender, dict]:
    """(its stage, what is shipped, the prior) of a model that ends as vectors."""
    split, store, console = prepared.split, comparison.store, comparison.console
    fitted = store.run(
        name,
        lambda checkpoint: variants.fit_vectors(
            recipe,
            whole,
            console,
            name,
            checkpoint,
            seed=settings.seed,
            wrap=wrap,
            patience=settings.patience,
        ),
    )
    stage_done(f"{name:<36} validation ndcg@10 {fitted.summary['validation']:.4f}")
    comparison.keep(whole, name, fitted)
    prior, tried = choose_prior(
        fitted, whole, split.validation, settings.prior_max_history, seen=split.seen()
    )
    measured = variants.measure(prior.on(fitted, whole.train), whole)
    comparison.keep(
        whole, "shipped", StageResult({**fitted.summary, **measured.summary}, measured.arrays)
    )
    everything = split.everything()

    def refit(checkpoint: Path, epochs: int) -> StageResult:
        return _refit(recipe, everything, checkpoint, epochs, settings.seed, wrap, console.detail)

    shipped = _on_everything(fitted, refit, settings, store, len(everything))
    recommender = prior.on(shipped, everything if settings.refit else whole.train)
    recommender = prior.of_new_users(recommender, shipped, wanted=settings.new_user_prior)
    return (
        fitted,
        dataclasses.replace(recommender, interactions=everything),
        {
            "prior_scale": prior.scale,
            "prior_max_history": prior.prior_max_history,
            "scales_tried": tried,
        },
    )


def _on_everything(
    fitted: StageResult,
    refit: Callable[[Path, int], StageResult],
    settings: SingleSettings,
    store: StageStore,
    rows: int,
) -> StageResult:
    """What is shipped: trained again on all `rows` interactions for the best number of epochs, if
    the settings ask for it, else what was fitted."""
    if not settings.refit:
        return fitted
    epochs = fitted.summary["best_epoch"]
    shipped = store.run("refit", lambda checkpoint: refit(checkpoint, epochs))
    stage_done(f"refit on all {rows:,} interactions, {epochs} epochs")
    return shipped


def _next_item(
    recipe: Recipe,
    name: str,
    prepared: Prepared,
    settings: SingleSettings,
    comparison: ModelComparison,
    whole: EvaluationSetting,
    wrap: Wrap | None,
) -> tuple[StageResult, Recommender, dict]:
    """As `_vectors`, of a model that reads histories; its prior is what it learned."""
    split, store, console = prepared.split, comparison.store, comparison.console
    read = split.trainval()
    counted = store.run("transitions", lambda checkpoint: next_item.transitions(whole, read))
    comparison.keep(whole, "transitions", counted)
    fitted = store.run(
        name,
        lambda checkpoint: next_item.fit(
            recipe,
            whole,
            console,
            name,
            checkpoint,
            read=read,
            seed=settings.seed,
            wrap=wrap,
            patience=settings.patience,
        ),
    )
    stage_done(f"{name:<36} validation ndcg@10 {fitted.summary['validation']:.4f}")
    comparison.keep(whole, name, fitted)
    everything = split.everything()

    def refit(checkpoint: Path, epochs: int) -> StageResult:
        settled = {"epochs": epochs, "seed": settings.seed, "wrap": wrap, "log": console.detail}
        return next_item.refit(recipe, everything, checkpoint, **settled)

    shipped = _on_everything(fitted, refit, settings, store, len(everything))
    recommender = next_item.model_of(recipe, shipped, everything, seed=settings.seed)
    return fitted, recommender, {"prior_scale": None, "prior_max_history": 0, "scales_tried": {}}


def choose_prior(
    fitted: StageResult,
    setting: EvaluationSetting,
    validation: Interactions,
    most: int,
    *,
    seen: Interactions | None = None,
) -> tuple[Prior, dict[str, float]]:
    """The scale of the popularity prior that is best for users with short histories.

    Args:
        fitted: the model.
        setting: what it was trained on.
        validation: what is to be found.
        most: interactions of a short history.
        seen: what lists leave out; by default the training interactions.

    Returns:
        (prior, scale -> NDCG@10 on the validation interactions of those users); no prior where it
        gains less than `LEAST_GAIN` or there are fewer than `LEAST_USERS` such users.
    """
    counts = setting.train.user_counts()
    short = np.flatnonzero((counts < most) & (validation.user_counts() > 0))
    if len(short) < LEAST_USERS:
        return Prior(None, most), {}
    evaluator = RankingEvaluator(setting.train if seen is None else seen, validation, users=short)
    tried = {
        scale: evaluator.evaluate(Prior(scale, most).on(fitted, setting.train)).metrics["ndcg@10"]
        for scale in (None, *PRIOR_SCALES)
    }
    best = max(tried, key=tried.get)
    if tried[best] < (1.0 + LEAST_GAIN) * tried[None]:
        best = None
    shown = {"off" if scale is None else f"{scale:g}": value for scale, value in tried.items()}
    return Prior(best, most), shown


def _suffix(settings: SingleSettings) -> str:
    return "noise" if settings.adversary == "noise" else "perturbed"


def _refit(
    recipe: Recipe,
    everything: Interactions,
    checkpoint: Path,
    epochs: int,
    seed: int,
    wrap: Wrap | None,
    detail: Callable[[str], None],
) -> StageResult:
    fitted = recipe.train(
        everything,
        seed=seed,
        wrap=wrap,
        epochs=epochs,
        checkpoint=checkpoint,
        label="refit",
        log=detail,
    )
    summary = {"epochs": epochs, "verdict": fitted.report.verdict}
    return StageResult(summary, variants.kept_of(fitted.model))
