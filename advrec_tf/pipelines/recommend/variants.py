"""One function per trained model of the main job: train it in an evaluation setting, measure it,
store it.

An evaluation setting is a training set with the evaluators that go with it. Every function returns
a
`StageResult` that holds the model as vectors and all its measurements, so the job can be
stopped after any of them and needs no model object later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.profiles import build_profile_gan
from advrec_tf.models.base import Recommender
from advrec_tf.models.new_users import NewUsers
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.perturbations import Perturbation
from advrec_tf.pipelines.progress import LOG
from advrec_tf.pipelines.recommend import boards
from advrec_tf.pipelines.recommend.boards import Board, PopularityImages
from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.stages import StageResult
from advrec_tf.training import recipes
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.fitting import FitReport, fit_ranked
from advrec_tf.training.recipe import Recipe, TrainedModel, Wrap

_EVERY = 2
"""Epochs from one validation of an autoencoder or a GAN to the next; of one epoch, that one."""


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class EvaluationSetting:
    """Training rows and what is measured on them.

    Attributes:
        name: prefix of its stages.
        train: rows every model of the evaluation setting is trained on.
        validation: chooses epochs and sizes.
        tests: name -> evaluator of the results.
    """

    name: str
    train: Interactions
    validation: RankingEvaluator
    tests: dict[str, RankingEvaluator]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Console:
    """Where a stage shows its progress, and where TensorBoard finds it.

    Attributes:
        write: takes a line worth reading.
        folder: of the run.
        seed: the first seed of the run.
        detail: takes a line an epoch.
    """

    write: Callable[[str], None]
    folder: Path
    seed: int = 0
    detail: Callable[[str], None] = LOG.debug

    def board(self, label: str) -> Board:
        """What writes for TensorBoard while the stage of this label trains: in its first folder
        where that is the whole setting with the first seed, else in the second."""
        return Board(self.run_of(label))

    def run_of(self, label: str) -> Path:
        """The folder of the stage's run. A label is "model" or "setting model seed"."""
        setting, *rest = label.rsplit(" ", 2) if label.count(" ") == 2 else ("whole", label)
        if len(rest) == 1 or (setting == "whole" and rest[1] == str(self.seed)):
            return self.folder / boards.MAIN / rest[0].replace(" ", "_")
        return self.folder / boards.MORE / label.replace(" ", "_")


def measure(model: Recommender, setting: EvaluationSetting) -> StageResult:
    """All tests of the evaluation setting: metrics as the summary, per-user values as arrays."""
    summary, arrays = {"tests": {}}, {}
    for name, evaluator in setting.tests.items():
        result = evaluator.evaluate(model)
        summary["tests"][name] = result.metrics
        summary["users_per_second"] = result.users_per_second
        for metric, values in result.per_user.items():
            arrays[f"{name}/{metric}"] = values
    return StageResult(summary, arrays)


def measure_baseline(model: Recommender, setting: EvaluationSetting, seconds: float) -> StageResult:
    """As `measure`, with the value on validation."""
    result = measure(model, setting)
    validation = setting.validation.evaluate(model).metrics
    result.summary.update(validation=validation["ndcg@10"], seconds=seconds)
    return result


def vectors_of(result: StageResult, train: Interactions) -> VectorRecommender:
    """The recommender stored in a stage, without any prior."""
    return VectorRecommender(
        user_vectors=result.arrays["user_vectors"],
        item_vectors=result.arrays["item_vectors"],
        unknown_user=np.zeros(result.arrays["user_vectors"].shape[1], np.float32),
        interactions=train,
    )


def train_tower(
    setting: EvaluationSetting,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    *,
    seed: int,
    temperature: float,
    perturbation: Perturbation | None = None,
    augmented: AugmentedInteractions | None = None,
) -> StageResult:
    """The two-tower model; with `perturbation` its embedding rows are attacked in training."""
    # XLA doubles the speed of a step, but draws normal noise many times slower on a CPU.
    noise = perturbation is not None and perturbation.direction == "random"
    recipe = recipes.two_tower(
        embedding_dim=settings.embedding_dim,
        use_features=settings.use_features,
        temperature=temperature,
        learning_rate=settings.learning_rate,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        jit_compile=not noise,
        steps_per_execution=16,
    )
    return fit_vectors(
        recipe,
        setting,
        console,
        label,
        checkpoint,
        seed=seed,
        data=augmented,
        wrap=attacked(settings, perturbation),
        patience=settings.patience,
    )


