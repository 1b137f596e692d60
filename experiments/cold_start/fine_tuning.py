"""Entries in which the language model itself trains, alone or against perturbed texts.

All start from the same tower, trained on the vectors of the pretrained model, and get the same
number of steps on the same batches of few items with many interactions. What differs is which
weights of the model train and what the adversary does to the token vectors
(`pipelines.text.fine_tuning`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from tensorflow import keras

from advrec_tf.models.base import CandidateSubset
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.text.fine_tuning import attacked, on_kept_vectors, on_texts
from advrec_tf.text import item_batches
from advrec_tf.text.noise import words_of
from advrec_tf.text.robustness import text_robustness
from advrec_tf.text.synonyms import nearest_words
from experiments.cold_start.training import fit
from experiments.harness.entries import Task, Trained
from experiments.harness.settings import Setting

STEPS = 60
ITEMS_PER_BATCH, ROWS_PER_ITEM = 32, 32
LEARNING_RATES = {"frozen": 1e-4, "top": 5e-5, "lora": 5e-4, "all": 2e-5}


def pretrained(task: Task) -> Trained:
    """The text tower on the vectors of the pretrained language model."""

    def compute():
        context = task.context
        frozen = context.content.fresh_encoder("frozen", dim=context.dim, seed=task.seed)
        vectors = context.content.text.vectors
        return fit(task, on_kept_vectors(task.interactions, frozen, vectors, seed=task.seed))

    return task.shared("pretrained", compute)


def fine_tuned(
    strategy: str, adversary: str = "none", epsilon: float = 0.0, weight: float = 1.0
) -> Callable[[Task], Trained]:
    """`epsilon` is the fraction of the norm of all token vectors of a text, or of its words;
    `weight` is the factor of the adversary's term."""

    def train(task: Task) -> Trained:
        content = task.context.content
        tower = content.fresh_encoder(strategy, dim=task.context.dim, seed=task.seed)
        model = on_texts(pretrained(task).model, tower, content.texts)
        trained = attacked(model, adversary, epsilon=epsilon, weight=weight, texts=content.texts)
        keras.utils.set_random_seed(task.seed)
        trained.compile(optimizer=keras.optimizers.Adam(LEARNING_RATES[strategy.split(":")[0]]))
        data = item_batches.of_items(
            task.interactions,
            items_per_batch=ITEMS_PER_BATCH,
            rows_per_item=ROWS_PER_ITEM,
            seed=task.seed,
        )
        steps = min(STEPS, data.steps_per_epoch)
        task.log(f"  {task.label}: {steps} steps of {ITEMS_PER_BATCH} texts")
        trained.fit(data.dataset(0), steps_per_epoch=steps, epochs=1, verbose=0)
        texts = content.texts
        return Trained(
            model, inspect=lambda setting: {"robustness": robustness(setting, model, texts)}
        )

    return train


def robustness(setting: Setting, model: TwoTower, texts: np.ndarray) -> dict[str, float]:
    """Disturbance -> fraction of NDCG@10 lost when the texts of the cold items are disturbed.

    Those items alone are ranked: among all, a disturbance that moves their vectors at random lifts
    them over the warm items, and so would count as a gain.
    """
    items, evaluator = setting.candidates["cold items"], setting.tests["cold items"]
    users, clean, tower = model.user_vectors(), model.item_vectors(), model.item_tower.tower
    texts = texts[items].tolist()

    def rank(vectors: np.ndarray) -> CandidateSubset:
        moved = clean.copy()
        moved[items] = vectors
        model = VectorRecommender(
            user_vectors=users,
            item_vectors=moved,
            unknown_user=np.zeros(users.shape[1], np.float32),
            interactions=setting.interactions,
        )
        return CandidateSubset(model=model, items=items, interactions=setting.interactions)

    synonyms = nearest_words(tower.language_model, tower.tokenizer, words_of(texts))
    found = text_robustness(
        tower,
        texts,
        rank,
        evaluator,
        synonyms=synonyms,
        rates=(0.3,),
        epsilons=(0.1,),
        kinds=("drop", "typo", "synonym", "fgsm", "pgd", "cw", "random"),
        seeds=(0,),
    )
    return {f"{point.kind} {point.strength:g}": point.relative_loss for point in found.points}
