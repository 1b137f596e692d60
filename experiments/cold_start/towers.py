"""Rows that train towers: over ids, texts, attributes and facts, plainly or with an ingredient."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from advrec_tf.data.augmentation import AugmentedInteractions, top_unseen
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.baselines import EASE
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.content.two_tower import build_content_two_tower
from advrec_tf.models.towers import in_blocks
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining
from experiments.cold_start.task import Task, Trained, fit, measured
from experiments.knowledge_graph.links import build_embedding, fit_embedding


def _modalities(task: Task, names: Sequence[str]) -> list[Modality]:
    made = {
        "text": lambda: task.content.text,
        "attributes": lambda: task.content.attributes,
        "graph": lambda: graph_vectors(task),
    }
    return [made[name]() for name in names]


def build(task: Task, *names: str, **settings):
    return build_content_two_tower(
        task.train, _modalities(task, names), dim=task.dim, seed=task.seed, **settings
    )


def tower(*names: str, **settings) -> Callable[[Task], Trained]:
    """Items by the named modalities (and ids, if asked), users by ids unless said otherwise."""

    def train(task: Task) -> Trained:
        own = dict(settings)
        if own.pop("history_of_text", False):
            own["history"] = task.content.text
        if own.pop("attributes_of_users", False):
            own["user_modalities"] = [task.content.user_attributes]
        if "id_dropout" in own and own["id_dropout"] is None:
            own["id_dropout"] = task.point
        return fit(task, build(task, *names, **own))

    return train


def with_prior(train: Callable[[Task], Trained]) -> Callable[[Task], Trained]:
    """The same tower with log-popularity added for users with under 20 rows; the scale of the
    tower's own scores is chosen on validation."""

    def trained(task: Task) -> Trained:
        model = train(task).model
        found = []
        for scale in (0.0, 0.1, 0.25, 0.5, 1.0):
            prior = with_popularity_prior(
                model.user_vectors(),
                model.item_vectors(),
                task.train,
                scale=scale,
                prior_max_history=20,
            )
            found.append(measured(task, prior))
        return max(found, key=lambda one: one.value)

    return trained


def perturbed(direction: str, *sources: str) -> Callable[[Task], Trained]:
    """The vectors of the sources moved to their worst case, or at random, by `point` of their
    length while training."""

    def train(task: Task) -> Trained:
        model = build(task, *sources)
        perturbation = Perturbation(epsilon=task.point, relative=True, direction=direction)
        layers = [model.item_tower.sources[source] for source in sources]
        return fit(
            task,
            AdversarialTraining(model, perturbation, layers=layers),
            jit=direction == "gradient",
        )

    return train


def generated_rows(source: str) -> Callable[[Task], Trained]:
    """An id tower whose users with few rows, or none, have them filled up to 20, at a weight of
    .3; whoever has a row of either kind has an id."""

    def train(task: Task) -> Trained:
        if source == "ease":
            scores = in_blocks(EASE(500.0).fit(task.train).score, task.train.num_users, 1024)
            # Popularity blended in: raw scores of users without rows say nothing at all.
            scores = scores / max(scores.std(), 1e-9) + _log_counts(task.train)
        elif source == "popularity":
            scores = np.tile(_log_counts(task.train), (task.train.num_users, 1))
        else:
            shape = (task.train.num_users, task.train.num_items)
            scores = np.random.default_rng(task.seed).random(shape, np.float32)
        users, items = top_unseen(scores, task.train, min_history=20)
        rows = AugmentedInteractions(real=task.train, user_index=users, item_index=items)
        known = task.train.user_counts() > 0
        known[users] = True
        return fit(task, build(task, item_ids=True, user_ids=known), rows)

    return train


def _log_counts(train: Interactions) -> np.ndarray:
    return np.log(train.item_counts() + 0.5).astype(np.float32)


def graph_vectors(task: Task) -> Modality:
    """Vectors of the items in an embedding of the facts alone (TransE, self-adversarial)."""

    def compute():
        graph = task.content.graph
        model = build_embedding(graph, "transe", "self_adversarial", 4.0, task.seed)
        fit_embedding(model, graph, epochs=60, seed=task.seed)
        vectors = model.entity_vectors()[: graph.num_items]
        known = np.zeros(graph.num_entities, bool)
        known[graph.heads] = known[graph.tails] = True
        scale = np.linalg.norm(vectors[known[: graph.num_items]], axis=1).mean()
        return Modality(name="graph", vectors=vectors / scale, present=known[: graph.num_items])

    return task.shared(("graph", task.seed), compute)
