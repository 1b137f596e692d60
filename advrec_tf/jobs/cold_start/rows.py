"""The rows of the cold-start tables: how each is trained, and whose twin it is.

A row is a record: a function from a `Task` to a recommender. Settings are the same for all
towers; epochs are chosen on validation, and where a row has `points` so is the setting.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.augmentation import AugmentedInteractions, top_unseen
from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.feature_vectors import FeatureVectorGAN, build_feature_vector_gan
from advrec_tf.jobs.cold_start.fine_tuning import FINE_TUNED
from advrec_tf.jobs.cold_start.task import Row, Task, Trained, fit, measured
from advrec_tf.models.baselines import EASE, Popularity
from advrec_tf.models.content_tower import Modality
from advrec_tf.models.content_two_tower import build_content_two_tower
from advrec_tf.models.knowledge import KnowledgeEmbedding
from advrec_tf.models.recommender import MatrixRecommender
from advrec_tf.models.towers import in_blocks
from advrec_tf.models.vectors import with_popularity_prior
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.generated_items import GeneratedItems, random_vectors


def _fixed(scores: np.ndarray, task: Task) -> Trained:
    scores = np.asarray(scores, np.float32)
    if scores.ndim == 1:
        scores = np.tile(scores, (task.train.num_users, 1))
    return measured(task, MatrixRecommender(scores=scores, interactions=task.train))


# Baselines.


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
    flags = _flags(task.content.attributes)
    counts = task.train.item_counts()
    trained = counts > 0
    of_flag = flags[trained].T @ counts[trained] / np.maximum(flags[trained].sum(0), 1.0)
    return _fixed(flags @ of_flag / np.maximum(flags.sum(1), 1.0), task)


def attributes_of_history(task: Task) -> Trained:
    """Cosine of the item's attributes and the sum of those in the history."""
    flags = _flags(task.content.attributes)
    unit = flags / np.maximum(np.linalg.norm(flags, axis=1, keepdims=True), 1e-9)
    return _fixed((task.train.by_user().dense() @ flags) @ unit.T, task)


def nearest_texts(task: Task) -> Trained:
    """The mean cosine to the texts of the history."""
    vectors = task.content.text.vectors
    return _fixed((task.train.by_user().dense() @ vectors) @ vectors.T, task)


def _flags(attributes: Modality) -> np.ndarray:
    """The columns of 0 and 1 alone: of genres and other categories."""
    columns = np.isin(attributes.vectors, (0.0, 1.0)).all(axis=0)
    return attributes.vectors[:, columns]


# Towers.


def _modalities(task: Task, names: Sequence[str]) -> list[Modality]:
    made = {
        "text": lambda: task.content.text,
        "attributes": lambda: task.content.attributes,
        "graph": lambda: graph_vectors(task),
    }
    return [made[name]() for name in names]


def _build(task: Task, *names: str, **settings):
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
        return fit(task, _build(task, *names, **own))

    return train


def with_prior(train: Callable[[Task], Trained]) -> Callable[[Task], Trained]:
    """The same tower with log-popularity added for users with under 20 rows; the scale of the
    tower's own scores is chosen on validation."""

    def trained(task: Task) -> Trained:
        model = train(task).model
        found = []
        for scale in (0.0, 0.1, 0.25, 0.5, 1.0):
            prior = with_popularity_prior(
                model.user_vectors(), model.item_vectors(), task.train, scale=scale, few=20
            )
            found.append(measured(task, prior))
        return max(found, key=lambda one: one.value)

    return trained


def perturbed_text(direction: str) -> Callable[[Task], Trained]:
    """The text vectors moved to their worst case by `point` of their length while training."""

    def train(task: Task) -> Trained:
        model = _build(task, "text")
        perturbation = Perturbation(epsilon=task.point, relative=True, direction=direction)
        layers = [model.item_tower.sources["text"]]
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
        users, items = top_unseen(scores, task.train, reach=20)
        rows = AugmentedInteractions(real=task.train, user_index=users, item_index=items)
        known = task.train.user_counts() > 0
        known[users] = True
        return fit(task, _build(task, item_ids=True, user_ids=known), rows)

    return train


def _log_counts(train: Interactions) -> np.ndarray:
    return np.log(train.item_counts() + 0.5).astype(np.float32)


# Generated vectors.


