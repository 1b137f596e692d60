"""Rankings by what is known of items, without training: what the towers stand beside."""

from __future__ import annotations

import numpy as np

from advrec_tf.models.base import Recommender
from advrec_tf.models.content.modalities import Modality
from experiments.harness.baselines import ranking
from experiments.harness.entries import Task


def popularity_by_attributes(task: Task) -> Recommender:
    """The mean number of interactions of the trained items that share an attribute, averaged over
    the item's attributes: popularity by genre, where genres are the attributes."""
    flags = flags_of(task.context.content.attributes)
    counts = task.interactions.item_counts()
    trained = counts > 0
    of_flag = flags[trained].T @ counts[trained] / np.maximum(flags[trained].sum(0), 1.0)
    return ranking(task, flags @ of_flag / np.maximum(flags.sum(1), 1.0))


def attribute_similarity(task: Task) -> Recommender:
    """Cosine of the item's attributes and the sum of those in the history."""
    flags = flags_of(task.context.content.attributes)
    unit = flags / np.maximum(np.linalg.norm(flags, axis=1, keepdims=True), 1e-9)
    return ranking(task, (task.interactions.by_user().dense() @ flags) @ unit.T)


def text_similarity(task: Task) -> Recommender:
    """The sum of cosines to the texts of the history."""
    vectors = task.context.content.text.vectors
    return ranking(task, (task.interactions.by_user().dense() @ vectors) @ vectors.T)


def flags_of(attributes: Modality) -> np.ndarray:
    """The columns of 0 and 1 alone: of genres and other categories."""
    columns = np.isin(attributes.vectors, (0.0, 1.0)).all(axis=0)
    return attributes.vectors[:, columns]
