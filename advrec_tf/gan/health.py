"""Health of a GAN's training: collapse, divergence and an idle discriminator, said in sentences.

`HealthCheck` is the callback that every `fit` of a `gan.base.GAN` carries. At the end of training
it draws a few batches, compares what the generator makes with the real samples, reads the losses of
the epochs and states a verdict. Whether samples have collapsed is measured in `gan.collapse`; which
of its measures fits a model is said by the model (`GAN.collapse`). Nothing here changes the
training.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.gan.collapse import collapsed_profiles, neighbor_correlations

LARGEST_LOSS = 1e4
"""An epoch mean beyond this is divergence: losses of logits are of the order of 1."""

LITTLE_DIVERSITY = 0.01
"""A last `diversity` of profiles below this, without a collapse, is explained in a note."""

_SAMPLES = 256
_BATCHES = 4
_EPOCHS = 3


@dataclasses.dataclass(frozen=True, kw_only=True)
class Health:
    """What a training showed.

    Attributes:
        verdict: "healthy", or what happened: "diverged", "collapsed", "idle discriminator", joined
            by "and" where several did.
        reasons: a sentence for each, with the measure that shows it.
        notes: sentences on what may look like trouble and is none.
    """

    verdict: str
    reasons: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def healthy(self) -> bool:
        return not self.reasons

    def as_dict(self) -> dict:
        """{"verdict": text, "reasons": list of sentences, "notes": the same}, for a report."""
        return {
            "verdict": self.verdict,
            "reasons": list(self.reasons),
            "notes": list(self.notes),
        }

    def __str__(self) -> str:
        if not self.healthy:
            return f"{self.verdict}: {' '.join([*self.reasons, *self.notes])}"
        said = "healthy: no collapse, no divergence, no idle discriminator"
        return ". ".join([said, *self.notes])


def is_healthy(verdict: str) -> bool:
    """Whether a verdict, as reports hold it in words, states no trouble."""
    return verdict.startswith(("healthy", "no collapse"))


class HealthWarning(RuntimeWarning):
    """A training collapsed, diverged, had nothing to learn or left its discriminator idle."""


def small_diversity(history: Sequence[dict[str, float]], profiles: np.ndarray) -> str | None:
    """A sentence where `diversity` ended small though the profiles are not the same.

    It is a cosine, which sees what all profiles have in common: while every score is near .5, as
    with new weights, it is near 0 whatever the order of the items.
    """
    last = float(history[-1].get("diversity", np.nan)) if history else np.nan
    if not last < LITTLE_DIVERSITY or len(profiles) < 4:
        return None
    return (
        f"`diversity` is only {last:.2g} in epoch {len(history)}, which is no collapse: it begins "
        "near 0, where all scores are alike. The measure that decides is the correlation of two "
        f"profiles over the items, {neighbor_correlations(profiles).mean():.4g} on average."
    )


def narrowing(history: Sequence[dict[str, float]]) -> str | None:
    """A sentence where the `diversity` of the epochs fell below .001 and to a hundredth.

    For profiles alone: samples around a mean of their own point the same way when they are right.
    """
    found = [float(logs["diversity"]) for logs in history if "diversity" in logs]
    if not found or not found[-1] < min(1e-3, 0.01 * max(found)):
        return None
    return (
        f"The generator collapsed: the diversity of its profiles fell from {max(found):.3g} to "
        f"{found[-1]:.2g} in {len(found)} epochs."
    )


def divergence(history: Sequence[dict[str, float]]) -> str | None:
    """A sentence where a loss of the last epoch is not finite or out of bounds.

    Args:
        history: the logs of the epochs. `reconstruction_loss` can be large by its nature: it is out
            of bounds where it also is a hundred times that of the first epoch.
    """
    for name in ("d_loss", "g_loss", "reconstruction_loss"):
        values = [float(logs[name]) for logs in history if name in logs]
        if not values:
            continue
        last, largest = values[-1], LARGEST_LOSS
        if name == "reconstruction_loss":
            largest = max(largest, 100.0 * abs(values[0]))
        if not np.isfinite(last):
            return f"Training diverged: `{name}` became {last} by epoch {len(values)}."
        if abs(last) > largest:
            return (
                f"Training diverged: `{name}` reached {last:.3g} in epoch {len(values)}, where "
                f"{largest:.3g} is the largest size that is plausible."
            )
    return None


def idleness(history: Sequence[dict[str, float]], moved: float, *, critic: bool) -> str | None:
    """A sentence where the discriminator gave the generator nothing to follow.

    Args:
        history: the logs of the epochs, with `d_accuracy` in [0, 1] and `d_loss`.
        moved: the largest change of one of its weights over the training.
        critic: whether it estimates a distance: then perfect accuracy is its normal state.
    """
    if not history or "d_accuracy" not in history[-1]:
        return None
    accuracy = [float(logs["d_accuracy"]) for logs in history]
    loss = [float(logs["d_loss"]) for logs in history]
    if moved == 0:
        return (
            f"The discriminator is idle: its weights did not move by epoch {len(history)}; its "
            f"accuracy is {accuracy[-1]:.3f}."
        )
    if len(history) < _EPOCHS:
        return None
    late, late_loss = accuracy[-_EPOCHS:], loss[-_EPOCHS:]
    still = max(loss) - min(loss) < 1e-3 * max(abs(loss[0]), 1e-9)
    if still and all(abs(value - 0.5) <= 0.005 for value in accuracy):
        return (
            f"The discriminator is idle: its accuracy stayed at {accuracy[-1]:.3f} and its loss at "
            f"{loss[-1]:.4g} in all of {len(history)} epochs, so it only guesses."
        )
    if not critic and min(late) >= 0.999 and max(np.abs(late_loss)) < 0.01:
        return (
            "The discriminator is idle: it told the generated samples from the real ones without "
            f"an error in the last {_EPOCHS} epochs (accuracy {late[-1]:.3f}, loss "
            f"{late_loss[-1]:.2g}), so that it no longer learns and its gradient says little."
        )
    return None


class HealthCheck(keras.callbacks.Callback):
    """States after training whether a `GAN` was healthy; the model keeps it as `model.health`.

    Args:
        log: takes the sentence; by default trouble, and nothing else, is a `HealthWarning`.
        earlier: name -> value per epoch, of epochs before this `fit` that belong to the training.

    Attributes:
        batches: a function that gives some batches to measure on; `GAN.fit` sets it.
        report: the `Health`, None before the end of training.
    """

    def __init__(
        self,
        log: Callable[[str], None] | None = None,
        *,
        earlier: Mapping[str, Sequence[float]] | None = None,
    ):
        super().__init__()
        self.log = log
        self.earlier = dict(earlier or {})
        self.batches: Callable[[], Iterable] | None = None
        self.report: Health | None = None

    def on_train_begin(self, logs=None):
        epochs = max(map(len, self.earlier.values()), default=0)
        self._history: list[dict[str, float]] = [
            {name: values[epoch] for name, values in self.earlier.items() if epoch < len(values)}
            for epoch in range(epochs)
        ]
        self.model.health = None
        self._start = [np.array(w) for w in self.model.discriminator.get_weights()]

    def on_epoch_end(self, epoch, logs=None):
        self._history.append(
            {name: float(value) for name, value in (logs or {}).items() if np.ndim(value) == 0}
        )

    def on_train_end(self, logs=None):
        found = {
            "diverged": divergence(self._history) or self._broken_weights(),
            "collapsed": None,
            "idle discriminator": None,
        }
        note, profiles = None, self.model.collapse is collapsed_profiles
        drawn = None if self._broken_weights() else self._drawn()
        if drawn is not None:
            found["collapsed"] = self._collapse(*drawn)
        if profiles and not found["collapsed"]:
            found["collapsed"] = narrowing(self._history)
            if drawn is not None and not found["collapsed"]:
                note = small_diversity(self._history, drawn[0])
        if self.model.adversarial.weight and self.model.discriminator.trainable_variables:
            found["idle discriminator"] = idleness(
                self._history, self._moved(), critic=self.model.is_critic
            )
        found = {kind: reason for kind, reason in found.items() if reason}
        self.report = Health(
            verdict=" and ".join(found) or "healthy",
            reasons=tuple(found.values()),
            notes=() if note is None else (note,),
        )
        self.model.health = self.report
        line = f"{self.model.name}: {self.report}"
        if self.log is not None:
            self.log(line)
        elif not self.report.healthy:
            warnings.warn(line, HealthWarning, stacklevel=2)

    def _broken_weights(self) -> str | None:
        for name in ("generator", "discriminator"):
            if not all(np.isfinite(w).all() for w in getattr(self.model, name).get_weights()):
                return f"Training diverged: weights of the {name} are NaN or infinite."
        return None

    def _moved(self) -> float:
        now = self.model.discriminator.get_weights()
        pairs = zip(now, self._start, strict=True)
        return max((float(np.abs(a - b).max(initial=0.0)) for a, b in pairs), default=0.0)

    def _drawn(self) -> tuple[np.ndarray, np.ndarray] | None:
        """(generated, real) samples of a few batches, [samples, features] each."""
        if self.batches is None:
            return None
        drawn, count = [], 0
        for batch, _ in zip(self.batches(), range(_BATCHES), strict=False):
            drawn.append([np.asarray(part) for part in self.model.compared_samples(batch)])
            count += len(drawn[-1][0])
            if count >= _SAMPLES:
                break
        if not drawn:
            return None
        generated, real = (
            np.concatenate([part.reshape(len(part), -1) for part in parts])
            for parts in zip(*drawn, strict=True)
        )
        return generated, real

    def _collapse(self, generated: np.ndarray, real: np.ndarray) -> str | None:
        if not np.isfinite(generated).all():
            return "The generator collapsed: generated samples hold NaN or infinite numbers."
        return self.model.collapse(generated, real)