def vector_gan(task: Task, adversarial: bool) -> FeatureVectorGAN:
    """The GAN of text vectors from attributes (and facts), or its twin without the adversary,
    trained on the texts of the items that have rows."""

    def compute():
        keras.utils.set_random_seed(task.seed)
        conditions = task.content.attributes
        gan = build_feature_vector_gan(
            task.content.text,
            conditions,
            loss="hinge",
            adversarial_weight=1.0 if adversarial else 0.0,
            reconstruction_weight=1.0,
            seed=task.seed,
        )
        gan.compile(
            d_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
            g_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        )
        known = (task.train.item_counts() > 0) & task.content.text.present
        data = batches.of_index(
            np.flatnonzero(known), batch_size=128, seed=task.seed, name="item_index"
        )
        gan.fit(data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=60, verbose=0)
        return gan

    return task.shared(("vector_gan", adversarial, task.seed), compute)


def with_generated(source: str, sign: float) -> Callable[[Task], Trained]:
    """min E[L_real] - weight * E[L_fake] on a fifth of the batch; the weight is `sign * point`."""

    def train(task: Task) -> Trained:
        writes = (
            random_vectors(task.content.text.width)
            if source == "random"
            else vector_gan(task, source == "gan").write
        )
        model = GeneratedItems(
            _build(task, "text"), writes, modality="text", weight=sign * task.point
        )
        return fit(task, model)

    return train


def filled(source: str) -> Callable[[Task], Trained]:
    """The text tower, its missing texts generated: by the GAN, its twin, the mean of the items
    that share attributes, or a random direction."""

    def train(task: Task) -> Trained:
        text = task.content.text
        if source in ("gan", "twin"):
            text = vector_gan(task, source == "gan").fill(text, seed=task.seed)
        else:
            if source == "mean":
                flags = _flags(task.content.attributes)
                known = text.present & (task.train.item_counts() > 0)
                of_flag = flags[known].T @ text.vectors[known]
                written = flags @ (of_flag / np.maximum(flags[known].sum(0), 1.0)[:, None])
            else:
                written = np.random.default_rng(task.seed).normal(size=text.vectors.shape)
            norm = np.linalg.norm(written, axis=1, keepdims=True)
            written = (written / np.maximum(norm, 1e-9)).astype(np.float32)
            text = Modality(
                name="text", vectors=np.where(text.present[:, None], text.vectors, written)
            )
        model = build_content_two_tower(task.train, [text], dim=task.dim, seed=task.seed)
        return fit(task, model)

    return train


# The knowledge graph.


def graph_vectors(task: Task) -> Modality:
    """Vectors of the items in an embedding of the facts alone (TransE, self-adversarial)."""

    def compute():
        keras.utils.set_random_seed(task.seed)
        graph = task.content.graph
        model = KnowledgeEmbedding(
            graph,
            dim=64,
            score="transe",
            margin=4.0,
            negatives="self_adversarial",
            hardness=0.5,
            count=16,
            seed=task.seed,
        )
        model.compile(optimizer=keras.optimizers.Adagrad(0.1, initial_accumulator_value=1e-8))
        data = batches.in_blocks(batches.of_triples(graph, batch_size=512, seed=task.seed))
        model.fit(data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=60, verbose=0)
        vectors = model.entity_vectors()[: graph.num_items]
        known = np.zeros(graph.num_entities, bool)
        known[graph.heads] = known[graph.tails] = True
        scale = np.linalg.norm(vectors[known[: graph.num_items]], axis=1).mean()
        return Modality(name="graph", vectors=vectors / scale, present=known[: graph.num_items])

    return task.shared(("graph", task.seed), compute)


_AGAINST = {"points": (0.1, 0.3, 1.0), "setting": "weight", "needs": ("attributes",)}
_PERTURBED = {"points": (0.1, 0.3), "setting": "epsilon", "twin": "text tower"}
BASELINES = {
    "random": Row(train=random),
    "popularity": Row(train=popularity, seeded=False),
    "popularity of the attributes": Row(
        train=popularity_of_attributes, needs=("attributes",), seeded=False
    ),
    "attributes of the history": Row(
        train=attributes_of_history, needs=("attributes",), seeded=False
    ),
    "nearest texts": Row(train=nearest_texts, seeded=False),
    "EASE": Row(train=ease, points=(300.0, 100.0, 1000.0), setting="l2", seeded=False),
}
ID_TOWER = {"id tower": Row(train=tower(item_ids=True))}
TEXT_TOWER = {"text tower": Row(train=tower("text"), twin="id tower")}


