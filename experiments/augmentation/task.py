"""What a row of the tables is given and gives back, and the models that rows share."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.attribute_profiles import build_attribute_profile_gan
from advrec_tf.gan.profiles import build_profile_gan
from advrec_tf.models.base import Recommender
from advrec_tf.models.baselines import EASE
from advrec_tf.models.content.tower import Modality
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.optimizers import LazyAdam
from experiments.augmentation.evaluation import MONITOR, EvaluationSetting
from experiments.augmentation.settings import AugmentationSettings

EASE_L2 = (100.0, 300.0, 1000.0)
_FEWEST_ITEMS = 3


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """One training of one row.

    Attributes:
        setting: rows and evaluators.
        settings: of the job.
        point: the value of the row's setting, or None.
        attributes: coded, a row a user; groups: [users, columns]; both None without any.
        cache: what rows of an evaluation setting share: trained generators and scores.
        label, write: for progress.
    """

    setting: EvaluationSetting
    settings: AugmentationSettings
    point: float | tuple | None
    attributes: Modality | None
    groups: np.ndarray | None
    cache: dict
    label: str
    write: Callable[[str], None]

    @property
    def train(self) -> Interactions:
        return self.setting.train

    def shared(self, key, compute):
        if key not in self.cache:
            self.cache[key] = compute()
        return self.cache[key]

    def rng(self, *stream: int) -> np.random.Generator:
        return np.random.default_rng([self.setting.seed, *stream])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One row of a table.

    Attributes:
        make: Task -> a recommender.
        setting: name of the field of the settings whose values are its points; "" for none.
        ablation: label of the row that differs by the adversary alone.
        needs_attributes: left out where users have none.
    """

    make: Callable[[Task], Recommender]
    setting: str = ""
    ablation: str | None = None
    needs_attributes: bool = False

    def points(self, settings: AugmentationSettings) -> Sequence:
        return getattr(settings, self.setting) if self.setting else (None,)


class Factorization:
    """The recommender of every row: a factorization under a sampled softmax of cosines.

    Compiling takes longer than training. So it is built once an evaluation setting (and once for
    each
    perturbation), and put back to its first weights for every row.
    """

    def __init__(self, task: Task, perturbation: Perturbation | None):
        settings, self._seed = task.settings, task.setting.seed
        keras.utils.set_random_seed(self._seed)
        self._model = MatrixFactorization(
            task.train,
            dim=settings.dim,
            loss="softmax",
            negatives="popularity",
            exponent=1.0,
            count=512,
            cosine=True,
            temperature=settings.temperature,
            mask_known=True,
            seed=self._seed,
        )
        self._trained = self._model
        if perturbation is not None:
            self._trained = AdversarialTraining(self._model, perturbation, fraction=1.0)
        self._optimizer = LazyAdam(settings.learning_rate)
        self._trained.compile(optimizer=self._optimizer)
        self._optimizer.build(self._model.trainable_variables)
        self._first = [v.numpy() for v in self._state()]

    def _state(self):
        return [*self._model.trainable_variables, *self._optimizer.variables]

    def fit(self, data: batches.Batches, task: Task) -> VectorRecommender:
        """Train from the first weights; the vectors of the epoch that validation prefers."""
        for variable, value in zip(self._state(), self._first, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(self._seed)
        report = fit_ranked(
            self._trained,
            batches.in_blocks(data),
            epochs=task.settings.epochs,
            evaluator=task.setting.early_stopping,
            monitor=MONITOR,
            patience=3,
            every=2,
        )
        task.write(f"  {task.label}: epoch {report.best_epoch} of {report.epochs}")
        users, items = self._model.user_vectors(), self._model.item_vectors()
        return VectorRecommender(
            user_vectors=users,
            item_vectors=items,
            unknown_user=np.zeros(users.shape[1], np.float32),
            interactions=task.train,
        )


def factorize(
    task: Task,
    rows: AugmentedInteractions | Interactions | None = None,
    *,
    row_weight: np.ndarray | None = None,
    perturbation: Perturbation | None = None,
) -> VectorRecommender:
    """The factorization trained on the evaluation setting's rows, or on those given; unit
    vectors."""
    factorization = task.shared(
        ("factorization", perturbation), lambda: Factorization(task, perturbation)
    )
    data = batches.of_pairs(
        task.train if rows is None else rows,
        batch_size=task.settings.batch_size,
        seed=task.setting.seed,
        row_weight=row_weight,
    )
    return factorization.fit(data, task)


def profile_scores(task: Task, *, game: float) -> np.ndarray:
    """Logits [num_users, num_items] of the profile GAN, or at game 0 of its ablation."""

    def compute():
        train, seed = task.train, task.setting.seed
        keras.utils.set_random_seed(seed)
        gan = build_profile_gan(train, adversarial_weight=game, seed=seed)
        _fit(task, gan, f"profile generator, game {game:g}", every=4)
        return gan.scores()

    return task.shared(("profile", game), compute)


def attribute_gan(task: Task, *, game: float):
    """The generator of profiles from attributes, or at game 0 its ablation."""

    def compute():
        train, seed = task.train, task.setting.seed
        keras.utils.set_random_seed(seed)
        gan = build_attribute_profile_gan(
            train, task.attributes, adversarial_weight=game, seed=seed
        )
        _fit(task, gan, f"attribute generator, game {game:g}", every=2)
        return gan

    return task.shared(("attributes", game), compute)


def _fit(task: Task, gan, label: str, *, every: int) -> None:
    gan.compile(
        d_optimizer=keras.optimizers.Adam(2e-4),
        g_optimizer=keras.optimizers.Adam(1e-3),
        steps_per_execution=8,
    )
    users = np.flatnonzero(task.train.by_user().counts >= _FEWEST_ITEMS)
    report = fit_ranked(
        gan,
        batches.of_users(users, batch_size=64, seed=task.setting.seed),
        epochs=task.settings.gan_epochs,
        evaluator=task.setting.early_stopping,
        monitor=MONITOR,
        patience=5,
        every=every,
    )
    last = {name: values[-1] for name, values in report.history.items()}
    task.write(
        f"  {label}: epoch {report.best_epoch} of {report.epochs}, "
        f"diversity {last['diversity']:.2f}, discriminator right {last['d_accuracy']:.2f}"
    )


def ease(task: Task) -> EASE | None:
    """At the ridge that validation prefers; None where the catalogue is too large for it."""

    def compute():
        if not EASE.fits(task.train):
            return None
        found = [EASE(l2).fit(task.train) for l2 in EASE_L2]
        return max(found, key=lambda m: task.setting.early_stopping.evaluate(m).metrics[MONITOR])

    return task.shared("ease", compute)
