"""Entries for the long tail: steered and reweighted interactions, and a penalty on the lists."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.data.augmentation import sample_unseen
from advrec_tf.gan.steering import mean_log_popularity, steer
from advrec_tf.models.base import Recommender, log_popularity
from advrec_tf.models.towers import in_blocks
from experiments.augmentation.training import (
    augmented,
    factorize,
    no_augmentation,
    profile_scores,
)
from experiments.harness.baselines import ranking
from experiments.harness.entries import Task


def steered_interactions(source: str) -> Callable[[Task], Recommender]:
    """Interactions of every user, drawn from a source that is steered to rare items."""

    def train(task: Task) -> Recommender:
        real, settings = task.interactions, task.context.settings
        users = np.flatnonzero(real.by_user().counts)
        if source == "random":
            logits = np.zeros((real.num_users, real.num_items), np.float32)
        else:
            logits = profile_scores(task, adversarial=source == "gan")
        steered = steer(logits[users], users, real, cap=settings.cap)
        counts = np.round(settings.steered_rows * real.by_user().counts[users])
        counts = np.maximum(counts, 1).astype(int)
        drawn = sample_unseen(steered.logits, users, real, counts, rng=task.rng(11))
        drift = float(log_popularity(real)[drawn[1]].mean() - mean_log_popularity(real))
        task.log(
            f"  {task.label}: gamma {steered.gamma:.2f}, drift {steered.drift:+.2f} nats; of the "
            f"{len(drawn[0]):,} interactions drawn {drift:+.2f}"
        )
        return augmented(task, drawn, fraction=task.settings["steered_fraction"])

    return train


def reweighted(task: Task) -> Recommender:
    """Real interactions weighed by (interactions of the item)^-power, with mean 1."""
    counts = task.interactions.item_counts()[task.interactions.item_index].astype(np.float64)
    weight = counts ** -task.settings["row_power"]
    return factorize(task, sample_weight=weight / weight.mean())


def penalized(task: Task) -> Recommender:
    """score / temperature - penalty * log popularity, at serving."""
    model = no_augmentation(task)
    scores = in_blocks(model.score, task.interactions.num_users, block=512)
    penalty = task.settings["penalty"] * log_popularity(task.interactions)
    return ranking(task, scores / task.context.settings.temperature - penalty)
