"""One function per trained model of the main job: train it in an arena, measure it, store it.

An arena is a training set with the evaluators that go with it. Every function returns a
`StageResult` that holds the model as vectors and all its measurements, so the job can be
stopped after any of them and needs no model object later.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.classification import click_metrics, rating_metrics
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.gan.profiles import build_profile_gan
from advrec_tf.jobs.settings import RecommenderSettings
from advrec_tf.jobs.stages import StageResult
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.ranking import build_ranking_model
from advrec_tf.models.recommender import Recommender
from advrec_tf.models.retrieval import build_two_tower
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.optimizers import LazyAdam


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Arena:
    """Training rows and what is measured on them.

    Attributes:
        name: prefix of its stages.
        train: rows every model of the arena is trained on.
        validation: chooses epochs and sizes.
        tests: name -> evaluator of the results.
    """

    name: str
    train: Interactions
    validation: RankingEvaluator
    tests: dict[str, RankingEvaluator]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Console:
    """Where a stage shows its progress, and where TensorBoard finds it."""

    write: Callable[[str], None]
    boards: Path

    def board(self, label: str, *, histograms: bool = False) -> keras.callbacks.Callback:
        folder = self.boards / label.replace(" ", "_")
        return keras.callbacks.TensorBoard(
            folder, histogram_freq=5 if histograms else 0, write_graph=False, profile_batch=0
        )


def measure(model: Recommender, arena: Arena) -> StageResult:
    """All tests of the arena: metrics as the summary, per-user values as arrays."""
    summary, arrays = {"tests": {}}, {}
    for name, evaluator in arena.tests.items():
        result = evaluator.evaluate(model)
        summary["tests"][name] = result.metrics
        summary["users_per_second"] = result.users_per_second
        for metric, values in result.per_user.items():
            arrays[f"{name}/{metric}"] = values
    return StageResult(summary, arrays)


def measure_baseline(model: Recommender, arena: Arena, seconds: float) -> StageResult:
    """As `measure`, with the value on validation."""
    result = measure(model, arena)
    validation = arena.validation.evaluate(model).metrics
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
    arena: Arena,
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
    keras.utils.set_random_seed(seed)
    model = build_two_tower(
        arena.train, embedding_dim=settings.embedding_dim, temperature=temperature, seed=seed
    )
    trained = model
    if perturbation is not None:
        trained = AdversarialTraining(
            model,
            perturbation,
            weight=settings.adversarial_weight,
            share=settings.adversarial_share,
        )
    data = batches.of_pairs(
        arena.train if augmented is None else augmented, batch_size=settings.batch_size, seed=seed
    )
    # XLA doubles the speed of a step, but draws normal noise many times slower on a CPU.
    noise = perturbation is not None and perturbation.direction == "random"
    trained.compile(
        optimizer=LazyAdam(settings.learning_rate), jit_compile=not noise, steps_per_execution=16
    )
    return _fit_vectors(
        trained,
        data,
        arena,
        console,
        label,
        checkpoint,
        epochs=settings.epochs,
        patience=settings.patience,
    )


def train_autoencoder(
    arena: Arena,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    *,
    seed: int,
    perturbation: Perturbation | None = None,
) -> StageResult:
    """The profile autoencoder; with `perturbation` its item vectors are attacked in training."""
    keras.utils.set_random_seed(seed)
    model = ProfileAutoencoder(
        arena.train, dim=settings.code_dim, drop=settings.code_drop, seed=seed
    )
    trained = model
    if perturbation is not None:
        trained = AdversarialTraining(model, perturbation, layers=[model.item_layer], share=1.0)
    trained.compile(
        optimizer=keras.optimizers.Adam(settings.code_learning_rate), steps_per_execution=16
    )
    users = np.flatnonzero(arena.train.by_user().counts >= 3)
    return _fit_vectors(
        trained,
        batches.of_users(users, batch_size=settings.code_batch_size, seed=seed),
        arena,
        console,
        label,
        checkpoint,
        epochs=settings.code_epochs,
        patience=settings.code_patience,
        every=2,
    )


def _fit_vectors(model, data, arena, console, label, checkpoint, **fit) -> StageResult:
    report = fit_ranked(
        model,
        data,
        evaluator=arena.validation,
        checkpoint=checkpoint,
        callbacks=[console.board(label)],
        label=label,
        write=console.write,
        **fit,
    )
    arrays = {"user_vectors": model.user_vectors(), "item_vectors": model.item_vectors()}
    measured = measure(vectors_of(StageResult({}, arrays), arena.train), arena)
    summary = {**measured.summary, **_of_fit(report)}
    return StageResult(summary, {**arrays, **measured.arrays})


def _of_fit(report) -> dict:
    return {
        "validation": report.best,
        "best_epoch": report.best_epoch,
        "epochs": report.epochs,
        "seconds": report.seconds,
        "history": report.history,
    }


def train_gan(
    arena: Arena,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    *,
    seed: int,
    adversarial_weight: float,
) -> StageResult:
    """The profile GAN, or its twin at weight 0; the result holds the scores of sparse users."""
    keras.utils.set_random_seed(seed)
    gan = build_profile_gan(
        arena.train, loss=settings.gan_loss, adversarial_weight=adversarial_weight, seed=seed
    )
    gan.compile(
        d_optimizer=keras.optimizers.Adam(settings.gan_d_learning_rate),
        g_optimizer=keras.optimizers.Adam(settings.gan_g_learning_rate),
        steps_per_execution=16,
    )
    users = np.flatnonzero(arena.train.by_user().counts >= 3)
    report = fit_ranked(
        gan,
        batches.of_users(users, batch_size=settings.code_batch_size, seed=seed),
        epochs=settings.gan_epochs,
        evaluator=arena.validation,
        patience=settings.gan_patience,
        every=2,
        checkpoint=checkpoint,
        callbacks=[console.board(label, histograms=True)],
        label=label,
        write=console.write,
    )
    sparse = np.flatnonzero(arena.train.by_user().counts < settings.generated_reach)
    scores = gan.scores()[sparse]
    return StageResult(_of_fit(report), {"users": sparse, "scores": scores})


def train_ranking(
    split,
    settings: RecommenderSettings,
    console: Console,
    label: str,
    checkpoint: Path,
    *,
    objective: str,
    evaluator: RankingEvaluator | None,
) -> StageResult:
    """The ranking tower on clicks or ratings, with its classification or rating metrics."""
    keras.utils.set_random_seed(settings.seed)
    model = build_ranking_model(
        split.train, objective=objective, l2=settings.ranking_l2, seed=settings.seed
    )
    model.compile(
        optimizer=LazyAdam(1e-3 if objective == "ratings" else 2e-3), steps_per_execution=16
    )
    data = batches.of_pairs(split.train, batch_size=1024, seed=settings.seed)
    if objective == "clicks":
        few = np.random.default_rng(settings.seed).permutation(split.train.num_users)[:500]
        chooser = RankingEvaluator(split.train, split.validation, users=few)
        report = fit_ranked(
            model,
            data,
            epochs=settings.ranking_epochs,
            evaluator=chooser,
            patience=settings.ranking_patience,
            checkpoint=checkpoint,
            callbacks=[console.board(label)],
            label=label,
            write=console.write,
        )
        summary = _of_fit(report)
        rng = np.random.default_rng(settings.seed)
        users, items, labels = with_unseen_negatives(split, rng)
        summary["classification"] = click_metrics(labels, model.predict_pairs(users, items))
        if evaluator is not None:
            arena = Arena(
                name="whole", train=split.train, validation=chooser, tests={"test": evaluator}
            )
            measured = measure(model, arena)
            summary.update(measured.summary)
            return StageResult(summary, measured.arrays)
        return StageResult(summary, {})
    best_of = keras.callbacks.EarlyStopping(
        "val_loss", patience=settings.ranking_patience, restore_best_weights=True
    )
    validation = batches.of_pairs(split.validation, batch_size=4096, seed=0)
    history = model.fit(
        data.dataset(0),
        steps_per_epoch=data.steps_per_epoch,
        validation_data=validation.dataset(0),
        validation_steps=validation.steps_per_epoch,
        epochs=settings.ranking_epochs * 2,
        callbacks=[best_of, console.board(label)],
        verbose=0,
    ).history
    predicted = model.predict_pairs(split.test.user_index, split.test.item_index)
    low, high = float(split.train.rating.min()), float(split.train.rating.max())
    predicted = np.clip(predicted, low, high)
    summary = {
        "epochs": len(history["loss"]),
        "history": {name: [float(v) for v in values] for name, values in history.items()},
        "ratings": rating_metrics(split.test.rating, predicted),
        "ratings_of_the_mean": rating_metrics(
            split.test.rating, np.full(len(split.test), split.train.rating.mean())
        ),
    }
    return StageResult(summary, {})


def with_unseen_negatives(split, rng: np.random.Generator):
    """Test rows, and as many pairs of the same users with items of which no part has a row.

    Returns:
        (user_index, item_index, labels), each [2 * test rows].
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
    labels = np.concatenate([np.ones(len(split.test)), np.zeros(len(users))])
    return (
        np.concatenate([split.test.user_index, users]).astype(np.int32),
        np.concatenate([split.test.item_index, items]).astype(np.int32),
        labels,
    )
