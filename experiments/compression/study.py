"""Factorizations rounded to small tables, ranked as they are and with their vectors moved."""

from __future__ import annotations

import time

import numpy as np

import advrec_tf as ar
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.serving.small_tables import TABLES
from experiments.harness.small_vectors import bytes_of, rounded

KINDS = ("fgsm", "random")
"""What moves the vectors: an adversary, and noise of the same size."""

RADIUS = 0.1
"""Of adversarial training, as a part of each vector's length."""

_METRIC = "ndcg@10"


def run(split, *, dim: int, epochs: int, epsilon: float, seeds: int) -> list[dict]:
    """Rows of the table: `model`, `tables`, `bytes` of a vector, and a list over seeds of "clean"
    and of every one of `KINDS`, NDCG@10.

    Args:
        split: of interactions.
        dim: of the vectors; the small model has a quarter of it.
        epsilon: what a vector moves by, as a part of its length.
    """
    evaluator = ar.evaluation.RankingEvaluator.of_split(split)
    rows: dict[tuple[str, str], dict] = {}
    for seed in range(seeds):
        for name, width, kinds in (
            ("plain", dim, TABLES),
            ("APR", dim, TABLES),
            ("plain, few dimensions", max(1, dim // 4), TABLES[:1]),
        ):
            started = time.perf_counter()
            model = trained(split, width, epochs, seed, adversarial=name == "APR")
            users, items = (
                np.asarray(vectors, np.float32)
                for vectors in (model.user_vectors(), model.item_vectors())
            )
            for kind in kinds:
                row = rows.setdefault(
                    (name, kind),
                    {
                        "model": name,
                        "tables": kind,
                        "bytes": bytes_of(items.shape[1], kind),
                        **{key: [] for key in ("clean", *KINDS)},
                    },
                )
                small = rounded(users, items, kind, split.train)
                measured(row, small, split.train, evaluator, epsilon)
            print(f"  seed {seed}, {name}: {time.perf_counter() - started:.0f} s", flush=True)
    return list(rows.values())


def measured(row: dict, model: VectorRecommender, train, evaluator, epsilon: float) -> None:
    """Append NDCG@10 as the model is and with its vectors moved to the lists of a row."""
    curve = ar.evaluation.robustness_curve(
        model, train, evaluator, (epsilon,), kinds=KINDS, relative=True
    )
    row["clean"].append(curve.clean[_METRIC])
    for point in curve.points:
        row[point.kind].append(point.metrics[_METRIC])


def trained(split, dim: int, epochs: int, seed: int, *, adversarial: bool):
    """A factorization by BPR."""
    model = ar.models.MatrixFactorization(split.train, dim=dim, seed=seed)
    learner = model
    if adversarial:
        learner = ar.AdversarialTraining(model, ar.fgsm(RADIUS, relative=True), fraction=1.0)
    ar.fit(learner, split, epochs=epochs, seed=seed, log=lambda line: None)
    return model


def parameters(model) -> int:
    """The numbers that training learns."""
    return sum(variable.shape.num_elements() for variable in model.trainable_variables)
