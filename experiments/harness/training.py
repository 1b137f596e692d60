"""Training of a compiled model as a task says: to the epoch that validation prefers, or so long."""

from __future__ import annotations

from advrec_tf.data import batches
from advrec_tf.training.fitting import fit_ranked
from experiments.harness.entries import Task, Trained


def fit(
    task: Task, model, data: batches.Batches, *, epochs: int, patience: int = 5, every: int = 1
) -> Trained:
    """Train at most `epochs` with early stopping, or exactly so many where the setting has none.

    Args:
        model: compiled; see `fit_ranked`, also for `patience` and `every`.
    """
    report = fit_ranked(
        model,
        data,
        epochs=epochs,
        evaluator=task.setting.early_stopping,
        monitor=task.setting.monitor,
        patience=patience,
        every=every,
        callbacks=task.callbacks,
    )
    task.log(f"  {task.label}: epoch {report.best_epoch} of {report.epochs}")
    return Trained(model, report.best_epoch, report.best, report.seconds)
