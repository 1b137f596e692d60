"""Callbacks for `fit`: ranking validation with early stop, checkpoints, guards, progress.

They hold the state that makes a stopped run continue as if it had not been stopped; the
order of play inside a step belongs to the models.
"""

from __future__ import annotations

import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.ops.files import atomic_file


class RankingValidation(keras.callbacks.Callback):
    """Full-ranking validation after each epoch; early stop; best weights restored.

    Adds `val_<metric>` to the epoch's logs, so put it before loggers. The model needs
    `score`.

    Args:
        evaluator: ranks the validation rows.
        monitor: name of the metric that decides; high is good.
        patience: epochs without a better value before training stops, >= 1.
        every: evaluate after every so many epochs.
    """

    def __init__(
        self,
        evaluator: RankingEvaluator,
        *,
        monitor: str = "ndcg@10",
        patience: int = 5,
        every: int = 1,
    ):
        super().__init__()
        self.evaluator = evaluator
        self.monitor = monitor
        self.patience = patience
        self.every = every
        self.best = -math.inf
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        metrics = self.evaluator.evaluate(self.model).metrics
        if self.monitor not in metrics:
            raise ValueError(
                f"`monitor` should be one of {sorted(metrics)}. Received: {self.monitor!r}."
            )
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in metrics.items()})
        if metrics[self.monitor] > self.best:
            self.best = metrics[self.monitor]
            self.best_epoch = epoch + 1
            self.best_weights = self.model.get_weights()
        if self.exhausted(epoch + 1):
            self.model.stop_training = True

    def exhausted(self, epochs_done: int) -> bool:
        """Whether patience has run out after so many epochs."""
        return epochs_done - self.best_epoch >= self.patience * self.every

    def restore_best(self) -> None:
        """Put the weights of the best epoch back into the model."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class TrainingCheckpoint(keras.callbacks.Callback):
    """Everything needed to go on after an epoch, in one file that is replaced atomically.

    Weights, optimizer state, the history of the logs, and the state of a
    `RankingValidation`. A kill at any moment leaves either the previous or the new file.

    Args:
        path: the file; its folder is made.
        validation: whose state to keep, or None.
        every_seconds: do not write more often than this (the last epoch is always written).
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        validation: RankingValidation | None = None,
        every_seconds: float = 10.0,
    ):
        super().__init__()
        self.path = Path(path)
        self.validation = validation
        self.every_seconds = every_seconds
        self.history: dict[str, list[float]] = {}
        self.epochs_done = 0
        self._written = -math.inf

    def restore(self, model: keras.Model) -> int:
        """Load the file into a built, compiled model, if there is one; epochs already done.

        Raises:
            ValueError: if the file belongs to a model of another shape.
        """
        if not self.path.exists():
            return 0
        with np.load(self.path, allow_pickle=False) as stored:
            state = json.loads(str(stored["state"]))
            if self.validation is not None and not state["validated"]:
                raise ValueError(
                    f"{self.path} should hold the best weights found on validation. Received a "
                    "checkpoint of a fit without validation. Remove it or use another file."
                )
            variables = _variables(model)
            shapes = [tuple(v.shape) for v in variables]
            found = [stored[f"v{i}"].shape for i in range(state["variables"])]
            if shapes != found:
                raise ValueError(
                    f"{self.path} should hold {len(shapes)} variables of this model's shapes. "
                    f"Received {len(found)}: it belongs to other settings. Remove it or use "
                    "another folder."
                )
            for i, variable in enumerate(variables):
                variable.assign(stored[f"v{i}"])
            if self.validation is not None:
                self.validation.best = -math.inf if state["best"] is None else state["best"]
                self.validation.best_epoch = state["best_epoch"]
                self.validation.best_weights = [
                    stored[f"b{i}"] for i in range(state["best_weights"])
                ] or None
        self.history = state["history"]
        self.epochs_done = state["epochs_done"]
        return self.epochs_done

    def on_epoch_end(self, epoch, logs=None):
        for name, value in (logs or {}).items():
            self.history.setdefault(name, []).append(float(value))
        self.epochs_done = epoch + 1
        if time.monotonic() - self._written >= self.every_seconds:
            self.write()

    def on_train_end(self, logs=None):
        self.write()

    def write(self) -> None:
        """Replace the file by the present state."""
        arrays = {f"v{i}": v.numpy() for i, v in enumerate(_variables(self.model))}
        best = self.validation.best_weights if self.validation else None
        arrays.update({f"b{i}": value for i, value in enumerate(best or [])})
        state = {
            "variables": len(_variables(self.model)),
            "validated": self.validation is not None,
            "best_weights": len(best or []),
            "best": self.validation.best if best else None,
            "best_epoch": self.validation.best_epoch if self.validation else 0,
            "history": self.history,
            "epochs_done": self.epochs_done,
        }
        with atomic_file(self.path, overwrite=True) as unfinished, open(unfinished, "wb") as file:
            np.savez(file, state=json.dumps(state), **arrays)
        self._written = time.monotonic()


