"""What rows of several parts share: the plain model, a fixed ranking, training with rows."""

from __future__ import annotations

import numpy as np

from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.models.base import MatrixRecommender, Recommender
from advrec_tf.models.baselines import Popularity
from advrec_tf.models.vectors import VectorRecommender
from experiments.augmentation.task import Task, factorize

SHARE = 0.2
"""Generated rows in a batch, to its real ones; also of rows dropped or swapped."""


def off(task: Task) -> VectorRecommender:
    """The factorization on the real rows; other rows of the evaluation setting build on it."""
    return task.shared("off", lambda: factorize(task))


def popularity(task: Task) -> Recommender:
    return Popularity().fit(task.train)


def ranking(task: Task, scores: np.ndarray) -> Recommender:
    scores = np.asarray(scores, np.float32)
    return MatrixRecommender(scores=scores, interactions=task.train)


def augmented(task: Task, rows, *, weight: float, fraction: float = SHARE) -> Recommender:
    users, items = rows
    if not len(users):
        return off(task)
    return factorize(
        task,
        AugmentedInteractions(
            real=task.train, user_index=users, item_index=items, weight=weight, fraction=fraction
        ),
    )