def train_autoencoder(
    setting: EvaluationSetting,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    *,
    seed: int,
    perturbation: Perturbation | None = None,
) -> StageResult:
    """The profile autoencoder; with `perturbation` its item vectors are attacked in training."""
    recipe = recipes.autoencoder(
        dim=settings.autoencoder_dim,
        drop=settings.autoencoder_drop,
        learning_rate=settings.autoencoder_learning_rate,
        batch_size=settings.autoencoder_batch_size,
        epochs=settings.autoencoder_epochs,
        steps_per_execution=16,
    )
    return fit_vectors(
        recipe,
        setting,
        console,
        label,
        checkpoint,
        seed=seed,
        wrap=None if perturbation is None else recipes.perturbed_items(perturbation),
        patience=settings.autoencoder_patience,
        every=min(_EVERY, settings.autoencoder_epochs),
    )


def attacked(settings: RecommenderSettings, perturbation: Perturbation | None) -> Wrap | None:
    """What is trained in the place of a model: its embeddings perturbed; None without."""
    if perturbation is None:
        return None
    return lambda model: AdversarialTraining(
        model,
        perturbation,
        weight=settings.adversarial_weight,
        fraction=settings.adversarial_fraction,
    )


def trained(
    recipe: Recipe,
    setting: EvaluationSetting,
    console: Console,
    label: str,
    checkpoint: Path,
    **training,
) -> TrainedModel:
    """A model of an evaluation setting by a recipe, with the progress, the board and the checkpoint
    of its stage. `training` is that of `Recipe.train`."""
    return recipe.train(
        setting.train,
        evaluator=setting.validation,
        checkpoint=checkpoint,
        callbacks=[console.board(label)],
        label=label,
        log=console.detail,
        **training,
    )


def fit_vectors(
    recipe: Recipe,
    setting: EvaluationSetting,
    console: Console,
    label: str,
    checkpoint: Path,
    **training,
) -> StageResult:
    """Train by a recipe, keep what `kept_of` says, and measure the vectors.

    `training` is that of `Recipe.train`.
    """
    fitted = trained(recipe, setting, console, label, checkpoint, **training)
    model = fitted.model
    arrays = kept_of(model)
    measured = measure(vectors_of(StageResult({}, arrays), setting.train), setting)
    summary = {**measured.summary, **summary_of(fitted.report), **size_of(model)}
    return StageResult(summary, {**arrays, **measured.arrays})


def kept_of(model) -> dict[str, np.ndarray]:
    """The arrays that a stage keeps of a model that ends as vectors: those of users and items and,
    of a two-tower model with columns of users or a context, what makes vectors of new users."""
    arrays = {"user_vectors": model.user_vectors(), "item_vectors": model.item_vectors()}
    if isinstance(model, TwoTower) and NewUsers.possible(model):
        arrays |= NewUsers.of(model).to_arrays()
    return arrays


def size_of(model) -> dict:
    """The trained numbers of a network, for a stage's summary."""
    return {"parameters": sum(int(np.prod(v.shape)) for v in model.trainable_variables)}


def summary_of(report: FitReport) -> dict:
    """What a fit leaves in a stage's summary."""
    return {
        "validation": report.best,
        "best_epoch": report.best_epoch,
        "epochs": report.epochs,
        "seconds": report.seconds,
        "history": report.history,
        "verdict": report.verdict,
    }


def train_gan(
    setting: EvaluationSetting,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    *,
    seed: int,
    adversarial_weight: float,
) -> StageResult:
    """The profile GAN, or its ablation at weight 0; the result holds the scores of sparse users."""
    keras.utils.set_random_seed(seed)
    gan = build_profile_gan(
        setting.train,
        loss=AdversarialLoss(settings.gan_loss, weight=adversarial_weight),
        seed=seed,
    )
    gan.compile(
        d_optimizer=keras.optimizers.Adam(settings.gan_d_learning_rate),
        g_optimizer=keras.optimizers.Adam(settings.gan_g_learning_rate),
        steps_per_execution=16,
    )
    users = np.flatnonzero(setting.train.by_user().counts >= 3)
    report = fit_ranked(
        gan,
        batches.of_users(users, batch_size=settings.autoencoder_batch_size, seed=seed),
        epochs=settings.gan_epochs,
        evaluator=setting.validation,
        patience=settings.gan_patience,
        every=min(_EVERY, settings.gan_epochs),
        checkpoint=checkpoint,
        callbacks=[
            console.board(label),
            PopularityImages(console.run_of(label), setting.train),
        ],
        label=label,
        log=console.detail,
    )
    sparse = np.flatnonzero(setting.train.by_user().counts < settings.generated_min_history)
    scores = gan.scores()[sparse]
    return StageResult(summary_of(report), {"users": sparse, "scores": scores})
