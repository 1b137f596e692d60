"""`fit_ranked`: Keras `fit` with ranking validation, early stop and exact resumption.

The one way in which commands train anything that ranks. It adds no training of its own: it
puts the callbacks in order, starts at the epoch the checkpoint left, and returns a report.
"""

from __future__ import annotations

import dataclasses
import os
import time
from collections.abc import Callable, Sequence

from advrec_tf._keras import keras
from advrec_tf.data.batches import Batches
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.gan.base import GAN
from advrec_tf.gan.health import HealthCheck
from advrec_tf.ops import html
from advrec_tf.training.callbacks import NonFiniteGuard, ProgressLine
from advrec_tf.training.checkpoint import TrainingCheckpoint
from advrec_tf.training.distribution import require_same_epoch
from advrec_tf.training.early_stop import RankingValidation
from advrec_tf.training.health import said_of


@dataclasses.dataclass(frozen=True, kw_only=True)
class FitReport:
    """How a fit went.

    Attributes:
        history: name -> value per epoch.
        epochs: epochs trained.
        best_epoch: the 1-based epoch whose weights the model now has.
        best: value of the monitored metric at that epoch; None where none was measured.
        seconds: wall time of this call (a resumed fit counts from the resumption).
        verdict: what `training.health`, or of a GAN `gan.health`, says of the training: "healthy",
            or what happened.
    """

    history: dict[str, list[float]]
    epochs: int
    best_epoch: int
    best: float | None
    seconds: float
    verdict: str | None = None

    def _repr_html_(self) -> str:
        rows = [
            ("epochs", self.epochs),
            ("best epoch", self.best_epoch),
            ("best on validation", "none" if self.best is None else self.best),
            ("seconds", float(self.seconds)),
            ("verdict", self.verdict or "none"),
        ]
        rows += [(f"last {name}", float(values[-1])) for name, values in self.history.items()]
        return html.table("Training", rows)


def fit_ranked(
    model: keras.Model,
    batches: Batches,
    *,
    epochs: int,
    evaluator: RankingEvaluator | None = None,
    monitor: str = "ndcg@10",
    patience: int = 5,
    every: int = 1,
    checkpoint: str | os.PathLike | None = None,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    label: str | None = None,
    log: Callable[[str], None] = print,
) -> FitReport:
    """Train a compiled model; with an evaluator, stop early and keep the best epoch.

    Args:
        model: compiled; with an evaluator it needs `score`.
        batches: where the batches come from, epoch by epoch.
        epochs: at most so many.
        evaluator, monitor, patience, every: see `RankingValidation`.
        checkpoint: file to write after epochs and to continue from if it exists.
        callbacks: more Keras callbacks, after validation; a method `show_batches` of one is given
            the batches before the training.
        label: name shown in the progress lines; None shows none.
        log: takes a progress line.

    Raises:
        FloatingPointError: if a loss becomes NaN or infinite.
        ValueError: if `epochs` < 1, `checkpoint` belongs to other settings, or the workers of a
            strategy found checkpoints of different epochs.
    """
    if epochs < 1:
        raise ValueError(f"`epochs` should be >= 1. Received: {epochs!r}.")
    started = time.perf_counter()
    validation = None
    if evaluator is not None:
        validation = RankingValidation(evaluator, monitor=monitor, patience=patience, every=every)
        validation.set_model(model)
    done = 0
    saver = None
    if checkpoint is not None:
        saver = TrainingCheckpoint(checkpoint, validation=validation)
        done = saver.restore(model)
        require_same_epoch(model.distribute_strategy, done)
        if done and label is not None:
            log(f"  {label:<28} continues after epoch {done}")
    finished = done >= epochs or (validation is not None and done and validation.exhausted(done))
    history: dict[str, list[float]] = dict(saver.history) if saver else {}
    if not finished:
        for callback in callbacks:
            if hasattr(callback, "show_batches"):
                callback.show_batches(batches)
        chain = [NonFiniteGuard()]
        chain += [validation] if validation else []
        if isinstance(model, GAN):  # before the checkpoint and those that show its verdict
            chain.append(HealthCheck(None if label is None else log, earlier=history))
        chain += [saver] if saver else []
        chain += list(callbacks)
        chain += [ProgressLine(label, epochs, log)] if label is not None else []
        fitted = model.fit(
            batches.dataset(done),
            steps_per_epoch=batches.steps_per_epoch,
            initial_epoch=done,
            epochs=epochs,
            callbacks=chain,
            verbose=0,
        )
        done = fitted.epoch[-1] + 1
        if saver:
            history = saver.history
        else:
            history = {name: [float(v) for v in vs] for name, vs in fitted.history.items()}
    if validation is not None:
        validation.restore_best()
    if isinstance(model, GAN):
        verdict = None if model.health is None else str(model.health)
    else:
        verdict = said_of(model, history, label, log)
    return FitReport(
        history=history,
        epochs=done,
        best_epoch=validation.best_epoch if validation else done,
        best=validation.best if validation and validation.best_epoch else None,
        seconds=time.perf_counter() - started,
        verdict=verdict,
    )
