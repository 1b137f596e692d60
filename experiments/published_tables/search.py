"""The same small search for every model: Optuna over a finite space, pruned, resumable.

Points are drawn without replacement, the default point first, so a budget that covers the
space is a grid search. Each trial trains with early stop on validation; one that lags
behind the median of the earlier ones at the same epoch is pruned. Trials are journalled in
a file: a killed search goes on with the trial it was in.
"""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from tensorflow import keras

from experiments.harness.entries import Task
from experiments.published_tables.choices import Choice


class _Pruning(keras.callbacks.Callback):
    def __init__(self, trial, monitor: str):
        super().__init__()
        self._trial, self._monitor = trial, f"val_{monitor}"

    def on_epoch_end(self, epoch, logs=None):
        import optuna

        value = (logs or {}).get(self._monitor)
        if value is None:
            return
        self._trial.report(float(value), epoch)
        if self._trial.should_prune():
            raise optuna.TrialPruned


def require_optuna():
    """The package, or an error that names the cure.

    Raises:
        ImportError: if it is not installed.
    """
    try:
        import optuna
    except ImportError as error:
        raise ImportError(
            "Searching settings needs Optuna, the extra `search`: "
            "bash scripts/install.sh --extras search."
        ) from error
    return optuna


def search(
    label: str,
    task: Task,
    *,
    budget: int,
    journal: Path,
    log: Callable[[str], None] = print,
) -> Choice:
    """The best point of `budget` trials, or of the whole space where that is smaller.

    Args:
        label: name of the study.
        task: setting with validation, seed, and the entry whose space is searched; its settings are
            filled in here.
        budget: trials, >= 1, those already in the journal counted.
        journal: file of the trials, made if absent.
        log: takes a line per trial.

    Raises:
        ValueError: if `budget` < 1.
        ImportError: if Optuna is not installed; it is the extra `search`.
    """
    if budget < 1:
        raise ValueError(f"`budget` should be >= 1. Received: {budget!r}.")
    optuna = require_optuna()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    journal.parent.mkdir(parents=True, exist_ok=True)
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend(str(journal))
    )
    study = optuna.create_study(
        study_name=label,
        storage=storage,
        load_if_exists=True,
        direction="maximize",
        sampler=optuna.samplers.RandomSampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=2, n_warmup_steps=4 * task.entry.every),
    )
    for trial in study.get_trials(deepcopy=False, states=[optuna.trial.TrialState.RUNNING]):
        study.tell(trial.number, state=optuna.trial.TrialState.FAIL)  # the process was killed

    def run(trial) -> float:
        settings = {**fixed, **trial.params}
        asked = dataclasses.replace(
            task, settings=settings, callbacks=[_Pruning(trial, task.setting.monitor)]
        )
        trained = task.entry.train(asked)
        trial.set_user_attr("epochs", trained.epochs)
        trial.set_user_attr("seconds", trained.seconds)
        return trained.validation if trained.validation is not None else -math.inf

    fixed = {name: values[0] for name, values in task.entry.space.items() if len(values) == 1}
    free = {name: values for name, values in task.entry.space.items() if len(values) > 1}
    distributions = {
        name: optuna.distributions.CategoricalDistribution(values) for name, values in free.items()
    }
    finished = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    for point in _points(free, budget):
        done = study.get_trials(deepcopy=False, states=finished)
        if any(trial.params == point for trial in done):
            continue
        study.enqueue_trial(point)
        trial = study.ask(distributions)
        try:
            value = run(trial)
        except optuna.TrialPruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
            log(f"  {label}: {point} pruned")
            continue
        study.tell(trial, value)
        epochs = trial.user_attrs["epochs"]
        log(f"  {label}: {point} {task.setting.monitor} {value:.4f}, epoch {epochs}")
    best, tried = study.best_trial, study.get_trials(deepcopy=False, states=finished)
    return Choice({**fixed, **best.params}, best.user_attrs["epochs"], best.value, len(tried))


def _points(free: dict[str, tuple], budget: int) -> list[dict]:
    """The default point, then others in an order that is random but always the same."""
    points = [dict(zip(free, values, strict=True)) for values in itertools.product(*free.values())]
    order = np.random.default_rng(0).permutation(len(points) - 1) + 1
    return [points[0], *(points[i] for i in order)][:budget]
