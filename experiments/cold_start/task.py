"""What a row of the cold-start tables is given, and what it gives back."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import Recommender
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.optimizers import LazyAdam
from experiments.cold_start.content import Content

MONITOR = "ndcg@10"


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """One training.

    Attributes:
        train: the rows that are left.
        evaluator: validation, which chooses the epoch.
        content: texts, attributes and facts.
        seed: of weights, batches and noise.
        point: the value of the row's setting.
        epochs, batch_size, dim: of all towers.
        write: where progress goes.
        cache: parts that several rows share: generators, graph vectors.
    """

    train: Interactions
    evaluator: RankingEvaluator
    content: Content
    seed: int
    point: float | None = None
    epochs: int = 12
    batch_size: int = 1024
    dim: int = 64
    label: str = ""
    write: Callable[[str], None] = print
    cache: dict = dataclasses.field(default_factory=dict)

    def shared(self, key, compute):
        if key not in self.cache:
            self.cache[key] = compute()
        return self.cache[key]


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A recommender, the epoch chosen and validation there; where its texts can be disturbed,
    what that costs: (evaluator, the items whose texts are disturbed) -> JSON values."""

    model: Recommender
    epochs: int
    value: float
    robustness: Callable[[RankingEvaluator, np.ndarray], dict] | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One row.

    Attributes:
        train: Task -> Trained.
        ablation: label of the same without the ingredient.
        points: values of its setting to choose from on validation; none for no setting.
        setting: what the points are.
        needs: parts of the content it cannot do without.
        seeded: False where every seed gives the same.
    """

    train: Callable[[Task], Trained]
    ablation: str | None = None
    points: Sequence[float] = ()
    setting: str = ""
    needs: Sequence[str] = ()
    seeded: bool = True


def measured(task: Task, model: Recommender) -> Trained:
    return Trained(model, 1, task.evaluator.evaluate(model).metrics[MONITOR])


def fit(task: Task, model, rows=None, *, jit: bool = True) -> Trained:
    keras.utils.set_random_seed(task.seed)
    steps = task.epochs * len(task.train) / task.batch_size
    # Compiling takes some seconds: not worth it for a short training.
    model.compile(optimizer=LazyAdam(3e-3), jit_compile=jit and steps > 3000)
    data = batches.of_pairs(
        task.train if rows is None else rows, batch_size=task.batch_size, seed=task.seed
    )
    report = fit_ranked(
        model,
        data,
        epochs=task.epochs,
        evaluator=task.evaluator,
        monitor=MONITOR,
        patience=2,
        label=task.label,
        write=task.write,
    )
    return Trained(model, report.best_epoch, report.best)
