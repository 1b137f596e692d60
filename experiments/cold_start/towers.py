"""Entries that train towers: over ids, texts, attributes and facts, alone or with an ingredient."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.data.augmentation import AugmentedInteractions, top_unseen
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.content.two_tower import content_two_tower
from advrec_tf.models.towers import in_blocks
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.perturbations import Perturbation
from advrec_tf.training import recipes
from advrec_tf.training.adversarial import AdversarialTraining
from experiments.cold_start.content import items_with_fact
from experiments.cold_start.training import fit
from experiments.harness.baselines import random_scores
from experiments.harness.entries import Task, Trained
from experiments.knowledge_graph.links import build_embedding, fit_embedding

MIN_HISTORY = 20
"""Users with fewer interactions get a popularity prior, or generated interactions up to so many."""
PRIOR_SCALES = (0.0, 0.1, 0.25, 0.5, 1.0)


def build(task: Task, *names: str, **settings):
    """A two-tower model whose items are given by the modalities named."""
    content = task.context.content
    modalities = [
        graph_vectors(task) if name == "graph" else getattr(content, name) for name in names
    ]
    return content_two_tower(
        task.interactions, modalities, dim=task.context.dim, seed=task.seed, **settings
    )


def tower(*names: str, **settings) -> Callable[[Task], Trained]:
    """Items by the named modalities (and ids, if asked), users by ids unless said otherwise.

    A point of the entry's space is passed to the builder as well.
    """

    def train(task: Task) -> Trained:
        own = {**settings, **task.settings}
        if own.pop("history_of_text", False):
            own["history"] = task.context.content.text
        if own.pop("attributes_of_users", False):
            own["user_modalities"] = [task.context.content.user_attributes]
        return fit(task, build(task, *names, **own))

    return train


def with_prior(train: Callable[[Task], Trained]) -> Callable[[Task], Trained]:
    """The same tower with log popularity added for users with a short history; the scale of the
    tower's own scores is chosen on validation."""

    def trained(task: Task) -> Trained:
        model = train(task).model
        users, items = model.user_vectors(), model.item_vectors()
        return Trained(
            task.setting.best(
                with_popularity_prior(
                    users, items, task.interactions, scale=scale, prior_max_history=MIN_HISTORY
                )
                for scale in PRIOR_SCALES
            )
        )

    return trained


def perturbed(direction: str, *sources: str) -> Callable[[Task], Trained]:
    """The vectors of the sources moved to their worst case, or at random, by the fraction `epsilon`
    of their norm while training."""

    def train(task: Task) -> Trained:
        model = build(task, *sources)
        epsilon = task.settings["epsilon"]
        perturbation = Perturbation(epsilon=epsilon, relative=True, direction=direction)
        layers = [model.item_tower.sources[source] for source in sources]
        return fit(
            task,
            AdversarialTraining(model, perturbation, layers=layers),
            jit=direction == "gradient",
        )

    return train


def augmented(source: str) -> Callable[[Task], Trained]:
    """An id tower whose users with a short history, or none, have it filled up at a weight of .3;
    whoever has an interaction of either kind has an id."""

    def train(task: Task) -> Trained:
        real = task.interactions
        if source == "ease":
            ease = recipes.ease(l2=500.0).train(real).model
            scores = in_blocks(ease.score, real.num_users, 1024)
            # Popularity is added: raw scores of users without interactions are all equal.
            scores = scores / max(scores.std(), 1e-9) + _log_counts(real)
        elif source == "popularity":
            scores = np.tile(_log_counts(real), (real.num_users, 1))
        else:
            scores = random_scores(task)
        users, items = top_unseen(scores, real, min_history=MIN_HISTORY)
        interactions = AugmentedInteractions(real=real, user_index=users, item_index=items)
        known = real.user_counts() > 0
        known[users] = True
        return fit(task, build(task, item_ids=True, user_ids=known), interactions)

    return train


def _log_counts(interactions: Interactions) -> np.ndarray:
    return np.log(interactions.item_counts() + 0.5).astype(np.float32)


def graph_vectors(task: Task) -> Modality:
    """Vectors of the items in an embedding of the facts alone (TransE, self-adversarial)."""

    def compute():
        graph = task.context.content.graph
        model = build_embedding(graph, "transe", "self_adversarial", {"margin": 4.0}, task.seed)
        fit_embedding(model, graph, epochs=60, seed=task.seed)
        vectors = model.entity_vectors()[: graph.num_items]
        known = items_with_fact(graph)
        scale = np.linalg.norm(vectors[known], axis=1).mean()
        return Modality(name="graph", vectors=vectors / scale, present=known)

    return task.shared("graph", compute)
