"""Two-tower models whose ids are composed from small tables, beside one of as many parameters."""

from __future__ import annotations

import math
import time

import numpy as np

import advrec_tf as ar
from experiments.compression.study import KINDS, measured, parameters
from experiments.harness.small_vectors import rounded

SHARE = 0.25
"""The parameters of the small tables, as a share of those of a row for each id."""

HASHES = 2


def run(split, *, dim: int, epochs: int, epsilon: float, seeds: int) -> list[dict]:
    """Rows of the table: `model`, `dim`, `parameters`, and lists over seeds as of `study.run`.

    Args:
        split, dim, epochs, epsilon, seeds: see `study.run`.
    """
    evaluator = ar.evaluation.RankingEvaluator.of_split(split)
    full = dim * (split.train.num_users + split.train.num_items)
    rows: dict[str, dict] = {}
    for seed in range(seeds):
        for name, width, id_table in kinds(split.train, dim):
            started = time.perf_counter()
            model = ar.models.two_tower(
                split.train, embedding_dim=width, id_table=id_table, seed=seed
            )
            ar.fit(model, split, epochs=epochs, batch_size=1024, seed=seed, log=lambda line: None)
            users, items = (
                np.asarray(vectors, np.float32)
                for vectors in (model.user_vectors(), model.item_vectors())
            )
            number = parameters(model)
            row = rows.setdefault(
                name,
                {
                    "model": name,
                    "dim": width,
                    "parameters": number,
                    "share": number / full,
                    **{key: [] for key in ("clean", *KINDS)},
                },
            )
            plain = rounded(users, items, "float32", split.train)
            measured(row, plain, split.train, evaluator, epsilon)
            print(f"  seed {seed}, {name}: {time.perf_counter() - started:.0f} s", flush=True)
    return list(rows.values())


def kinds(interactions, dim: int) -> list[tuple]:
    """(name, width, `id_table`) of each model: all rows, a quarter of the parameters in three ways,
    and the least of quotient and remainder beside the width of as many parameters."""
    ids = (interactions.num_users, interactions.num_items)
    least = sum(-(-n // (math.isqrt(n - 1) + 1)) + math.isqrt(n - 1) + 1 for n in ids)
    return [
        ("a row for each id", dim, None),
        ("quotient and remainder", dim, ar.models.QuotientRemainder(share=SHARE)),
        ("hashes", dim, ar.models.MultiHash(share=SHARE - HASHES / dim, hashes=HASHES)),
        ("fewer dimensions", max(1, round(SHARE * dim)), None),
        ("quotient and remainder, least", dim, ar.models.QuotientRemainder()),
        ("fewest dimensions", max(1, round(dim * least / sum(ids))), None),
    ]