def text_and_id(*dropouts: float) -> Mapping[str, Row]:
    return {
        "text + id tower": Row(
            train=tower("text", item_ids=True, id_dropout=None),
            points=dropouts,
            setting="id dropout",
            twin="id tower",
        )
    }


SCENARIOS: Mapping[str, Mapping[str, Row]] = {
    "items": {
        **BASELINES,
        **ID_TOWER,
        "attributes tower": Row(train=tower("attributes"), needs=("attributes",)),
        "graph tower": Row(train=tower("graph"), needs=("graph",)),
        **TEXT_TOWER,
        **text_and_id(0.5, 0.2),
        "text + attributes tower": Row(
            train=tower("text", "attributes"), needs=("attributes",), twin="text tower"
        ),
        "text + attributes tower, gated": Row(
            train=tower("text", "attributes", fusion="gated"),
            needs=("attributes",),
            twin="text + attributes tower",
        ),
        "text + graph tower": Row(
            train=tower("text", "graph"), needs=("graph",), twin="text tower"
        ),
        "text tower, text perturbed by noise": Row(train=perturbed_text("random"), **_PERTURBED),
        "text tower, text perturbed (FGSM)": Row(train=perturbed_text("gradient"), **_PERTURBED),
        "text tower against random vectors": Row(
            train=with_generated("random", 1.0), twin="text tower", **_AGAINST
        ),
        "text tower against the GAN's twin": Row(
            train=with_generated("twin", 1.0), twin="text tower", **_AGAINST
        ),
        "text tower against the GAN": Row(
            train=with_generated("gan", 1.0), twin="text tower", **_AGAINST
        ),
        "text tower with the GAN's items as positives": Row(
            train=with_generated("gan", -1.0), twin="text tower", **_AGAINST
        ),
    },
    "missing": {
        "text tower": Row(train=tower("text")),
        "text + attributes tower": Row(
            train=tower("text", "attributes"), needs=("attributes",), twin="text tower"
        ),
        "text tower, filled at random": Row(train=filled("random"), twin="text tower"),
        "text tower, filled by the attributes' mean": Row(
            train=filled("mean"), needs=("attributes",), twin="text tower"
        ),
        "text tower, filled by the GAN's twin": Row(
            train=filled("twin"), needs=("attributes",), twin="text tower"
        ),
        "text tower, filled by the GAN": Row(
            train=filled("gan"),
            needs=("attributes",),
            twin="text tower, filled by the GAN's twin",
        ),
    },
    "users": {
        "popularity": BASELINES["popularity"],
        "EASE": BASELINES["EASE"],
        **ID_TOWER,
        "id tower, popularity prior": Row(train=with_prior(tower(item_ids=True)), twin="id tower"),
        "id tower, rows at random": Row(train=generated_rows("random"), twin="id tower"),
        "id tower, rows by popularity": Row(train=generated_rows("popularity"), twin="id tower"),
        "id tower, rows by EASE": Row(train=generated_rows("ease"), twin="id tower"),
        "user attributes tower": Row(
            train=tower(item_ids=True, attributes_of_users=True, user_ids=False),
            needs=("user_attributes",),
            twin="popularity",
        ),
        "history tower": Row(
            train=tower("text", item_ids=True, history_of_text=True, id_dropout=0.3),
            twin="id tower",
        ),
        "history tower, popularity prior": Row(
            train=with_prior(tower("text", item_ids=True, history_of_text=True, id_dropout=0.3)),
            twin="id tower, popularity prior",
        ),
        "history + user attributes tower": Row(
            train=tower(
                "text",
                item_ids=True,
                history_of_text=True,
                attributes_of_users=True,
                id_dropout=0.3,
            ),
            needs=("user_attributes",),
            twin="history tower",
        ),
    },
    "finetuned": FINE_TUNED,
    "warm": {
        "popularity": BASELINES["popularity"],
        "EASE": BASELINES["EASE"],
        **ID_TOWER,
        **TEXT_TOWER,
        **text_and_id(0.2, 0.0),
        "text + id tower, histories": Row(
            train=tower("text", item_ids=True, history_of_text=True, id_dropout=0.2),
            twin="text + id tower",
        ),
    },
}
