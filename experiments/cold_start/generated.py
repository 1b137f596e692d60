"""Entries with generated text vectors: of items that do not exist, or of those without a text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.gan.adversarial_loss import AdversarialLoss
from advrec_tf.gan.feature_vectors import FeatureVectorGAN, build_feature_vector_gan
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.content.two_tower import content_two_tower
from advrec_tf.training.generated_items import GeneratedItems, random_vectors
from experiments.cold_start.baselines import flags_of
from experiments.cold_start.towers import build
from experiments.cold_start.training import fit
from experiments.harness.entries import Task, Trained


def vector_gan(task: Task, *, adversarial: bool) -> FeatureVectorGAN:
    """The GAN of text vectors from attributes, or its ablation without the adversary, trained on
    the texts of the items that have interactions."""

    def compute():
        keras.utils.set_random_seed(task.seed)
        content = task.context.content
        gan = build_feature_vector_gan(
            content.text,
            content.attributes,
            loss=AdversarialLoss("hinge", weight=1.0 if adversarial else 0.0),
            seed=task.seed,
        )
        gan.compile(
            d_optimizer=keras.optimizers.Adam(2e-4, beta_1=0.5),
            g_optimizer=keras.optimizers.Adam(5e-4, beta_1=0.5),
        )
        known = np.flatnonzero((task.interactions.item_counts() > 0) & content.text.present)
        data = batches.of_index(known, batch_size=128, seed=task.seed, name="item_index")
        gan.fit(data.dataset(0), steps_per_epoch=data.steps_per_epoch, epochs=60, verbose=0)
        return gan

    return task.shared(("vector_gan", adversarial), compute)


def with_generated_items(source: str, *, positives: bool = False) -> Callable[[Task], Trained]:
    """A fifth of every batch are generated items, as negatives or as positives: the loss is
    E[L_real] - weight * E[L_generated], or the sum."""

    def train(task: Task) -> Trained:
        if source == "random":
            generate = random_vectors(task.context.content.text.width)
        else:
            generate = vector_gan(task, adversarial=source == "gan").generate
        weight = -task.settings["weight"] if positives else task.settings["weight"]
        model = GeneratedItems(build(task, "text"), generate, modality="text", weight=weight)
        return fit(task, model)

    return train


def imputed(source: str) -> Callable[[Task], Trained]:
    """The text tower whose missing texts are generated: by the GAN, by its ablation, as the mean of
    the items that share attributes, or as a random direction."""

    def train(task: Task) -> Trained:
        content = task.context.content
        text = content.text
        if source in ("gan", "ablation"):
            text = vector_gan(task, adversarial=source == "gan").fill(text, seed=task.seed)
        else:
            if source == "mean":
                flags = flags_of(content.attributes)
                known = text.present & (task.interactions.item_counts() > 0)
                of_flag = flags[known].T @ text.vectors[known]
                vectors = flags @ (of_flag / np.maximum(flags[known].sum(0), 1.0)[:, None])
            else:
                vectors = np.random.default_rng(task.seed).normal(size=text.vectors.shape)
            norm = np.linalg.norm(vectors, axis=1, keepdims=True)
            vectors = (vectors / np.maximum(norm, 1e-9)).astype(np.float32)
            filled = np.where(text.present[:, None], text.vectors, vectors)
            text = Modality(name="text", vectors=filled)
        model = content_two_tower(task.interactions, [text], dim=task.context.dim, seed=task.seed)
        return fit(task, model)

    return train
