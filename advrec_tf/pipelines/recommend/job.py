"""The main job: from interactions to a compared, chosen and exported recommender.

Two evaluation settings are run side by side. `whole` is the split as it is; `cold` is the same
split with
a share of the users cut to 1, 3 and 5 interactions. In each, every adversarial or generated
ingredient stands beside its ablation without the adversary, noise of equal size, and simple
sources of the same rows. Sizes are chosen on validation, zero included; what is shipped is
what validation prefers, with a popularity prior for users with few interactions. Every
model is a stage of its own, so the job can be killed and resumed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import tensorflow as tf

from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.splits import Split
from advrec_tf.evaluation.protocols import ColdStart, cold_start
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.progress import LOG, stages_ahead
from advrec_tf.pipelines.recommend.comparison import ModelComparison
from advrec_tf.pipelines.recommend.generation import Generated
from advrec_tf.pipelines.recommend.preparation import Prepared, require_parts
from advrec_tf.pipelines.recommend.ranking_settings import RankingSettings
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.recommend.shipping import ship
from advrec_tf.pipelines.recommend.variants import Console, EvaluationSetting
from advrec_tf.pipelines.stages import StageResult, StageStore

TABLE_KS = (10, 20)


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Outcome:
    """What the main job found.

    Attributes:
        split: the data of the whole evaluation setting.
        cold: the data of the cold evaluation setting; None where there is none.
        results: evaluation setting -> model name -> one `StageResult` per seed.
        ranking: objective -> result of the ranking tower.
        choices: what validation chose, by name.
        shipped: the recommender to export, where one was trained.
        generated: source -> generated rows of the cold evaluation setting (first seed), or of the
            GAN that was trained alone.
        verdicts: stage -> what its training showed (`training.health`, `gan.health`).
    """

    split: Split
    results: dict[str, dict[str, list[StageResult]]]
    choices: dict
    cold: ColdStart | None = None
    ranking: dict[str, StageResult] = dataclasses.field(default_factory=dict)
    shipped: VectorRecommender | None = None
    generated: Mapping[str, Generated] = dataclasses.field(default_factory=dict)
    verdicts: dict[str, str] = dataclasses.field(default_factory=dict)


def run(
    prepared: Prepared,
    settings: RecommenderSettings,
    store: StageStore,
    write: Callable[[str], None] = LOG.info,
) -> Outcome:
    """Train, measure and choose. Deterministic for equal data, settings and machine."""
    comparison, whole = begin(prepared, settings, store, write)
    cold, cold_setting = _cold_setting(prepared.split, whole, settings, write)

    settings_run = [setting for setting in (whole, cold_setting) if setting is not None]
    stages_ahead(comparison.planned(prepared.split, settings_run))
    comparison.baselines(whole)
    sizes = {"temperature": comparison.choose_temperature(whole)}
    sizes["epsilon"] = comparison.choose_epsilon(whole, sizes["temperature"])
    sizes["autoencoder_epsilon"] = comparison.choose_code_epsilon(whole)
    blends: dict[str, dict] = {}
    generated: dict[str, AugmentedInteractions] = {}
    if cold_setting is not None:
        comparison.baselines(cold_setting)
        generated = comparison.generate(cold_setting, blends, cold)
        comparison.ablations(cold_setting, generated, **sizes)
    comparison.ablations(whole, comparison.generate(whole, blends), **sizes)
    comparison.next_item(whole)
    shipped, choices = ship(comparison, whole, cold_setting)
    return Outcome(
        split=prepared.split,
        cold=cold,
        results=comparison.results,
        ranking=comparison.ranking_towers(prepared.split, whole.tests["test"]),
        choices={**sizes, "generation": blends, **choices},
        # Chosen and trained on the training rows; served lists leave out all that is known.
        shipped=dataclasses.replace(shipped, interactions=prepared.split.everything()),
        generated=generated,
        verdicts=store.verdicts,
    )


def run_ranking(
    prepared: Prepared,
    settings: RankingSettings,
    store: StageStore,
    write: Callable[[str], None] = LOG.info,
) -> Outcome:
    """Only the baselines, the ranking tower and, with ratings, the multi-task model."""
    comparison, whole = begin(prepared, settings.in_comparison(), store, write)
    comparison.baselines(whole)
    ranking = comparison.ranking_towers(prepared.split, whole.tests["test"], to_export=True)
    return Outcome(
        split=prepared.split,
        results=comparison.results,
        choices={},
        ranking=ranking,
        verdicts=store.verdicts,
    )


def begin(
    prepared: Prepared,
    settings: RecommenderSettings,
    store: StageStore,
    write: Callable[[str], None],
) -> tuple[ModelComparison, EvaluationSetting]:
    """What trains the models of a comparison, and the data of the whole evaluation setting.

    Raises:
        ValueError: if the validation or the test part of the split has no interaction.
    """
    tf.config.experimental.enable_op_determinism()
    split = prepared.split
    require_parts(split)
    console = Console(write=write, folder=store.folder, seed=settings.seed)
    test = RankingEvaluator.of_split(split, ks=TABLE_KS)
    validation = RankingEvaluator.of_split(split, "validation", ks=TABLE_KS)
    whole = EvaluationSetting(
        name="whole", train=split.train, validation=validation, tests={"test": test}
    )
    comparison = ModelComparison(settings, store, console)
    if prepared.best_scores is not None:
        comparison.oracle(whole, prepared.best_scores)
    return comparison, whole


def _cold_setting(
    split, whole, settings, write
) -> tuple[ColdStart | None, EvaluationSetting | None]:
    try:
        cold = cold_start(split, fraction=settings.cold_fraction, seed=settings.seed)
    except ValueError as reason:
        write(f"no cold-start comparison: {reason}")
        return None, None
    tests = {
        "withheld": RankingEvaluator(cold.train, cold.test, also_seen=cold.validation, ks=TABLE_KS),
        "validation": RankingEvaluator(
            cold.train, cold.validation, also_seen=cold.test, ks=TABLE_KS
        ),
        # What the user saw before is not on offer, though the models do not know of it.
        "next_item": RankingEvaluator.of_split(split, ks=TABLE_KS, users=cold.users),
    }
    setting = EvaluationSetting(
        name="cold", train=cold.train, validation=whole.validation, tests=tests
    )
    return cold, setting
