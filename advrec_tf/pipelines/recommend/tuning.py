"""The search for the settings of one model on one's own data, by Optuna, on validation only.

Trials that fall behind are pruned by the median of the others at the same epoch; trials are kept
in a journal file, so that a search that was stopped goes on. TensorBoard's HParams shows them.
"""

from __future__ import annotations

import dataclasses
import gc
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorboard.plugins.hparams import api as hparams

from advrec_tf._keras import keras
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.ops.files import atomic_bytes
from advrec_tf.pipelines.progress import LOG, stage_done, stages_ahead
from advrec_tf.pipelines.recommend.boards import Board
from advrec_tf.pipelines.recommend.preparation import Prepared, require_parts
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM
from advrec_tf.pipelines.recommend.single_recipes import (
    DEFAULTS,
    adversary_of,
    chosen_model,
    recipe_of,
)
from advrec_tf.pipelines.recommend.single_settings import SingleSettings

JOURNAL, BEST = "trials.log", "best.json"

SPACES: Mapping[str, Mapping[str, tuple]] = {
    "two_tower": {
        "dim": ("choice", 32, 64, 128, 256),
        "learning_rate": ("log", 5e-4, 2e-2),
        "temperature": ("log", 0.03, 0.5),
        "batch_size": ("choice", 128, 256, 512, 1024),
    },
    "autoencoder": {
        "dim": ("choice", 100, 200, 400),
        "learning_rate": ("log", 2e-4, 5e-3),
        "drop": ("linear", 0.1, 0.7),
        "batch_size": ("choice", 50, 100, 200, 400),
    },
    "factorization": {
        "dim": ("choice", 32, 64, 128, 256),
        "learning_rate": ("log", 3e-4, 2e-2),
        "temperature": ("log", 0.03, 0.5),
        "batch_size": ("choice", 512, 1024, 2048, 4096),
    },
    **{
        model: {
            "dim": ("choice", 32, 64, 128),
            "learning_rate": ("log", 3e-4, 5e-3),
            "dropout": ("linear", 0.1, 0.6),
            "blocks": ("choice", 1, 2, 3),
        }
        for model in NEXT_ITEM
    },
}
ADVERSARY = {"epsilon": ("log", 0.01, 0.5), "adversarial_fraction": ("choice", 0.1, 0.2)}
"""Searched beside the model's settings where there is an adversary; a fraction is at most .2."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Tuned:
    """What a search found.

    Attributes:
        settings: the best settings, the fixed ones among them.
        value: their NDCG@10 on validation.
        default: that of the settings that the search began with.
        trials: name of the state -> number of trials.
        path: the file of options for `advrec train --config`.
    """

    settings: SingleSettings
    value: float
    default: float | None
    trials: dict[str, int]
    path: Path


def run(
    prepared: Prepared, settings: SingleSettings, folder: Path, *, trials: int, identity: dict
) -> Tuned:
    """Search until the journal holds `trials` trials.

    The first trial has the settings as they are given, so that the best is never worse than they
    are on validation; what is given in `settings` for a searched setting is its first value.

    Args:
        prepared: of which only the training and validation parts are read.
        settings: the fixed settings and the first values of the others.
        folder: for the journal, TensorBoard and the best settings.
        trials: in all, those of an earlier search in the folder among them.
        identity: what the results depend on.

    Raises:
        ImportError: if Optuna is not installed.
        ValueError: if the folder holds a search on other data or settings.
    """
    optuna = _optuna()
    tf.config.experimental.enable_op_determinism()
    split = prepared.split
    require_parts(split)
    model = chosen_model(settings, split.train)
    settings = dataclasses.replace(settings, model=model)
    study = _study(optuna, folder, settings, identity)
    evaluator = RankingEvaluator(split.train, split.validation)
    done = len(_ended(study))
    stages_ahead(max(trials - done, 0))

    def objective(trial) -> float:
        chosen = dataclasses.replace(settings, **_suggested(trial, model, settings))
        return _trained(trial, model, chosen, split.train, evaluator, folder, optuna)

    def told(study, trial) -> None:
        value = f"ndcg@10 {trial.value:.4f}" if trial.value is not None else ""
        stage_done(
            f"trial {trial.number:<4} {trial.state.name.lower():<9} {value}  {_told(trial.params)}"
        )
        keras.backend.clear_session()
        gc.collect()  # graphs of many trials would add up to gigabytes

    if done < trials:
        study.optimize(objective, n_trials=trials - done, callbacks=[told])
    return _found(study, settings, folder)


def _optuna():
    try:
        import optuna
    except ImportError:
        raise ImportError(
            "A search needs Optuna, the extra `search`: pip install 'advrec_tf[search]'."
        ) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna


def _study(optuna, folder: Path, settings: SingleSettings, identity: dict):
    """The study in the folder, begun with the given settings or continued."""
    backend = optuna.storages.journal.JournalFileBackend(str(folder / JOURNAL))
    study = optuna.create_study(
        storage=optuna.storages.JournalStorage(backend),
        study_name="advrec",
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=settings.seed),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=3),
        load_if_exists=True,
    )
    known = study.user_attrs.get("identity")
    if known is None:
        study.set_user_attr("identity", json.loads(json.dumps(identity)))
        study.enqueue_trial(_first(settings))
    elif known != json.loads(json.dumps(identity)):
        raise ValueError(
            f"{folder} should hold a search on the same data, settings and versions. Received a "
            "folder with another search: choose a new one."
        )
    return study


def _space(model: str, settings: SingleSettings) -> dict[str, tuple]:
    return {**SPACES[model], **(ADVERSARY if settings.adversary != "none" else {})}


def _first(settings: SingleSettings) -> dict[str, Any]:
    """The values of the first trial: those given, else those of the recipe."""
    recipe = recipe_of(settings.model, settings, 1)
    known = {
        **DEFAULTS[settings.model],
        "learning_rate": float(recipe.optimizer().learning_rate),
        "batch_size": recipe.batch_size,
        "epsilon": settings.epsilon,
        "adversarial_fraction": settings.adversarial_fraction,
    }
    values = {}
    for name, (kind, *bounds) in _space(settings.model, settings).items():
        given = getattr(settings, name)
        value = known[name] if given is None else given
        if value in bounds if kind == "choice" else bounds[0] <= value <= bounds[1]:
            values[name] = value  # what lies outside is drawn
    return values


def _suggested(trial, model: str, settings: SingleSettings) -> dict[str, Any]:
    values = {}
    for name, (kind, *bounds) in _space(model, settings).items():
        if kind == "choice":
            values[name] = trial.suggest_categorical(name, bounds)
        else:
            values[name] = trial.suggest_float(name, *bounds, log=kind == "log")
    return values


def _trained(trial, model, settings, train, evaluator, folder, optuna) -> float:
    board = folder / "tensorboard" / f"trial-{trial.number:03d}"
    report = (
        recipe_of(model, settings, train.num_items)
        .train(
            train,
            seed=settings.seed,
            evaluator=evaluator,
            wrap=adversary_of(model, settings),
            patience=settings.patience,
            callbacks=[
                Board(board),
                hparams.KerasCallback(str(board), {**trial.params, "model": model}),
                _Prune(trial, optuna),
            ],
            label=f"trial {trial.number}",
            log=LOG.debug,
        )
        .report
    )
    trial.set_user_attr("best_epoch", report.best_epoch)
    trial.set_user_attr("seconds", report.seconds)
    return report.best


class _Prune(keras.callbacks.Callback):
    """Reports validation to the trial after each epoch, and ends it where it falls behind."""

    def __init__(self, trial, optuna):
        super().__init__()
        self._trial, self._optuna = trial, optuna

    def on_epoch_end(self, epoch, logs=None):
        value = (logs or {}).get("val_ndcg@10")
        if value is None:
            return
        self._trial.report(float(value), epoch)
        if self._trial.should_prune():
            raise self._optuna.TrialPruned


def _ended(study) -> list:
    """The trials that have ended: neither waiting nor cut off by the end of a process."""
    return [trial for trial in study.get_trials(deepcopy=False) if trial.state.is_finished()]


def _found(study, settings: SingleSettings, folder: Path) -> Tuned:
    trials = _ended(study)
    states: dict[str, int] = {}
    for trial in trials:
        name = trial.state.name.lower()
        states[name] = states.get(name, 0) + 1
    best = study.best_trial
    chosen = dataclasses.replace(settings, **best.params)
    options = {name: v for name, v in chosen.as_dict().items() if v is not None}
    path = folder / BEST
    atomic_bytes(path, json.dumps({"options": options}, indent=2) + "\n", overwrite=True)
    first = trials[0]
    return Tuned(settings=chosen, value=best.value, default=first.value, trials=states, path=path)


def _told(params: dict) -> str:
    """The settings of a trial in a line, numbers with four digits."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}"
        for name, value in params.items()
    )
