"""Early stop on any measure, and validation by full ranking.

One base holds what every early stop needs: the best value so far, the weights that had it, and
when patience runs out. Its state is kept by `training.checkpoint`, so that a fit that was stopped
continues as if it had not been.
"""

from __future__ import annotations

import math

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.evaluation.ranking import RankingEvaluator


class EarlyStop(keras.callbacks.Callback):
    """Keeps the weights of the best epoch, and knows when patience has run out.

    A subclass measures the model after an epoch and calls `note`; it sets
    `model.stop_training` where `exhausted` says so.

    Args:
        patience: evaluations without a better value before training stops, >= 1.
        every: evaluate after every so many epochs, >= 1.

    Attributes:
        best: the best value so far; -infinity before the first.
        best_epoch: the 1-based epoch it was found after; 0 before the first.
        best_weights: the weights of that epoch; None before the first.
        warnings: sentences on epochs that were no good, for a report.

    Raises:
        ValueError: if `patience` or `every` < 1.
    """

    def __init__(self, *, patience: int, every: int = 1):
        super().__init__()
        if patience < 1 or every < 1:
            raise ValueError(
                f"`patience` and `every` should be >= 1. Received: {patience!r} and {every!r}."
            )
        self.patience, self.every = patience, every
        self.best = -math.inf
        self.best_epoch = 0
        self.best_weights: list[np.ndarray] | None = None
        self.warnings: list[str] = []

    def note(self, value: float, epochs_done: int, *, always: bool = False) -> None:
        """Keep the present weights if `value`, high is good, is the best so far, or `always`."""
        if always or value > self.best:
            self.best, self.best_epoch = value, epochs_done
            self.best_weights = self.model.get_weights()

    def exhausted(self, epochs_done: int) -> bool:
        """Whether patience has run out after so many epochs."""
        return epochs_done - self.best_epoch >= self.patience * self.every

    def restore_best(self) -> None:
        """Put the weights of the best epoch back into the model."""
        if self.best_weights is not None:
            self.model.set_weights(self.best_weights)


class RankingValidation(EarlyStop):
    """Full-ranking validation after each epoch, with early stop.

    Adds `val_<metric>` to the epoch's logs, so put it before loggers. Around a model of your own
    that has no `score`, give what ranks by it:

        recommender = ar.models.TowerRecommender(mine.users, mine.items, split.train)
        validation = ar.training.RankingValidation(
            ar.evaluation.RankingEvaluator.of_split(split, "validation"),
            recommender=recommender,
            restore_best_weights=True,
        )
        mine.fit(dataset, epochs=50, callbacks=[validation])

    Args:
        evaluator: ranks the items of the validation users.
        monitor: name of the metric that decides; high is good.
        patience, every: see `EarlyStop`.
        recommender: what is ranked, anything that `evaluation.as_scorer` takes and that follows the
            training; by default the model that is trained.
        restore_best_weights: whether the model has the weights of the best epoch when `fit` ends.
    """

    def __init__(
        self,
        evaluator: RankingEvaluator,
        *,
        monitor: str = "ndcg@10",
        patience: int = 5,
        every: int = 1,
        recommender=None,
        restore_best_weights: bool = False,
    ):
        super().__init__(patience=patience, every=every)
        self.evaluator = evaluator
        self.monitor = monitor
        self.recommender = recommender
        self.restore_best_weights = restore_best_weights

    def on_epoch_end(self, epoch, logs=None):
        if (epoch + 1) % self.every:
            return
        ranked = self.model if self.recommender is None else self.recommender
        metrics = self.evaluator.evaluate(ranked).metrics
        if self.monitor not in metrics:
            raise ValueError(
                f"`monitor` should be one of {sorted(metrics)}. Received: {self.monitor!r}."
            )
        if logs is not None:
            logs.update({f"val_{name}": value for name, value in metrics.items()})
        self.note(metrics[self.monitor], epoch + 1)
        if self.exhausted(epoch + 1):
            self.model.stop_training = True

    def on_train_end(self, logs=None):
        if self.restore_best_weights:
            self.restore_best()
