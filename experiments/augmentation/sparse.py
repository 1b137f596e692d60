"""Entries for users with few interactions: controls that generate nothing, and filled histories.

A source gives scores; the best unseen items of each sparse user become interactions, where the
source is trained by a blend with popularity (`advrec_tf.pipelines.recommend.generation`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.data import augmentation_controls
from advrec_tf.data.augmentation import top_unseen
from advrec_tf.models.base import Recommender, log_popularity
from advrec_tf.models.item_similarity import nearest_items, singular_item_vectors
from advrec_tf.models.towers import in_blocks
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.perturbations import Perturbation
from advrec_tf.pipelines.recommend.generation import blended, calibrate
from advrec_tf.training import recipes
from experiments.augmentation.training import (
    FRACTION,
    augmented,
    ease,
    factorize,
    no_augmentation,
    profile_scores,
)
from experiments.harness.baselines import random_scores
from experiments.harness.entries import Task

PRIOR_SCALES = (0.0, 1.0, 2.0, 4.0, 8.0)
NEIGHBORS = 10
_NOISE = Perturbation(epsilon=0.2, relative=True, direction="random")


# Controls that generate nothing.


def ease_alone(task: Task) -> Recommender:
    return ease(task) or recipes.popularity().train(task.interactions).model


def serving_prior(task: Task) -> Recommender:
    """Log popularity added for users with a short history, at a scale chosen on validation."""
    model = no_augmentation(task)
    return task.setting.best(
        with_popularity_prior(
            model.user_vectors,
            model.item_vectors,
            task.interactions,
            scale=scale,
            prior_max_history=task.context.settings.min_history,
        )
        for scale in PRIOR_SCALES
    )


def embedding_noise(task: Task) -> Recommender:
    return factorize(task, perturbation=_NOISE)


def item_dropout(task: Task) -> Recommender:
    return factorize(
        task, augmentation_controls.drop_interactions(task.interactions, FRACTION, rng=task.rng(1))
    )


def item_substitution(task: Task) -> Recommender:
    """Items replaced by similar ones."""
    count = min(NEIGHBORS, task.interactions.num_items - 1)
    near = nearest_items(singular_item_vectors(task.interactions), count)
    swapped = augmentation_controls.swap_items(task.interactions, near, FRACTION, rng=task.rng(2))
    return augmented(task, swapped, weight=task.settings["weight"])


def profile_mixup(task: Task) -> Recommender:
    mixed = augmentation_controls.mix_profiles(task.interactions, 0.2, rng=task.rng(3))
    return augmented(task, mixed, weight=task.settings["weight"])


# Interactions from a source's scores, for users with few.


def _filled(task: Task, scores: np.ndarray, key, *, blend: bool = False) -> Recommender:
    """Scores [num_users, num_items] -> the best unseen items up to `min_history`."""
    train, min_history = task.interactions, task.context.settings.min_history

    def generated():
        users = np.flatnonzero(train.by_user().counts < min_history)
        mixed = scores
        if blend:
            # How far to trust taste beyond popularity: by the likelihood of the validation half.
            found = calibrate(scores[users], users, task.setting.cold)
            mixed = np.zeros_like(scores)
            mixed[users] = blended(
                scores[users],
                log_popularity(train),
                found["temperature"],
                found["popularity_weight"],
            )
        return top_unseen(mixed, train, min_history=min_history, users=users)

    return augmented(
        task, task.shared(("generated", key), generated), weight=task.settings["weight"]
    )


def random_interactions(task: Task) -> Recommender:
    return _filled(task, random_scores(task, 4), "random")


def popular_interactions(task: Task) -> Recommender:
    scores = np.tile(log_popularity(task.interactions), (task.interactions.num_users, 1))
    return _filled(task, scores, "popular")


def ease_interactions(task: Task) -> Recommender:
    model = ease(task)
    if model is None:
        return no_augmentation(task)
    scores = in_blocks(model.score, task.interactions.num_users, block=512)
    return _filled(task, scores, "EASE", blend=True)


def gan_interactions(*, adversarial: bool) -> Callable[[Task], Recommender]:
    def train(task: Task) -> Recommender:
        scores = profile_scores(task, adversarial=adversarial)
        return _filled(task, scores, ("GAN", adversarial), blend=True)

    return train
