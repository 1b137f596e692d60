"""The rows in which the language model itself trains, plainly or against perturbed texts.

All start from the same tower, trained on the vectors of the untouched model, and get the same
number of steps on the same batches of few items with many rows. What differs is what of the
model trains and what the adversary does to the token vectors: nothing, noise of its size, one
step (FGM), or several that train as well (FreeLB).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf
from tensorflow import keras

from advrec_tf.data import item_batches
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.evaluation.text_robustness import text_robustness
from advrec_tf.jobs.cold_start.task import Row, Task, Trained, fit, measured
from advrec_tf.models.content_two_tower import ContentTwoTower, build_content_two_tower
from advrec_tf.models.language_model import LanguageItemTower
from advrec_tf.models.towers import in_blocks
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.free_adversarial import FreeLB

STEPS = 60
ITEMS_PER_BATCH, ROWS_PER_ITEM = 64, 16
LEARNING_RATES = {"frozen": 1e-4, "top": 5e-5, "lora": 5e-4, "all": 2e-5}


def _start(task: Task) -> Trained:
    """The text tower on the vectors of the untouched language model."""

    def compute():
        model = build_content_two_tower(
            task.train, [task.content.text], dim=task.dim, seed=task.seed
        )
        return fit(task, model)

    return task.shared(("start", task.seed), compute)


def _with_language_model(task: Task, strategy: str) -> ContentTwoTower:
    """The same tower with the language model in the place of its vectors."""
    start = _start(task).model
    encoder = task.content.fresh_encoder(strategy)
    model = build_content_two_tower(
        task.train,
        [task.content.text],
        sources={"text": LanguageItemTower(encoder, task.content.texts)},
        dim=task.dim,
        seed=task.seed,
        items_at_once=256,
    )
    model.user_tower(tf.zeros([1], tf.int32))  # a layer has weights once it has been called
    model.user_tower.set_weights(start.user_tower.get_weights())
    model.item_tower.fusion.set_weights(start.item_tower.fusion.get_weights())
    return model


def fine_tuned(
    strategy: str, adversary: str = "none", epsilon: float = 0.1
) -> Callable[[Task], Trained]:
    """`epsilon` is a share of the norm of all token vectors of a text."""

    def train(task: Task) -> Trained:
        model = _with_language_model(task, strategy)
        layers = [model.item_tower.sources["text"].tower.language_model.token_vectors]
        settings = {"epsilon": epsilon, "relative": True}
        trained = model
        if adversary == "FreeLB":
            perturbation = Perturbation(steps=3, random_start=True, **settings)
            trained = FreeLB(model, perturbation, layers=layers)
        elif adversary != "none":
            direction = "random" if adversary == "noise" else "gradient"
            perturbation = Perturbation(direction=direction, **settings)
            trained = AdversarialTraining(model, perturbation, layers=layers, share=1.0)
        keras.utils.set_random_seed(task.seed)
        rate = LEARNING_RATES[strategy.split(":")[0]]
        trained.compile(optimizer=keras.optimizers.Adam(rate))
        data = item_batches.of_items(
            task.train,
            items_per_batch=ITEMS_PER_BATCH,
            rows_per_item=ROWS_PER_ITEM,
            seed=task.seed,
        )
        steps = min(STEPS, data.steps_per_epoch)
        task.write(f"  {task.label}: {steps} steps of {ITEMS_PER_BATCH} texts")
        trained.fit(data.dataset(0), steps_per_epoch=steps, epochs=1, verbose=0)
        found = measured(task, model)
        return dataclasses.replace(found, robustness=lambda test: robustness(task, model, test))

    return train


def robustness(task: Task, model: ContentTwoTower, evaluator: RankingEvaluator) -> dict:
    """Disturbance -> share of NDCG@10 lost when every text of the catalogue is disturbed."""

    def rank(vectors: np.ndarray) -> VectorRecommender:
        items = in_blocks(
            lambda index: model.item_tower.embed({"text": tf.gather(vectors, index)}), len(vectors)
        )
        users = model.user_vectors()
        return VectorRecommender(
            user_vectors=users,
            item_vectors=items,
            unknown_user=np.zeros(users.shape[1], np.float32),
            interactions=task.train,
        )

    found = text_robustness(
        model.item_tower.sources["text"].tower,
        task.content.texts.tolist(),
        rank,
        evaluator,
        rates=(0.3,),
        epsilons=(0.1,),
        kinds=("drop", "typo", "fgsm", "random"),
        seeds=(0,),
    )
    return {f"{point.kind} {point.strength:g}": point.relative_loss for point in found.points}


_NEEDS = {"needs": ("fresh_encoder",)}
FINE_TUNED = {
    "text tower, as it starts": Row(train=_start),
    "head trained on": Row(train=fine_tuned("frozen"), twin="text tower, as it starts", **_NEEDS),
    "LoRA of rank 4": Row(train=fine_tuned("lora:4"), twin="head trained on", **_NEEDS),
    "top block": Row(train=fine_tuned("top:1"), twin="head trained on", **_NEEDS),
    "top block, noise of .1": Row(
        train=fine_tuned("top:1", "noise", 0.1), twin="top block", **_NEEDS
    ),
    "top block, FGM of .03": Row(
        train=fine_tuned("top:1", "FGM", 0.03), twin="top block", **_NEEDS
    ),
    "top block, FGM of .1": Row(train=fine_tuned("top:1", "FGM", 0.1), twin="top block", **_NEEDS),
    "top block, FGM of .3": Row(train=fine_tuned("top:1", "FGM", 0.3), twin="top block", **_NEEDS),
    "top block, FreeLB of .1": Row(
        train=fine_tuned("top:1", "FreeLB", 0.1), twin="top block", **_NEEDS
    ),
}
