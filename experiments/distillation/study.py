"""A teacher of many dimensions, students of a tenth of its size, and students of worse teachers.

A tenth of the size is a tenth of the dimensions, as in the distillation papers, or more dimensions
in int8 rows that take a tenth of the bytes. Beside those stands the teacher cut to as many bytes by
the singular values of its scores, which needs no training.

The protocol of the distillation papers (DE-RRD, IR-RRD): one test item a user among 499 items that
the user is not known to have, drawn once; beside it the full ranking.
"""

from __future__ import annotations

import dataclasses
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
from advrec_tf.models.vectors import VectorRecommender
from advrec_tf.training import recipes
from experiments.distillation.page import ALONE
from experiments.harness.small_vectors import bytes_of, rounded

NEGATIVES = 499
K = 5
OBJECTIVE = SampledSoftmax(Uniform(), candidates=512, temperature=0.2, cosine=True)
CONTROLS = ("popularity", "another user's list", "random items")
"""Teachers that know less: nothing of the user, of someone else, nothing at all."""

TAUGHT, CUT = "student of the teacher", "teacher, cut"


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


def sampled_metrics(model: VectorRecommender, split: Split, negatives: np.ndarray) -> dict:
    """`ndcg@5` and `hit_rate@5` of the test items among their negatives; ties count against."""
    users, items = model.user_vectors, model.item_vectors
    own, item = split.test.user_index, split.test.item_index
    target = np.einsum("nd,nd->n", users[own], items[item])
    above = np.empty(len(own), int)
    for start in range(0, len(own), 500):
        part = slice(start, start + 500)
        scores = np.einsum("nd,nmd->nm", users[own[part]], items[negatives[part]])
        above[part] = (scores >= target[part, None]).sum(1)
    gains = np.where(above < K, 1 / np.log2(above + 2), 0.0)
    return {"ndcg@5": float(gains.mean()), "hit_rate@5": float((above < K).mean())}


@dataclasses.dataclass(frozen=True)
class Size:
    """The vectors of a model: `dim` numbers of `tables`, "float32" or "int8"."""

    dim: int
    tables: str

    @property
    def bytes(self) -> int:
        return bytes_of(self.dim, self.tables)


def tenths(dim: int) -> tuple[Size, Size]:
    """A tenth of so many float32 dimensions, and the most int8 dimensions in as many bytes."""
    few = Size(max(1, dim // 10), "float32")
    scale = bytes_of(0, "int8")
    return few, Size(max(1, few.bytes - scale), "int8")


def cut(users: np.ndarray, items: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
    """Vectors of at most `dim` numbers with the products nearest to those of the given ones, by the
    largest singular values of the products (Eckart & Young 1936)."""
    (base, left), (other, right) = np.linalg.qr(users), np.linalg.qr(items)
    rows, sizes, columns = np.linalg.svd(left @ right.T, full_matrices=False)
    root = np.sqrt(sizes[:dim])
    return base @ rows[:, :dim] * root, other @ columns[:dim].T * root


class Table:
    """Rows by model and size, each with lists over seeds of the metrics."""

    def __init__(self, split: Split, log):
        self._split, self._log = split, log
        self._full = ar.evaluation.RankingEvaluator.of_split(split)
        self._negatives = sampled_negatives(split)
        self._rows: dict[tuple[str, Size], dict] = {}

    def add(self, name: str, size: Size, seed: int, users, items, seconds: float) -> None:
        """Measure vectors as tables of `size` hold them, and append the metrics to the row."""
        model = rounded(np.asarray(users), np.asarray(items), size.tables, self._split.train)
        found = sampled_metrics(model, self._split, self._negatives)
        found["full ndcg@10"] = self._full.evaluate(model).metrics["ndcg@10"]
        about = {"model": name, "dim": size.dim, "tables": size.tables, "bytes": size.bytes}
        row = self._rows.setdefault((name, size), about)
        for metric, value in found.items():
            row.setdefault(metric, []).append(value)
        self._log(f"  seed {seed}, {name}, {size.dim} {size.tables}: {found}, {seconds:.0f} s")

    @property
    def rows(self) -> list[dict]:
        return list(self._rows.values())


def run(split: Split, *, dim: int, epochs: int, weight: float, seeds: int, log=print) -> list[dict]:
    """Rows of the table: `model`, `dim`, `tables`, `bytes` of a vector, and lists over seeds of the
    metrics.

    Args:
        dim: of the teacher; students have a tenth, see `tenths`.
        weight: of the teacher's part of the loss.
    """
    table = Table(split, log)

    def trained(name, size, seed, model):
        started = time.perf_counter()
        model.compile(optimizer=ar.training.LazyAdam(0.003))
        ar.fit(model, split, epochs=epochs, batch_size=512, seed=seed, log=lambda line: None)
        seconds = time.perf_counter() - started
        table.add(name, size, seed, model.user_vectors(), model.item_vectors(), seconds)
        return model

    few, narrow = tenths(dim)
    for seed in range(seeds):
        shared = {"objective": OBJECTIVE, "seed": seed}
        plain, distilled = ar.models.MatrixFactorization, DistilledFactorization
        taught = {"drawn": 20, "weight": weight, **shared}
        whole = Size(dim, "float32")
        teacher = trained("teacher", whole, seed, plain(split.train, dim=dim, **shared))
        vectors = np.asarray(teacher.user_vectors()), np.asarray(teacher.item_vectors())
        lists = teacher_lists(teacher, split.train)
        students = {TAUGHT: lists, **control_lists(split.train, lists, seed)}
        for size in (few, narrow):
            table.add(CUT, size, seed, *cut(*vectors, size.dim), 0.0)
            trained(ALONE, size, seed, plain(split.train, dim=size.dim, **shared))
            for name, list_ in students.items():
                if size == few or name == TAUGHT:
                    model = distilled(split.train, list_, dim=size.dim, **taught)
                    trained(name, size, seed, model)
    return table.rows


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
