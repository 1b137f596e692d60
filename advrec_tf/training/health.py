"""Health of a training of any recommender: nothing to learn, divergence, collapse, in sentences.

`training_health` looks at the epochs' losses and at the scores of some users when training has
ended; it changes nothing. What is particular to a generator beside a discriminator is left to
`gan.health`, whose verdicts have the same form.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from advrec_tf.data.interactions import Interactions
from advrec_tf.gan.health import LARGEST_LOSS, Health, HealthWarning, collapsed_profiles
from advrec_tf.training.wrapper import innermost

_USERS = 64
_SCORES = 2**22
_EPOCHS = 3
_GROWTH = 10.0


def training_health(model, history: Mapping[str, Sequence[float]]) -> Health:
    """What a finished training showed.

    Args:
        model: what was trained; with `interactions` and `score` its lists are looked at as well.
        history: name -> value per epoch; `loss` is read.
    """
    model = innermost(model)
    losses = [float(value) for value in history.get("loss", ())]
    data = getattr(model, "interactions", None)
    data = data if isinstance(data, Interactions) else None
    found = {
        "diverged": divergence(losses, scale=_scale(data)) or _broken_weights(model),
        "learned nothing": idleness(losses, labels=_labels(model, data)),
        "collapsed": None,
    }
    if not found["diverged"] and data is not None and hasattr(model, "score"):
        found["collapsed"] = _collapse(model, data)
    found = {kind: reason for kind, reason in found.items() if reason}
    return Health(verdict=" and ".join(found) or "healthy", reasons=tuple(found.values()))


def said_of(
    model,
    history: Mapping[str, Sequence[float]],
    label: str | None,
    log: Callable[[str], None] = print,
) -> str:
    """The verdict of `training_health` in words; trouble is logged, without a label a warning."""
    health = training_health(model, history)
    if health.healthy:
        return health.verdict
    line = f"{label or model.name}: {health}"
    if label is None:
        warnings.warn(line, HealthWarning, stacklevel=3)
    else:
        log(line)
    return str(health)


def divergence(losses: Sequence[float], *, scale: float = 1.0) -> str | None:
    """A sentence where the loss of the last epoch is not finite or out of bounds.

    Args:
        losses: of the epochs.
        scale: the size of a loss that is plausible at the start, >= 1: of squared errors the mean
            square of what is predicted. Out of bounds is `LARGEST_LOSS` times as much.
    """
    if not losses:
        return None
    last, largest = losses[-1], LARGEST_LOSS * scale
    if not np.isfinite(last):
        return f"Training diverged: the loss became {last} by epoch {len(losses)}."
    if abs(last) > largest:
        return (
            f"Training diverged: the loss reached {last:.3g} in epoch {len(losses)}, where "
            f"{largest:.3g} is the largest size that is plausible."
        )
    lowest = min(losses)
    if lowest > 0 and last > max(_GROWTH * lowest, scale):
        return (
            f"Training diverged: the loss rose from {lowest:.3g} in epoch "
            f"{losses.index(lowest) + 1} to {last:.3g} in epoch {len(losses)}."
        )
    return None


def idleness(losses: Sequence[float], *, labels: np.ndarray | None = None) -> str | None:
    """A sentence where there was nothing to learn, or nothing was learned.

    Args:
        losses: of the epochs.
        labels: what the model learns to predict, NaN where there is none; None where it learns to
            rank.
    """
    if labels is not None:
        known = labels[np.isfinite(labels)]
        if len(known) and known.min() == known.max():
            return f"There is nothing to learn: every label is {known[0]:g}."
    if losses and max(map(abs, losses)) == 0:
        return (
            "There is nothing to learn: the loss is 0 from the first epoch on. The examples have "
            "no negatives, or no weight."
        )
    if len(losses) >= _EPOCHS and max(losses) - min(losses) <= 1e-7 * abs(losses[0]):
        return (
            f"Nothing was learned: the loss stayed at {losses[-1]:.6g} in all of {len(losses)} "
            "epochs. The learning rate may be 0, or the data hold nothing to learn."
        )
    return None


def _scale(data: Interactions | None) -> float:
    rated = None if data is None else data.rating_summary
    return 1.0 if rated is None else max(1.0, rated.mean_square)


def _labels(model, data: Interactions | None) -> np.ndarray | None:
    """The least and the largest label of a model of ratings."""
    if data is None or data.rating_summary is None or not getattr(model, "predicts_ratings", False):
        return None
    return np.array([data.rating_summary.lowest, data.rating_summary.highest])


def _broken_weights(model) -> str | None:
    kept = [layer for layer in model.submodules if getattr(layer, "holds_data", False)]
    data = {weight.ref() for layer in kept for weight in layer.weights}
    for weight in model.weights:
        if weight.ref() in data:
            continue
        if weight.dtype.is_floating and not bool(tf.reduce_all(tf.math.is_finite(weight))):
            return f"Training diverged: the weight {weight.name} holds NaN or infinite numbers."
    return None


def _collapse(model, data: Interactions) -> str | None:
    """A sentence where users spread over the data all have the same scores."""
    known = np.flatnonzero(data.user_counts())
    count = min(_USERS, len(known), max(_SCORES // max(data.num_items, 1), 4))
    if count < 4:
        return None
    users = known[np.linspace(0, len(known) - 1, count).astype(int)]
    scores = np.asarray(model.score(tf.constant(users, tf.int32)))
    if not np.isfinite(scores).all():
        return None
    found = collapsed_profiles(scores)
    if found is None:
        return None
    return (
        f"The model collapsed: of {count} users spread over the data, nearly all have the same "
        "scores of all items as the next, so that everybody gets one list."
    )
