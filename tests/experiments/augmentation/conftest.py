"""The world, settings and tasks that the tests of the augmentation study share."""

import numpy as np
import pytest

from advrec_tf.data import synthetic
from advrec_tf.models.base import MatrixRecommender
from experiments.augmentation import tail, training
from experiments.augmentation.setting import make_setting
from experiments.augmentation.settings import AugmentationSettings
from experiments.augmentation.study import prepare
from experiments.augmentation.training import Context
from experiments.harness.entries import Task


@pytest.fixture(scope="session")
def tiny_world():
    return synthetic.make_world(num_users=150, num_items=60, mean_rows=15.0, seed=1).interactions


@pytest.fixture(scope="session")
def settings():
    return AugmentationSettings(
        seeds=2,
        sequence_seeds=1,
        dim=8,
        batch_size=256,
        epochs=2,
        gan_epochs=2,
        weight=(0.3,),
        strength=(100.0, 1000.0),
        cap=0.2,
        steered_fraction=(0.1,),
        row_power=(0.5,),
        penalty=(0.1, 0.5),
        length=5,
        sequence_epochs=1,
        game_epochs=1,
    )


@pytest.fixture(scope="session")
def prepared(tiny_world, settings):
    return prepare(tiny_world, settings)


@pytest.fixture
def make_task(prepared, settings):
    """(part, point of a space, settings of the study) -> a task of seed 0."""

    def make(part, point=None, settings=settings):
        return Task(
            setting=make_setting(part, prepared.interactions, 0),
            settings=point or {},
            context=Context(
                settings=settings, attributes=prepared.attributes, groups=prepared.groups
            ),
            log=lambda line: None,
        )

    return make


@pytest.fixture
def trained_on(monkeypatch):
    """(interactions, further arguments) of every factorization, none of which is trained."""
    given = []

    def factorize(task, interactions=None, **arguments):
        given.append((interactions, arguments))
        shape = (task.interactions.num_users, task.interactions.num_items)
        scores = np.zeros(shape, np.float32)
        return MatrixRecommender(scores=scores, interactions=task.interactions)

    for module in (training, tail):
        monkeypatch.setattr(module, "factorize", factorize)
    return given
