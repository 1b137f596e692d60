"""Entries for users without interactions: rankings by attributes, and generated histories."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.data.augmentation import sample_unseen, top_unseen
from advrec_tf.models.attribute_baselines import GroupPopularity, bootstrap_profiles
from advrec_tf.models.base import Recommender, log_popularity
from experiments.augmentation.training import (
    attribute_gan,
    augmented,
)
from experiments.harness.baselines import random_scores, ranking
from experiments.harness.entries import Task


def _group_popularity(task: Task, strength: float) -> GroupPopularity:
    return GroupPopularity(task.context.groups, strength=strength).fit(task.interactions)


def group_popularity(task: Task) -> Recommender:
    return _group_popularity(task, task.settings["strength"])


def _copied(task: Task) -> np.ndarray:
    """[num_users, num_items]: the copied profile of each cut user, zeros for the others."""
    users = task.setting.cold.users
    copied = np.zeros((task.interactions.num_users, task.interactions.num_items), np.float32)
    copied[users] = bootstrap_profiles(
        task.interactions, task.context.groups, users, rng=task.rng(6)
    )
    return copied


def bootstrapped_profiles(task: Task) -> Recommender:
    """The copied profile first, popular items before rare ones."""
    return ranking(task, 100.0 * _copied(task) + log_popularity(task.interactions))


def _top(task: Task, scores: np.ndarray) -> Recommender:
    """The `min_history` best items of every cut user, by scores [num_users, num_items]."""
    return augmented(
        task,
        top_unseen(
            scores,
            task.interactions,
            min_history=task.context.settings.min_history,
            users=task.setting.cold.users,
        ),
    )


def bootstrapped_interactions(task: Task) -> Recommender:
    """`min_history` items of the copied profile, at random."""
    users = task.setting.cold.users
    logits = np.where(_copied(task) > 0, 0.0, -np.inf)[users]
    counts = np.full(len(users), task.context.settings.min_history)
    return augmented(task, sample_unseen(logits, users, task.interactions, counts, rng=task.rng(7)))


def group_popular_interactions(task: Task) -> Recommender:
    def compute():
        strengths = task.context.settings.strength
        return task.setting.best([_group_popularity(task, s) for s in strengths]).scores()

    return _top(task, task.shared("group popularity", compute))


def popular_interactions(task: Task) -> Recommender:
    scores = log_popularity(task.interactions)
    return _top(task, np.tile(scores, (task.interactions.num_users, 1)))


def random_interactions(task: Task) -> Recommender:
    return _top(task, random_scores(task, 10, dtype=np.float64))


def gan_ranking(*, adversarial: bool) -> Callable[[Task], Recommender]:
    return lambda task: attribute_gan(task, adversarial=adversarial)


def top_ranked(*, adversarial: bool) -> Callable[[Task], Recommender]:
    """The items that the generator ranks first."""
    return lambda task: _top(task, attribute_gan(task, adversarial=adversarial).scores())


def sampled(*, adversarial: bool) -> Callable[[Task], Recommender]:
    """Profiles as the generator draws them, set by set."""

    def train(task: Task) -> Recommender:
        gan, users = attribute_gan(task, adversarial=adversarial), task.setting.cold.users
        count = min(task.context.settings.min_history, task.interactions.num_items)
        generated = gan.generate(
            task.context.attributes.vectors[users],
            np.full(len(users), count),
            seed=1000 + task.seed,
        )
        row, items = np.nonzero(generated)
        return augmented(task, (users[row].astype(np.int32), items.astype(np.int32)))

    return train
