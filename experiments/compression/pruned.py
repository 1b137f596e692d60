"""Ranking towers whose dense layers are pruned, beside a small one of as many weights in them."""

from __future__ import annotations

import gzip
import time

import advrec_tf as ar
from experiments.compression.study import parameters

DIM, HIDDEN = 32, 64
"""Of the tower that is pruned."""

SPARSITIES = (0.5, 0.9)


def run(split, *, epochs: int, seeds: int) -> list[dict]:
    """Rows of the table: `model`, `weights` of the dense kernels that are not zero, `parameters` of
    the whole model, `gzip` bytes of the kernels, and NDCG@10 over seeds, "clean".

    A pruned tower is trained for half of the epochs while the zeros grow, for half with all of
    them; the others for as many in all. None stops early.

    Args:
        split: of interactions.
        epochs: of each model.
    """
    evaluator = ar.evaluation.RankingEvaluator.of_split(split)
    rows: dict[str, dict] = {}
    for seed in range(seeds):
        for name, dim, hidden, sparsity in kinds():
            started = time.perf_counter()
            model = ar.models.ranking_tower(
                split.train,
                embedding_dim=dim,
                hidden=(hidden,),
                use_features=False,
                use_context=False,
                seed=seed,
            )
            pruning = ar.training.MagnitudePruning(
                sparsity, end=epochs * len(split.train) // 1024 // 2
            )
            ar.fit(
                model,
                split.train,
                epochs=epochs,
                batch_size=1024,
                seed=seed,
                callbacks=[pruning],
                log=lambda line: None,
            )
            kernels = [kernel.numpy() for kernel in pruning.kernels()]
            row = rows.setdefault(
                name,
                {
                    "model": name,
                    "dim": dim,
                    "weights": sum(int((kernel != 0).sum()) for kernel in kernels),
                    "parameters": parameters(model),
                    "gzip": len(gzip.compress(b"".join(k.tobytes() for k in kernels), mtime=0)),
                    "clean": [],
                },
            )
            row["clean"].append(evaluator.evaluate(model).metrics["ndcg@10"])
            print(f"  seed {seed}, {name}: {time.perf_counter() - started:.0f} s", flush=True)
    return list(rows.values())


def kinds() -> list[tuple[str, int, int, float]]:
    """(name, dimensions, hidden units, sparsity) of each model: the plain one, and for each
    sparsity the pruned one and a small one."""
    found = [("plain", DIM, HIDDEN, 0.0)]
    for sparsity in SPARSITIES:
        dim, hidden = small(sparsity)
        found += [
            (f"{sparsity:.0%} pruned", DIM, HIDDEN, sparsity),
            (f"small for {sparsity:.0%}", dim, hidden, 0.0),
        ]
    return found


def small(sparsity: float) -> tuple[int, int]:
    """Dimensions and hidden units, twice as many, of the largest tower with no more weights in its
    dense kernels than a pruned one: cross [2 dim, 2 dim], hidden [2 dim, 2 dim], output [2 dim]."""
    left = (1 - sparsity) * ((2 * DIM) ** 2 + 2 * DIM * HIDDEN + HIDDEN)
    dim = max(d for d in range(1, DIM + 1) if d == 1 or 8 * d * d + 2 * d <= left)
    return dim, 2 * dim
