"""Trained parts that several models of a table build on, each trained once a run.

APR and its controls start from one MF-BPR; two blends share an autoencoder with its own entry.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from tensorflow import keras

from advrec_tf.pipelines.stages import StageResult, StageStore
from advrec_tf.training.adversarial import AdversarialTraining
from experiments.harness.entries import Task, Trained
from experiments.published_tables.choices import Choice

Part = tuple[list[np.ndarray], float]


class Parts:
    """name -> (weights, seconds of training), in memory and, with a folder, as stages as well.

    Args:
        folder: shared by the processes of a run; None keeps parts for this process alone.
    """

    def __init__(self, folder: Path | None = None):
        self._held: dict[str, Part] = {}
        self._store = None if folder is None else StageStore(folder, {"job": "parts"}, resume=True)

    def get(self, name: str, compute: Callable[[], Part]) -> Part:
        """The part of that name, or else `compute()`, kept."""
        if name not in self._held:
            self._held[name] = compute() if self._store is None else self._stored(name, compute)
        return self._held[name]

    def _stored(self, name: str, compute: Callable[[], Part]) -> Part:
        def stage(_) -> StageResult:
            weights, seconds = compute()
            return StageResult({"seconds": seconds}, {str(i): w for i, w in enumerate(weights)})

        stored = self._store.run(hashlib.sha256(name.encode()).hexdigest()[:16], stage)
        weights = [stored.arrays[str(i)] for i in range(len(stored.arrays))]
        return weights, stored.summary["seconds"]


@dataclasses.dataclass(frozen=True, eq=False)
class TableContext:
    """The `Task.context` of a table.

    Attributes:
        chosen: label -> choice, of the model and of all that it builds on.
        parts: trained parts that models and trials share.
    """

    chosen: Mapping[str, Choice] = dataclasses.field(default_factory=dict)
    parts: Parts = dataclasses.field(default_factory=Parts)


def final_task(task: Task, label: str) -> Task:
    """The final training of a model that the task's model builds on, with the same seed."""
    choice = task.context.chosen[label]
    return dataclasses.replace(
        task,
        setting=dataclasses.replace(task.setting, validation=None, early_stopping=None),
        settings=choice.settings,
        entry=dataclasses.replace(task.entry, epochs=choice.epochs),
        callbacks=(),
    )


def part(task: Task, label: str, train: Callable[[Task], Trained]) -> Part:
    """The final training of a model that the task's model builds on, once a run."""
    start = final_task(task, label)

    def compute():
        trained = train(start)
        return weights_of(trained.model), trained.seconds

    return task.context.parts.get(part_name(label, start), compute)


def keep(task: Task, label: str, trained: Trained) -> None:
    """Leave a final training to the models that build on it."""
    if isinstance(trained.model, keras.Model):
        name = part_name(label, task)
        task.context.parts.get(name, lambda: (weights_of(trained.model), trained.seconds))


def part_name(label: str, task: Task) -> str:
    """A final training is told by its settings, epochs and seed, and by what it starts from."""
    settings = task.settings
    name = f"{label}, seed {task.seed}, {task.entry.epochs} epochs, {sorted(settings.items())}"
    if "start" in settings:
        name += f" from {task.context.chosen[settings['start']]}"
    return name


def weights_of(model: keras.Model) -> list[np.ndarray]:
    """Of the model itself, without what trained it against an adversary."""
    return (model.model if isinstance(model, AdversarialTraining) else model).get_weights()
