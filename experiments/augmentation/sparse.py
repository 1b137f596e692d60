"""Rows for users with few interactions: controls that generate nothing, and filled-up histories.

Sources of rows give scores; the best unseen items of each sparse user become rows, blended with
popularity where the source is taught (`advrec_tf.pipelines.recommend.generation`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.data import simple_augmentation
from advrec_tf.data.augmentation import top_unseen
from advrec_tf.models.base import Recommender, log_popularity
from advrec_tf.models.baselines import Popularity
from advrec_tf.models.item_similarity import nearest_items, singular_item_vectors
from advrec_tf.models.towers import in_blocks
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.perturbations import Perturbation
from advrec_tf.pipelines.recommend.generation import blended, calibrate
from experiments.augmentation.evaluation import MONITOR
from experiments.augmentation.shared import SHARE, augmented, off
from experiments.augmentation.task import Task, ease, factorize, profile_scores

PRIOR_SCALES = (0.0, 1.0, 2.0, 4.0, 8.0)
NEIGHBORS = 10
_NOISE = Perturbation(epsilon=0.2, relative=True, direction="random")


# Controls that generate nothing.


def ease_alone(task: Task) -> Recommender:
    return ease(task) or Popularity().fit(task.train)


def serving_prior(task: Task) -> Recommender:
    """Log popularity added for users with few rows; the scale of taste chosen on validation."""
    model = off(task)
    found = [
        with_popularity_prior(
            model.user_vectors,
            model.item_vectors,
            task.train,
            scale=scale,
            prior_max_history=task.settings.min_history,
        )
        for scale in PRIOR_SCALES
    ]
    return max(found, key=lambda m: task.setting.validation.evaluate(m).metrics[MONITOR])


def noise_on_embeddings(task: Task) -> Recommender:
    return factorize(task, perturbation=_NOISE)


def item_dropout(task: Task) -> Recommender:
    rows = simple_augmentation.dropped_rows(task.train, SHARE, rng=task.rng(1))
    return factorize(task, rows)


def swaps(task: Task) -> Recommender:
    count = min(NEIGHBORS, task.train.num_items - 1)
    near = nearest_items(singular_item_vectors(task.train), count)
    rows = simple_augmentation.swapped_rows(task.train, near, SHARE, rng=task.rng(2))
    return augmented(task, rows, weight=task.point)


def mixup(task: Task) -> Recommender:
    rows = simple_augmentation.mixed_profiles(task.train, 0.2, rng=task.rng(3))
    return augmented(task, rows, weight=task.point)


# Rows from a teacher's scores, for users with few.


def _sparse(task: Task) -> np.ndarray:
    return np.flatnonzero(task.train.by_user().counts < task.settings.min_history)


def _filled_up(task: Task, scores: np.ndarray, key, *, blend: bool) -> Recommender:
    """Scores [num_users, num_items] -> the best unseen items up to `min_history` as rows."""
    users = _sparse(task)

    def rows():
        if blend:
            # How far to trust taste beyond popularity: by the likelihood of the choosing half.
            found = calibrate(scores[users], users, task.setting.cold)
            popular = log_popularity(task.train)
            mixed = np.zeros_like(scores)
            mixed[users] = blended(
                scores[users], popular, found["temperature"], found["popularity_weight"]
            )
        return top_unseen(
            mixed if blend else scores,
            task.train,
            min_history=task.settings.min_history,
            users=users,
        )

    return augmented(task, task.shared(("rows", key), rows), weight=task.point)


def random_rows(task: Task) -> Recommender:
    shape = (task.train.num_users, task.train.num_items)
    return _filled_up(task, task.rng(4).random(shape, np.float32), "random", blend=False)


def popular_rows(task: Task) -> Recommender:
    scores = np.tile(log_popularity(task.train), (task.train.num_users, 1))
    return _filled_up(task, scores, "popular", blend=False)


def ease_rows(task: Task) -> Recommender:
    model = ease(task)
    if model is None:
        return off(task)
    scores = in_blocks(model.score, task.train.num_users, block=512)
    return _filled_up(task, scores, "ease", blend=True)


def profile_rows(*, adversary: bool) -> Callable[[Task], Recommender]:
    def make(task: Task) -> Recommender:
        game = task.settings.gan_weight if adversary else 0.0
        return _filled_up(task, profile_scores(task, game=game), ("profile", game), blend=True)

    return make