def _variables(model: keras.Model) -> list:
    if hasattr(model, "optimized"):
        pairs = model.optimized()
    else:
        pairs = [(model.optimizer, model.trainable_variables)]
    variables = list(model.weights)
    for optimizer, trained in pairs:
        optimizer.build(trained)
        variables += list(optimizer.variables)
    return variables


class NonFiniteGuard(keras.callbacks.Callback):
    """Stops training at the first loss that is NaN or infinite, naming the term and step.

    A model that notes the exact step in its graph (`non_finite_step`, as GAN pairs do) is
    asked for it; for others the step is that of the last finished execution.
    """

    def on_train_begin(self, logs=None):
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        exact = getattr(self.model, "non_finite_step", None)
        if exact is not None:
            for name, variable in exact.items():
                step = int(variable.numpy())
                if step >= 0:
                    raise FloatingPointError(
                        f"{self.model.name}: `{name}` became NaN or infinite at step {step} "
                        f"(epoch {self._epoch + 1}). Lower the learning rate of that player, or "
                        "choose another loss."
                    )
        for name, value in (logs or {}).items():
            if not np.isfinite(value):
                raise FloatingPointError(
                    f"{self.model.name}: `{name}` became {float(value)} by step {batch + 1} of "
                    f"epoch {self._epoch + 1}. Lower the learning rate or the perturbation."
                )


class ProgressLine(keras.callbacks.Callback):
    """One line an epoch through `write`: label, epoch, losses, validation, seconds."""

    def __init__(self, label: str, epochs: int, write: Callable[[str], None] = print):
        super().__init__()
        self.label = label
        self.epochs = epochs
        self.write = write

    def on_epoch_begin(self, epoch, logs=None):
        self._started = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        seconds = time.perf_counter() - self._started
        shown = [
            f"{name.removeprefix('val_')} {float(value):.4f}"
            for name, value in (logs or {}).items()
            if (name.endswith("loss") and not name.startswith(("regularization", "total")))
            or name in ("d_accuracy", "diversity", "val_ndcg@10")
        ]
        self.write(
            f"  {self.label:<28} epoch {epoch + 1:>3}/{self.epochs}  "
            f"{'  '.join(shown)}  {seconds:.1f} s"
        )


class StepClock(keras.callbacks.Callback):
    """Wall time of training steps, without validation and input.

    Attributes:
        seconds: of each call of `train_step`, the first left out: it compiles.
    """

    def __init__(self):
        super().__init__()
        self.seconds: list[float] = []
        self._calls = 0

    @property
    def median(self) -> float | None:
        """Seconds a step; None before there are two."""
        return float(np.median(self.seconds)) if self.seconds else None

    def on_train_batch_begin(self, batch, logs=None):
        self._started = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self._calls += 1
        if self._calls > 1:
            self.seconds.append(time.perf_counter() - self._started)
