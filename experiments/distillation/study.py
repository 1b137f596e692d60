"""A teacher of many dimensions, a student of a tenth of them, and students of worse teachers.

The protocol of the distillation papers (DE-RRD, IR-RRD): one test item a user among 499 items that
the user is not known to have, drawn once; beside it the full ranking.
"""

from __future__ import annotations

import gzip
import time
from pathlib import Path

import numpy as np

import advrec_tf as ar
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.data.vocabulary import Vocabulary
from advrec_tf.models.factorization.distilled import DistilledFactorization, teacher_lists
from advrec_tf.models.factorization.negatives import Uniform
from advrec_tf.models.objectives import SampledSoftmax
from advrec_tf.training import recipes

NEGATIVES = 499
K = 5
OBJECTIVE = SampledSoftmax(Uniform(), candidates=512, temperature=0.2, cosine=True)
CONTROLS = ("popularity", "another user's list", "random items")
"""Teachers that know less: nothing of the user, of someone else, nothing at all."""


def read(folder: Path) -> Split:
    """train, valid and test.txt.gz of "user item item ..." with indices from 0.

    Raises:
        FileNotFoundError: if a file is absent.
    """
    pairs = {}
    for name in ("train", "valid", "test"):
        with gzip.open(folder / f"{name}.txt.gz", "rt") as lines:
            rows = [np.array(line.split(), np.int32) for line in lines if line.strip()]
        pairs[name] = np.concatenate(
            [np.stack([np.full(len(r) - 1, r[0], np.int32), r[1:]], 1) for r in rows]
        )
    users, items = (
        Vocabulary(np.arange(max(p[:, side].max() for p in pairs.values()) + 1)) for side in (0, 1)
    )
    parts = {
        name: Interactions(user_index=p[:, 0], item_index=p[:, 1], users=users, items=items)
        for name, p in pairs.items()
    }
    return Split(
        train=parts["train"],
        validation=parts["valid"],
        test=parts["test"],
        name=folder.name,
        settings={},
    )


def sampled_negatives(split: Split, *, seed: int = 0) -> np.ndarray:
    """[test interactions, `NEGATIVES`] items that the user has in no part of the split."""
    rng = np.random.default_rng(seed)
    known: dict[int, set[int]] = {}
    for part in (split.train, split.validation, split.test):
        for user, item in zip(part.user_index.tolist(), part.item_index.tolist()):
            known.setdefault(user, set()).add(item)
    found = np.empty([len(split.test), NEGATIVES], np.int32)
    for row, user in enumerate(split.test.user_index.tolist()):
        order = rng.permutation(split.test.num_items)[: NEGATIVES + len(known[user])]
        found[row] = [item for item in order.tolist() if item not in known[user]][:NEGATIVES]
    return found


def sampled_metrics(model, split: Split, negatives: np.ndarray) -> dict[str, float]:
    """`ndcg@5` and `hit_rate@5` of the test items among their negatives; ties count against."""
    users, items = np.asarray(model.user_vectors()), np.asarray(model.item_vectors())
    own, item = split.test.user_index, split.test.item_index
    target = np.einsum("nd,nd->n", users[own], items[item])
    above = np.empty(len(own), int)
    for start in range(0, len(own), 500):
        part = slice(start, start + 500)
        scores = np.einsum("nd,nmd->nm", users[own[part]], items[negatives[part]])
        above[part] = (scores >= target[part, None]).sum(1)
    gains = np.where(above < K, 1 / np.log2(above + 2), 0.0)
    return {"ndcg@5": float(gains.mean()), "hit_rate@5": float((above < K).mean())}


def run(split: Split, *, dim: int, epochs: int, weight: float, seeds: int, log=print) -> list[dict]:
    """Rows of the table: `model`, `dim`, and lists over seeds of the metrics.

    Args:
        dim: of the teacher; students have a tenth.
        weight: of the teacher's part of the loss.
    """
    full = ar.evaluation.RankingEvaluator(split.train, split.test, also_seen=split.validation)
    negatives = sampled_negatives(split)
    rows: dict[str, dict] = {}

    def note(name, seed, model):
        started = time.perf_counter()
        model.compile(optimizer=ar.training.LazyAdam(0.003))
        ar.fit(model, split, epochs=epochs, batch_size=512, seed=seed, log=lambda line: None)
        found = sampled_metrics(model, split, negatives)
        found["full ndcg@10"] = full.evaluate(model).metrics["ndcg@10"]
        row = rows.setdefault(name, {"model": name, "dim": model.item_vectors().shape[1]})
        for metric, value in found.items():
            row.setdefault(metric, []).append(value)
        log(f"  seed {seed}, {name}: {found}, {time.perf_counter() - started:.0f} s")
        return model

    small = max(1, dim // 10)
    for seed in range(seeds):
        shared = {"objective": OBJECTIVE, "seed": seed}
        plain = ar.models.MatrixFactorization
        teacher = note("teacher", seed, plain(split.train, dim=dim, **shared))
        note("student alone", seed, plain(split.train, dim=small, **shared))
        lists = teacher_lists(teacher, split.train)
        students = {"student of the teacher": lists, **control_lists(split.train, lists, seed)}
        for name, taught in students.items():
            shared |= {"drawn": 20, "weight": weight, "dim": small}
            note(name, seed, DistilledFactorization(split.train, taught, **shared))
    return list(rows.values())


def control_lists(interactions: Interactions, lists: np.ndarray, seed: int) -> dict:
    """ "student of ..." -> lists of the same form, of each of `CONTROLS`."""
    rng = np.random.default_rng(seed)
    popular = recipes.popularity().train(interactions).model
    found = (
        teacher_lists(popular, interactions, length=lists.shape[1]),
        lists[rng.permutation(len(lists))],
        rng.integers(interactions.num_items, size=lists.shape, dtype=np.int32),
    )
    return {f"student of {name}": one for name, one in zip(CONTROLS, found, strict=True)}
