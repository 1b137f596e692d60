"""Trained parts that several models of a table build on, each trained once a run.

APR and its controls start from one MF-BPR; two blends share an autoencoder with its own entry.
"""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from tensorflow import keras

from advrec_tf.ops.files import atomic_file
from advrec_tf.training.adversarial import AdversarialTraining
from experiments.harness.entries import Task, Trained
from experiments.published_tables.choices import Choice

Part = tuple[list[np.ndarray], float]


@dataclasses.dataclass
class Parts:
    """name -> (weights, seconds of training), in memory and, with a folder, on disk as well.

    Attributes:
        folder: shared by the processes of a run; None keeps parts for this process alone.
    """

    folder: Path | None = None
    held: dict[str, Part] = dataclasses.field(default_factory=dict)

    def get(self, name: str, compute: Callable[[], Part]) -> Part:
        """The part of that name, or else `compute()`, kept."""
        if name not in self.held:
            if self.folder is not None and self._path(name).exists():
                self.held[name] = _read(self._path(name))
            else:
                self.put(name, *compute())
        return self.held[name]

    def put(self, name: str, weights: Sequence[np.ndarray], seconds: float) -> None:
        self.held[name] = list(weights), seconds
        if self.folder is None:
            return
        with atomic_file(self._path(name), overwrite=True) as unfinished:
            np.savez(unfinished, *weights, seconds=seconds)

    def _path(self, name: str) -> Path:
        return self.folder / f"{hashlib.sha256(name.encode()).hexdigest()[:16]}.npz"


def _read(path: Path) -> Part:
    with np.load(path, allow_pickle=False) as stored:
        weights = [stored[f"arr_{i}"] for i in range(len(stored.files) - 1)]
        return weights, float(stored["seconds"])


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
        task.context.parts.put(name, weights_of(trained.model), trained.seconds)


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
