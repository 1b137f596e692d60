"""A study of rankings in a world of four users and four items, for the tests of the harness."""

import dataclasses
import functools

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import MatrixRecommender
from experiments.harness.entries import Entry
from experiments.harness.settings import Setting
from experiments.harness.sweep import Study

USERS, ITEMS = 4, 4


def everybody_takes(item):
    return Interactions(
        user_index=np.arange(USERS, dtype=np.int32),
        item_index=np.full(USERS, item, np.int32),
        users=Vocabulary(np.arange(USERS)),
        items=Vocabulary(np.arange(ITEMS)),
    )


def make_setting(seed=0):
    """Everybody has seen item 0; item 1 is relevant on validation and item 2 in the test."""
    train, validation, test = map(everybody_takes, range(3))
    return Setting(
        seed=seed,
        interactions=train,
        validation=RankingEvaluator(train, validation, ks=(1,)),
        tests={"next": RankingEvaluator(train, test, ks=(1,))},
        monitor="ndcg@1",
        metrics=("ndcg@1",),
        groups={"first two": np.array([0, 1])},
    )


def ranking_first(task, item):
    scores = np.zeros((USERS, ITEMS), np.float32)
    scores[:, item] = 1.0
    return MatrixRecommender(scores=scores, interactions=task.interactions)


def by_setting(task):
    return ranking_first(task, task.settings["item"])


def make_study(**changes):
    study = Study(
        name="toy",
        entries={
            "fixed": Entry(train=lambda task: ranking_first(task, 2), seeded=False),
            "chosen": Entry(train=by_setting, space={"item": (3, 1, 2)}, ablation="fixed"),
        },
        setting=make_setting,
        monitor="ndcg@1",
    )
    return dataclasses.replace(study, **changes)


def failing(task):
    raise ValueError("no model here")


def failing_study():
    return make_study(
        entries={
            "broken": Entry(train=failing),
            "upon it": Entry(train=failing, builds_on=("broken",)),
            "whole": Entry(train=functools.partial(ranking_first, item=2)),
        }
    )
