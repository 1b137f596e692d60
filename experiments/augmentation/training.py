"""The models that entries share: the factorization of every entry, the generators, EASE."""

from __future__ import annotations

import dataclasses

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.attribute_profiles import build_attribute_profile_gan
from advrec_tf.gan.profiles import build_profile_gan
from advrec_tf.models.base import Recommender
from advrec_tf.models.baselines import EASE
from advrec_tf.models.content.tower import Modality
from advrec_tf.models.factorization.negatives import ByPopularity
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.perturbations import Perturbation
from advrec_tf.training import recipes
from advrec_tf.training.adversarial import AdversarialTraining
from experiments.augmentation.settings import AugmentationSettings
from experiments.harness import training
from experiments.harness.entries import Task

EASE_L2 = (100.0, 300.0, 1000.0)
FRACTION = 0.2
"""Generated interactions in a batch, to its real ones; also of those dropped or replaced."""
_FEWEST_ITEMS = 3


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Context:
    """The `Task.context` of the study.

    Attributes:
        settings: of the study.
        attributes: of users, coded; groups: [users, columns]. Both are None without attributes.
    """

    settings: AugmentationSettings
    attributes: Modality | None = None
    groups: np.ndarray | None = None


class Factorization:
    """The recommender of every entry: a factorization under a sampled softmax of cosines.

    Compiling takes longer than training. So it is built once a seed (and once for each
    perturbation), and put back to its first weights for every entry.
    """

    def __init__(self, task: Task, perturbation: Perturbation | None):
        settings = task.context.settings
        recipe = recipes.softmax_mf(
            dim=settings.dim,
            objective=SampledSoftmax(
                ByPopularity(exponent=1.0),
                candidates=512,
                temperature=settings.temperature,
                cosine=True,
                mask_known=True,
            ),
            initial_scale=0.1,
            learning_rate=settings.learning_rate,
        )
        self._model = self._trained = recipe.build(task.interactions, seed=task.seed)
        if perturbation is not None:
            self._trained = AdversarialTraining(self._model, perturbation, fraction=1.0)
        recipe.compile(self._trained)
        self._optimizer = self._trained.optimizer
        self._optimizer.build(self._model.trainable_variables)
        self._first = [variable.numpy() for variable in self._state()]

    def _state(self):
        return [*self._model.trainable_variables, *self._optimizer.variables]

    def fit(self, task: Task, data: batches.Batches) -> VectorRecommender:
        """Train from the first weights; the vectors of the epoch that validation prefers."""
        for variable, value in zip(self._state(), self._first, strict=True):
            variable.assign(value)
        keras.utils.set_random_seed(task.seed)
        epochs = task.context.settings.epochs
        blocks = batches.in_blocks(data)
        training.fit(task, self._trained, blocks, epochs=epochs, patience=3, every=2)
        users, items = self._model.user_vectors(), self._model.item_vectors()
        return VectorRecommender(
            user_vectors=users,
            item_vectors=items,
            unknown_user=np.zeros(users.shape[1], np.float32),
            interactions=task.interactions,
        )


def factorize(
    task: Task,
    interactions: AugmentedInteractions | Interactions | None = None,
    *,
    sample_weight: np.ndarray | None = None,
    perturbation: Perturbation | None = None,
) -> VectorRecommender:
    """The factorization trained on the setting's interactions, or on those given; unit vectors."""
    factorization = task.shared(
        ("factorization", perturbation), lambda: Factorization(task, perturbation)
    )
    data = batches.of_pairs(
        task.interactions if interactions is None else interactions,
        batch_size=task.context.settings.batch_size,
        seed=task.seed,
        sample_weight=sample_weight,
    )
    return factorization.fit(task, data)


def no_augmentation(task: Task) -> VectorRecommender:
    """The factorization on the real interactions; other entries of the seed build on it."""
    return task.shared("no augmentation", lambda: factorize(task))


def augmented(
    task: Task, generated, *, weight: float = 1.0, fraction: float = FRACTION
) -> Recommender:
    """The factorization on the real interactions and the generated (users, items)."""
    users, items = generated
    if not len(users):
        return no_augmentation(task)
    return factorize(
        task,
        AugmentedInteractions(
            real=task.interactions,
            user_index=users,
            item_index=items,
            weight=weight,
            fraction=fraction,
        ),
    )


def gan_weight(task: Task, adversarial: bool) -> float:
    """The weight of the adversarial loss; 0 makes the ablation."""
    return task.context.settings.gan_weight if adversarial else 0.0


def profile_scores(task: Task, *, adversarial: bool) -> np.ndarray:
    """Logits [num_users, num_items] of the profile GAN, or of its ablation."""

    def compute():
        keras.utils.set_random_seed(task.seed)
        weight = gan_weight(task, adversarial)
        gan = build_profile_gan(
            task.interactions, loss=AdversarialLoss(weight=weight), seed=task.seed
        )
        _fit(task, gan, every=4)
        return gan.scores()

    return task.shared(("profile GAN", adversarial), compute)


def attribute_gan(task: Task, *, adversarial: bool):
    """The generator of profiles from attributes, or its ablation."""

    def compute():
        keras.utils.set_random_seed(task.seed)
        gan = build_attribute_profile_gan(
            task.interactions,
            task.context.attributes,
            loss=AdversarialLoss(weight=gan_weight(task, adversarial)),
            seed=task.seed,
        )
        _fit(task, gan, every=2)
        return gan

    return task.shared(("attribute GAN", adversarial), compute)


def _fit(task: Task, gan, *, every: int) -> None:
    gan.compile(
        d_optimizer=keras.optimizers.Adam(2e-4),
        g_optimizer=keras.optimizers.Adam(1e-3),
        steps_per_execution=8,
    )
    users = np.flatnonzero(task.interactions.by_user().counts >= _FEWEST_ITEMS)
    data = batches.of_users(users, batch_size=64, seed=task.seed)
    training.fit(task, gan, data, epochs=task.context.settings.gan_epochs, every=every)


def ease(task: Task) -> EASE | None:
    """With the l2 that validation prefers; None where the catalogue is too large for it."""

    def compute():
        if not EASE.fits(task.interactions):
            return None
        stopping = dataclasses.replace(task.setting, validation=task.setting.early_stopping)
        candidates = [recipes.ease(l2=l2).train(task.interactions).model for l2 in EASE_L2]
        return stopping.best(candidates)

    return task.shared("EASE", compute)
