"""Rows for the long tail: steered rows, reweighted rows, and a penalty on the lists."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.data.augmentation import drawn_unseen
from advrec_tf.gan.steering import mean_log_popularity, steer
from advrec_tf.models.base import Recommender, log_popularity
from advrec_tf.models.towers import in_blocks
from experiments.augmentation.shared import augmented, off, ranking
from experiments.augmentation.task import Task, factorize, profile_scores


def steered_rows(source: str) -> Callable[[Task], Recommender]:
    """Rows drawn from a source steered to the cap, a share `point` of a batch; of every user."""

    def make(task: Task) -> Recommender:
        train = task.train
        users = np.flatnonzero(train.by_user().counts)

        def logits():
            if source == "random":
                return np.zeros((train.num_users, train.num_items), np.float32)
            game = task.settings.gan_weight if source == "gan" else 0.0
            return profile_scores(task, game=game)

        steered = steer(logits()[users], users, train, cap=task.settings.cap)
        counts = np.maximum(
            np.round(task.settings.steered_rows * train.by_user().counts[users]), 1
        ).astype(int)
        rows = drawn_unseen(steered.logits, users, train, counts, rng=task.rng(11))
        drift = float(log_popularity(train)[rows[1]].mean() - mean_log_popularity(train))
        task.write(
            f"  {task.label}: gamma {steered.gamma:.2f}, drift {steered.drift:+.2f} nats; of the "
            f"{len(rows[0]):,} rows drawn {drift:+.2f}"
        )
        return augmented(task, rows, weight=1.0, fraction=task.point)

    return make


def reweighted(task: Task) -> Recommender:
    """Real rows weighed by (rows of the item)^-power, with mean 1."""
    counts = task.train.item_counts()[task.train.item_index].astype(np.float64)
    weight = counts**-task.point
    return factorize(task, row_weight=weight / weight.mean())


def penalized(task: Task) -> Recommender:
    """score / temperature - penalty * log popularity, at serving."""
    model = off(task)
    scores = in_blocks(model.score, task.train.num_users, block=512)
    penalty = task.point * log_popularity(task.train)
    return ranking(task, scores / task.settings.temperature - penalty)
