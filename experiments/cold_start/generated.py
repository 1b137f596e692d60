"""Rows with generated text vectors: of items that do not exist, or of those without a text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.gan.feature_vectors import FeatureVectorGAN, build_feature_vector_gan
from advrec_tf.models.content.modalities import Modality
from advrec_tf.models.content.two_tower import build_content_two_tower
from advrec_tf.training.generated_items import GeneratedItems, random_vectors
from experiments.cold_start.baselines import flags_of
from experiments.cold_start.task import Task, Trained, fit
from experiments.cold_start.towers import build


def vector_gan(task: Task, adversarial: bool) -> FeatureVectorGAN:
    """The GAN of text vectors from attributes (and facts), or its ablation without the adversary,
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
            build(task, "text"), writes, modality="text", weight=sign * task.point
        )
        return fit(task, model)

    return train


def filled(source: str) -> Callable[[Task], Trained]:
    """The text tower, its missing texts generated: by the GAN, its ablation, the mean of the items
    that share attributes, or a random direction."""

    def train(task: Task) -> Trained:
        text = task.content.text
        if source in ("gan", "ablation"):
            text = vector_gan(task, source == "gan").fill(text, seed=task.seed)
        else:
            if source == "mean":
                flags = flags_of(task.content.attributes)
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
