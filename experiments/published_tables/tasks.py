"""What a training of a table is asked to do, what it gives, and the parts it shares.

How each family of models goes about it is in `trainers` and `games`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import Recommender
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.fitting import fit_ranked
from experiments.published_tables.parts import Parts

Settings = Mapping[str, object]


@dataclasses.dataclass(frozen=True)
class Choice:
    """What validation chose for a model.

    Attributes:
        settings: a point of its space.
        epochs: the best epoch.
        value: the metric there.
        trials: how many points were tried, pruned ones included.
    """

    settings: Settings
    epochs: int
    value: float | None = None
    trials: int = 1


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """One training: on what, with what, how long.

    Attributes:
        train: the rows.
        settings: a point of the model's space.
        epochs: at most so many with an evaluator, exactly so many without.
        evaluator: validation, or None for a final training.
        monitor: metric that chooses the epoch.
        patience, every: see `fit_ranked`.
        seed: of weights, batches and noise.
        chosen: label of a needed model -> its choice.
        callbacks: for pruning.
        parts: trained parts that several rows and trials share.
    """

    train: Interactions
    settings: Settings
    epochs: int
    evaluator: RankingEvaluator | None
    monitor: str
    patience: int
    every: int
    seed: int
    chosen: Mapping[str, Choice]
    callbacks: Sequence[keras.callbacks.Callback] = ()
    parts: Parts = dataclasses.field(default_factory=Parts)

    def of(self, label: str) -> Task:
        """The final training of a needed model, on the same rows and seed."""
        choice = self.chosen[label]
        return dataclasses.replace(
            self, settings=choice.settings, epochs=choice.epochs, evaluator=None, callbacks=()
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A model and the epoch it is at; `value` of the monitored metric where it was measured."""

    model: Recommender
    epochs: int
    value: float | None
    seconds: float


def fit(task: Task, model, data: batches.Batches) -> Trained:
    """Train a compiled model as the task says."""
    report = fit_ranked(
        model,
        data,
        epochs=task.epochs,
        evaluator=task.evaluator,
        monitor=task.monitor,
        patience=task.patience,
        every=task.every,
        callbacks=task.callbacks,
    )
    return Trained(model, report.best_epoch, report.best, report.seconds)


def solved(task: Task, model: Recommender, started: float) -> Trained:
    """A model without epochs, measured once where there is an evaluator."""
    seconds = time.perf_counter() - started
    value = None
    if task.evaluator is not None:
        value = task.evaluator.evaluate(model).metrics[task.monitor]
    return Trained(model, 1, value, seconds)


def _weights_of(model) -> list[np.ndarray]:
    """Of the model itself, without what trained it against an adversary."""
    return (model.model if isinstance(model, AdversarialTraining) else model).get_weights()


def keep(task: Task, label: str, trained: Trained) -> None:
    """Leave a final training to the rows that build on it."""
    if isinstance(trained.model, keras.Model):
        name = part_name(label, task)
        task.parts.put(name, _weights_of(trained.model), trained.seconds)


def part_name(label: str, task: Task) -> str:
    """A final training is told by its settings, epochs and seed, and by what it starts from."""
    name = f"{label}, seed {task.seed}, {task.epochs} epochs, {sorted(task.settings.items())}"
    if "start" in task.settings:
        name += f" from {task.chosen[task.settings['start']]}"
    return name


def part(task: Task, label: str, train: Callable[[Task], Trained]):
    """(weights, seconds) of the final training of a needed model, trained where nobody
    has yet."""
    start = task.of(label)

    def compute():
        trained = train(start)
        return _weights_of(trained.model), trained.seconds

    return task.parts.get(part_name(label, start), compute)


def perturbation(settings: Settings) -> Perturbation:
    return Perturbation(
        epsilon=settings["epsilon"],
        relative=settings.get("relative", False),
        steps=settings.get("steps", 1),
        direction=settings.get("direction", "gradient"),
    )
