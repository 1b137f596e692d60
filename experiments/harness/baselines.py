"""Entries that train nothing, or a closed form alone: what trained entries stand beside."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.models.base import MatrixRecommender, Recommender
from advrec_tf.training.recipe import ClosedFormRecipe
from experiments.harness.entries import Task


def closed_form(
    recipe: Callable[..., ClosedFormRecipe], **settings
) -> Callable[[Task], Recommender]:
    """By a recipe with these settings and those of the task."""
    return lambda task: (
        recipe(**settings, **task.settings).train(task.interactions, seed=task.seed).model
    )


def ranking(task: Task, scores: np.ndarray) -> MatrixRecommender:
    """Of given scores, [num_users, num_items], or [num_items] for all users alike."""
    scores = np.asarray(scores, np.float32)
    if scores.ndim == 1:
        scores = np.tile(scores, (task.interactions.num_users, 1))
    return MatrixRecommender(scores=scores, interactions=task.interactions)


def random_scores(task: Task, *stream: int, dtype=np.float32) -> np.ndarray:
    """[num_users, num_items], uniform, of a stream of the task's seed."""
    shape = (task.interactions.num_users, task.interactions.num_items)
    return task.rng(*stream).random(shape, dtype)


def random_ranking(*stream: int, dtype=np.float32) -> Callable[[Task], Recommender]:
    """At random: what no model may fall below."""
    return lambda task: ranking(task, random_scores(task, *stream, dtype=dtype))
