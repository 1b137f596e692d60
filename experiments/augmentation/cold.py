"""Rows for users without interactions: rankings from attributes, and generated histories."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.data.augmentation import drawn_unseen, top_unseen
from advrec_tf.models.attribute_baselines import GroupPopularity, bootstrap_profiles
from advrec_tf.models.base import Recommender, log_popularity
from experiments.augmentation.evaluation import MONITOR
from experiments.augmentation.shared import augmented, ranking
from experiments.augmentation.task import Task, attribute_gan


def random_ranking(task: Task) -> Recommender:
    shape = (task.train.num_users, task.train.num_items)
    return ranking(task, task.rng(5).random(shape))


def _group_popularity(task: Task, strength: float) -> GroupPopularity:
    return GroupPopularity(task.groups, strength=strength).fit(task.train)


def group_popularity(task: Task) -> Recommender:
    return _group_popularity(task, task.point)


def _best_group_popularity(task: Task) -> np.ndarray:
    def compute():
        found = [_group_popularity(task, strength) for strength in task.settings.strength]
        best = max(found, key=lambda m: task.setting.validation.evaluate(m).metrics[MONITOR])
        return best.scores()

    return task.shared("group popularity", compute)


def _copied(task: Task) -> np.ndarray:
    """[num_users, num_items]: the copied profile of each cut user, zeros for the others."""
    users = task.setting.cold.users
    copied = np.zeros((task.train.num_users, task.train.num_items), np.float32)
    copied[users] = bootstrap_profiles(task.train, task.groups, users, rng=task.rng(6))
    return copied


def bootstrap(task: Task) -> Recommender:
    """The copied profile first, popular items before rare ones."""
    return ranking(task, 100.0 * _copied(task) + log_popularity(task.train))


def _best(task: Task, scores: np.ndarray) -> Recommender:
    """The `min_history` best items of every cut user, by scores [num_users, num_items], as rows."""
    users = task.setting.cold.users
    rows = top_unseen(scores, task.train, min_history=task.settings.min_history, users=users)
    return augmented(task, rows, weight=1.0)


def bootstrap_rows(task: Task) -> Recommender:
    """`min_history` items of the copied profile, at random."""
    users = task.setting.cold.users
    logits = np.where(_copied(task) > 0, 0.0, -np.inf)[users]
    counts = np.full(len(users), task.settings.min_history)
    rows = drawn_unseen(logits, users, task.train, counts, rng=task.rng(7))
    return augmented(task, rows, weight=1.0)


def group_best(task: Task) -> Recommender:
    return _best(task, _best_group_popularity(task))


def popular_best(task: Task) -> Recommender:
    return _best(task, np.tile(log_popularity(task.train), (task.train.num_users, 1)))


def random_best(task: Task) -> Recommender:
    shape = (task.train.num_users, task.train.num_items)
    return _best(task, task.rng(10).random(shape))


def attribute_ranking(*, adversary: bool) -> Callable[[Task], Recommender]:
    def make(task: Task) -> Recommender:
        return attribute_gan(task, game=task.settings.gan_weight if adversary else 0.0)

    return make


def attribute_best(*, adversary: bool) -> Callable[[Task], Recommender]:
    """What the generator ranks first."""

    def make(task: Task) -> Recommender:
        gan = attribute_gan(task, game=task.settings.gan_weight if adversary else 0.0)
        return _best(task, gan.scores())

    return make


def attribute_drawn(*, adversary: bool) -> Callable[[Task], Recommender]:
    """Profiles as the generator writes them, set by set."""

    def make(task: Task) -> Recommender:
        gan = attribute_gan(task, game=task.settings.gan_weight if adversary else 0.0)
        users = task.setting.cold.users
        counts = np.full(len(users), min(task.settings.min_history, task.train.num_items))
        written = gan.generate(
            task.attributes.vectors[users], counts, seed=1000 + task.setting.seed
        )
        rows, items = np.nonzero(written)
        pairs = users[rows].astype(np.int32), items.astype(np.int32)
        return augmented(task, pairs, weight=1.0)

    return make
