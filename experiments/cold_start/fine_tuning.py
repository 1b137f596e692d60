"""The rows in which the language model itself trains, plainly or against perturbed texts.

All start from the same tower, trained on the vectors of the untouched model, and get the same
number of steps on the same batches of few items with many rows. What differs is what of the
model trains and what the adversary does to the token vectors (`pipelines.text.fine_tuning`).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
from tensorflow import keras

from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import CandidateSubset
from advrec_tf.models.retrieval import TwoTower
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.pipelines.text.fine_tuning import attacked, on_kept_vectors, on_texts
from advrec_tf.text import item_batches
from advrec_tf.text.noise import words_of
from advrec_tf.text.robustness import text_robustness
from advrec_tf.text.synonyms import nearest_words
from experiments.cold_start.task import Row, Task, Trained, fit, measured

STEPS = 60
ITEMS_PER_BATCH, ROWS_PER_ITEM = 32, 32
LEARNING_RATES = {"frozen": 1e-4, "top": 5e-5, "lora": 5e-4, "all": 2e-5}


def started(task: Task) -> Trained:
    """The text tower on the vectors of the untouched language model."""

    def compute():
        still = task.content.fresh_encoder("frozen", dim=task.dim, seed=task.seed)
        model = on_kept_vectors(task.train, still, task.content.text.vectors, seed=task.seed)
        return fit(task, model)

    return task.shared(("start", task.seed), compute)


def fine_tuned(
    strategy: str, adversary: str = "none", epsilon: float = 0.0, weight: float = 1.0
) -> Callable[[Task], Trained]:
    """`epsilon` is a share of the norm of all token vectors of a text, or of its words; `weight`
    the factor of the adversary's term."""

    def train(task: Task) -> Trained:
        tower = task.content.fresh_encoder(strategy, dim=task.dim, seed=task.seed)
        model = on_texts(started(task).model, tower, task.content.texts)
        trained = attacked(
            model, adversary, epsilon=epsilon, weight=weight, texts=task.content.texts
        )
        keras.utils.set_random_seed(task.seed)
        trained.compile(optimizer=keras.optimizers.Adam(LEARNING_RATES[strategy.split(":")[0]]))
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
        return dataclasses.replace(found, robustness=lambda *test: robustness(task, model, *test))

    return train


def robustness(task: Task, model: TwoTower, evaluator: RankingEvaluator, items: np.ndarray) -> dict:
    """Disturbance -> share of NDCG@10 lost when the texts of `items` are disturbed.

    Those items alone are ranked: among all, whatever throws their vectors about lifts them over
    the warm items, and so counts as a gain.
    """
    users, clean, tower = model.user_vectors(), model.item_vectors(), model.item_tower.tower
    texts = task.content.texts[items].tolist()

    def rank(vectors: np.ndarray) -> CandidateSubset:
        moved = clean.copy()
        moved[items] = vectors
        model = VectorRecommender(
            user_vectors=users,
            item_vectors=moved,
            unknown_user=np.zeros(users.shape[1], np.float32),
            interactions=task.train,
        )
        return CandidateSubset(model=model, items=items, interactions=task.train)

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


def _top_block(
    adversary: str, epsilon: float, ablation: str = "top block", weight: float = 1.0
) -> Row:
    train = fine_tuned("top:1", adversary, epsilon, weight)
    return Row(train=train, ablation=ablation, needs=("fresh_encoder",))


_NEEDS = {"needs": ("fresh_encoder",)}
FINE_TUNED = {
    "text tower, as it starts": Row(train=started, **_NEEDS),
    "head trained on": Row(
        train=fine_tuned("frozen"), ablation="text tower, as it starts", **_NEEDS
    ),
    "LoRA of rank 4": Row(train=fine_tuned("lora:4"), ablation="head trained on", **_NEEDS),
    "top block": Row(train=fine_tuned("top:1"), ablation="head trained on", **_NEEDS),
    "top block, noise of .03": _top_block("noise", 0.03),
    "top block, FGM of .003": _top_block("fgm", 0.003),
    "top block, FGM of .01": _top_block("fgm", 0.01),
    "top block, FGM of .03": _top_block("fgm", 0.03),
    "top block, FreeLB of .03": _top_block("freelb", 0.03),
    "top block, VAT of .03": _top_block("vat", 0.03),
    "top block, VAT of .1": _top_block("vat", 0.1),
    "top block, VAT of .3": _top_block("vat", 0.3),
    "top block, VAT by noise of .1": _top_block("vat_noise", 0.1),
    "top block, VAT by noise of .3": _top_block("vat_noise", 0.3),
    "top block, texts disturbed": _top_block("disturbed", 0.3),
    "top block, worst of four disturbed": _top_block(
        "worst_disturbed", 0.3, ablation="top block, texts disturbed"
    ),
    "top block, texts disturbed, times 10": _top_block("disturbed", 0.3, weight=10.0),
    "top block, worst of four disturbed, times 10": _top_block(
        "worst_disturbed", 0.3, ablation="top block, texts disturbed, times 10", weight=10.0
    ),
}
