"""Callbacks that watch `fit`: a guard against NaN, progress lines, step times, the adversary.

Early stop is left to `training.early_stop`, resumption to `training.checkpoint`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras


class NonFiniteGuard(keras.callbacks.Callback):
    """Stops training at the first loss that is NaN or infinite, naming the term and step.

    A model that notes the exact step in its graph (`non_finite_step`, as GANs do) is
    asked for it; for others the step is that of the last finished execution, and where workers of
    a `ParameterServerStrategy` train, the last of the epoch.
    """

    def __init__(self):
        super().__init__()
        self._supports_tf_logs = True  # Keras then lets it watch workers, whose logs come later
        self._epoch = 0
        self._later = False

    def on_train_begin(self, logs=None):
        self._epoch = 0

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch

    def on_epoch_end(self, epoch, logs=None):
        if self._later:
            self._check(self.params["steps"] - 1, logs)

    def on_train_batch_end(self, batch, logs=None):
        self._later = isinstance(logs, tf.distribute.coordinator.RemoteValue)
        if not self._later:
            self._check(batch, logs)

    def _check(self, batch: int, logs) -> None:
        exact = getattr(self.model, "non_finite_step", None)
        if exact is not None:
            for name, variable in exact.items():
                step = int(variable.numpy())
                if step >= 0:
                    raise FloatingPointError(
                        f"{self.model.name}: `{name}` became NaN or infinite at step {step} "
                        f"(epoch {self._epoch + 1}). Lower the learning rate of that network, or "
                        "choose another loss."
                    )
        for name, value in (logs or {}).items():
            if not np.isfinite(value):
                raise FloatingPointError(
                    f"{self.model.name}: `{name}` became {float(value)} by step {batch + 1} of "
                    f"epoch {self._epoch + 1}. Lower the learning rate or the perturbation."
                )


class ProgressLine(keras.callbacks.Callback):
    """One line an epoch through `log`: label, epoch, losses, validation, seconds."""

    def __init__(self, label: str, epochs: int, log: Callable[[str], None] = print):
        super().__init__()
        self.label = label
        self.epochs = epochs
        self.log = log

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
        self.log(
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


class AdversarialReport(keras.callbacks.Callback):
    """One line an epoch on what the adversary of `AdversarialTraining` does.

    Adds `radius` and `value_norm` to the epoch's logs, means over the perturbed vectors, so put it
    before loggers such as TensorBoard. With a weight or a radius of 0 nothing is perturbed: then
    both are left out, as `adversarial_loss` is, from the first epoch to the last.

    Args:
        log: takes a line.
    """

    def __init__(self, log: Callable[[str], None] = print):
        super().__init__()
        self.log = log

    def on_epoch_end(self, epoch, logs=None):
        logs = {} if logs is None else logs
        clean = f"Epoch {epoch + 1}: the clean loss is {logs.get('clean_loss', float('nan')):.4f}"
        if not self.model.term:
            self.log(
                f"{clean}. The adversarial loss is not measured: the adversary has a weight or a "
                "radius of 0."
            )
            return
        radius, norm = self.model.radius_and_norm()
        logs.update(radius=radius, value_norm=norm)
        self.log(
            f"{clean} and the adversarial loss {logs.get('adversarial_loss', float('nan')):.4f}. "
            f"Perturbations of radius {radius:.4g} meet vectors of mean norm {norm:.4g}."
            + self._warmup()
        )

    def _warmup(self) -> str:
        steps, done = self.model.term.warmup_steps, int(self.model.optimizer.iterations)
        if not steps or done > steps:
            return ""
        return f" The adversary enters the loss after {steps:,} steps, of which {done:,} are done."


class RadiusCheck(keras.callbacks.Callback):
    """Warns once through `logging` where the adversary leaves nothing to learn: its radius exceeds
    the mean norm of what it perturbs. `AdversarialTraining.fit` adds it; both means begin anew with
    each epoch."""

    def __init__(self):
        super().__init__()
        self._supports_tf_logs = True  # Keras then does not copy the logs of each batch
        self._checked = False

    def on_epoch_begin(self, epoch, logs=None):
        self.model.begin_radius_and_norm()

    def on_train_batch_end(self, batch, logs=None):
        if self._checked:
            return
        radius, norm = self.model.radius_and_norm()
        self._checked = norm > 0  # else no worker has taken a step yet
        if self._checked and radius > norm:
            relative = self.model.term.perturbation.relative
            logging.getLogger(__name__).warning(
                "The perturbation's radius %.4g exceeds the mean norm %.4g of the perturbed "
                "vectors, so training may push them to zero instead of learning. Use %s, or a "
                "warm-up (`warmup_steps`).",
                radius,
                norm,
                "a relative radius below 1, such as fgsm(0.1)"
                if relative
                else "a relative radius, such as fgsm(0.1, relative=True), a smaller one",
            )
