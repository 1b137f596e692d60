"""Rows that train nothing, or nothing but a closed form: what the towers stand beside."""

from __future__ import annotations

import numpy as np

from advrec_tf.models.base import MatrixRecommender
from advrec_tf.models.baselines import EASE, Popularity
from advrec_tf.models.content.modalities import Modality
from experiments.cold_start.task import Task, Trained, measured


def _fixed(scores: np.ndarray, task: Task) -> Trained:
    scores = np.asarray(scores, np.float32)
    if scores.ndim == 1:
        scores = np.tile(scores, (task.train.num_users, 1))
    return measured(task, MatrixRecommender(scores=scores, interactions=task.train))


def random(task: Task) -> Trained:
    shape = (task.train.num_users, task.train.num_items)
    return _fixed(np.random.default_rng(task.seed).random(shape, np.float32), task)


def popularity(task: Task) -> Trained:
    return measured(task, Popularity().fit(task.train))


def ease(task: Task) -> Trained:
    return measured(task, EASE(task.point).fit(task.train))


def popularity_of_attributes(task: Task) -> Trained:
    """The mean number of rows of the trained items that share an attribute, over the item's
    attributes: popularity by genre, where genres are the attributes."""
    flags = flags_of(task.content.attributes)
    counts = task.train.item_counts()
    trained = counts > 0
    of_flag = flags[trained].T @ counts[trained] / np.maximum(flags[trained].sum(0), 1.0)
    return _fixed(flags @ of_flag / np.maximum(flags.sum(1), 1.0), task)


def attributes_of_history(task: Task) -> Trained:
    """Cosine of the item's attributes and the sum of those in the history."""
    flags = flags_of(task.content.attributes)
    unit = flags / np.maximum(np.linalg.norm(flags, axis=1, keepdims=True), 1e-9)
    return _fixed((task.train.by_user().dense() @ flags) @ unit.T, task)


def nearest_texts(task: Task) -> Trained:
    """The mean cosine to the texts of the history."""
    vectors = task.content.text.vectors
    return _fixed((task.train.by_user().dense() @ vectors) @ vectors.T, task)


def flags_of(attributes: Modality) -> np.ndarray:
    """The columns of 0 and 1 alone: of genres and other categories."""
    columns = np.isin(attributes.vectors, (0.0, 1.0)).all(axis=0)
    return attributes.vectors[:, columns]
