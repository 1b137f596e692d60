"""Checkpoints from which a fit goes on exactly: one file, replaced atomically."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.gan.health import Health
from advrec_tf.models.traced_once import optimized_variables
from advrec_tf.models.weights import ids_of, require_same_ids
from advrec_tf.ops.files import atomic_file
from advrec_tf.ops.servers import whole_variables
from advrec_tf.ops.stored import DamagedFileError, read_arrays
from advrec_tf.training.early_stop import EarlyStop
from advrec_tf.training.wrapper import innermost

_CURE = "Remove it: the training then starts from its beginning."


class TrainingCheckpoint(keras.callbacks.Callback):
    """Everything needed to go on after an epoch, in one file that is replaced atomically.

    Weights, optimizer state, the history of the logs, the state of an `EarlyStop`, the `health` of
    a GAN whose training has ended, and the ids that the rows of the weights are of. A kill at any
    moment leaves either the previous or the new file.

    Args:
        path: the file; its folder is made.
        validation: whose state to keep, or None.
        every_seconds: do not write more often than this (the last epoch is always written).
    """

    def __init__(
        self,
        path: str | os.PathLike,
        *,
        validation: EarlyStop | None = None,
        every_seconds: float = 10.0,
    ):
        super().__init__()
        self.path = Path(path)
        self.validation = validation
        self.every_seconds = every_seconds
        self.history: dict[str, list[float]] = {}
        self.epochs_done = 0
        self._written = -math.inf
        self._about: tuple[dict, str | None] | None = None

    def restore(self, model: keras.Model) -> int:
        """Load the file into a built, compiled model, if there is one; epochs already done.

        Raises:
            ValueError: if the file belongs to a model of another shape, to other interactions or
                to other ids; it names the first id that differs.
            DamagedFileError: if the file is damaged.
        """
        if not self.path.exists():
            return 0
        stored = read_arrays(self.path, cure=_CURE)
        try:
            state = json.loads(str(stored["state"]))
            values = [stored[f"v{i}"] for i in range(state["variables"])]
            best = [stored[f"b{i}"] for i in range(state["best_weights"])]
        except (KeyError, TypeError, ValueError):
            raise DamagedFileError(self.path, "it is no checkpoint", _CURE) from None
        if self.validation is not None and not state["validated"]:
            raise ValueError(
                f"{self.path} should hold the best weights found on validation. Received a "
                "checkpoint of a fit without validation. Remove it or use another file."
            )
        self._require_same_data(model, stored, state)
        variables = _variables(model)
        shapes = [tuple(v.shape) for v in variables]
        if shapes != [value.shape for value in values]:
            raise ValueError(
                f"{self.path} should hold {len(shapes)} variables of this model's shapes. "
                f"Received {len(values)}: it belongs to other settings. Remove it or use "
                "another folder."
            )
        for variable, value in zip(variables, values, strict=True):
            variable.assign(value)
        if self.validation is not None:
            self.validation.best = -math.inf if state["best"] is None else state["best"]
            self.validation.best_epoch = state["best_epoch"]
            self.validation.best_weights = best or None
            self.validation.warnings = state.get("warnings", [])
        if health := state.get("health"):
            sentences = {name: tuple(health.get(name, ())) for name in ("reasons", "notes")}
            innermost(model).health = Health(verdict=health["verdict"], **sentences)
        self.history = state["history"]
        self.epochs_done = state["epochs_done"]
        return self.epochs_done

    def _require_same_data(self, model, stored, state) -> None:
        model = innermost(model)
        if not ids_of(model):
            return
        require_same_ids(model, stored, self.path)
        if state["data"] != model.interactions.fingerprint():
            raise ValueError(
                f"{self.path} should be of a training on the interactions of this model. Received "
                "one on other interactions of the same users and items. Remove it or use another "
                "file."
            )

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
        if self._about is None:
            model = innermost(self.model)
            ids = ids_of(model)
            self._about = ids, model.interactions.fingerprint() if ids else None
        arrays.update(self._about[0])
        state = {
            "variables": len(_variables(self.model)),
            "validated": self.validation is not None,
            "best_weights": len(best or []),
            "best": self.validation.best if best else None,
            "best_epoch": self.validation.best_epoch if self.validation else 0,
            "warnings": self.validation.warnings if self.validation else [],
            "health": health.as_dict() if (health := self._health()) else None,
            "data": self._about[1],
            "history": self.history,
            "epochs_done": self.epochs_done,
        }
        with atomic_file(self.path, overwrite=True) as unfinished, open(unfinished, "wb") as file:
            np.savez(file, state=json.dumps(state), **arrays)
        self._written = time.monotonic()

    def _health(self) -> Health | None:
        return getattr(innermost(self.model), "health", None)


def _variables(model: keras.Model) -> list:
    variables = list(model.weights)  # tables in parts as a whole: other servers may go on
    for optimizer, trained in optimized_variables(model):
        with model.distribute_strategy.scope():
            optimizer.build(trained)
        variables += list(optimizer.variables)
    return whole_variables(variables)
