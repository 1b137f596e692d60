"""From a `Task` to a trained model: one function per family of models.

A task says on which interactions, with which settings, how long and with which seed; these
functions know optimizers, batches and the order of phases (pretraining, then the adversary). GANs
are in `gans`; what is searched, and which model is the ablation of which, in `models`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.base import Recommender
from advrec_tf.models.baselines import EASE, Popularity, RandomWalk
from advrec_tf.models.blend import Blend
from advrec_tf.models.factorization import negatives
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.negatives import DNS, Generator, InBatch
from advrec_tf.models.graph.light_gcn import Contrast, LightGCN
from advrec_tf.models.objectives import BPR, Objective, SampledSoftmax
from advrec_tf.models.variational import EvidenceBound, VariationalAutoencoder
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.optimizers import LazyAdam
from experiments.harness import training
from experiments.harness.entries import Task, Trained
from experiments.published_tables.parts import final_task, part


def fit(task: Task, model: keras.Model, data: batches.Batches) -> Trained:
    """Train a compiled model as the task and its entry say."""
    entry = task.entry
    return training.fit(
        task, model, data, epochs=entry.epochs, patience=entry.patience, every=entry.every
    )


def solved(task: Task, model: Recommender, started: float) -> Trained:
    """A model without epochs, measured once where there is validation."""
    seconds = time.perf_counter() - started
    value = None if task.setting.validation is None else task.setting.validate(model)
    return Trained(model, 1, value, seconds)


def perturbation(settings: Mapping[str, Any]) -> Perturbation:
    return Perturbation(
        epsilon=settings["epsilon"],
        relative=settings.get("relative", False),
        steps=settings.get("steps", 1),
        direction=settings.get("direction", "gradient"),
    )


def popularity(task: Task) -> Trained:
    started = time.perf_counter()
    return solved(task, Popularity().fit(task.interactions), started)


def ease(task: Task) -> Trained:
    started = time.perf_counter()
    return solved(task, EASE(task.settings["l2"]).fit(task.interactions), started)


def random_walk(task: Task) -> Trained:
    started = time.perf_counter()
    return solved(task, RandomWalk(**task.settings).fit(task.interactions), started)


def _objective(settings: Mapping[str, Any]) -> Objective:
    """The objective that a point of a space of flat settings stands for."""
    made = negatives.BY_NAME[settings.get("negatives", "uniform")]
    if settings.get("loss", "bpr") == "bpr":
        names = {"count": "candidates"} if issubclass(made, (DNS, Generator)) else {}
        if made is Generator:
            names["initial_scale"] = "initial_scale"
        return BPR(made(**{names[name]: settings[name] for name in names if name in settings}))
    return SampledSoftmax(
        made(),
        candidates=None if made is InBatch else settings.get("count"),
        temperature=settings["temperature"] / settings.get("cooling", 1.0),
        cosine=settings["cosine"],
        hardness=settings.get("hardness", 0.0),
        mask_known=settings.get("mask_known", False),
    )


def _factorization_model(task: Task) -> MatrixFactorization:
    names = ("dim", "l2", "initial_scale")
    settings = {name: task.settings[name] for name in names if name in task.settings}
    return MatrixFactorization(
        task.interactions, objective=_objective(task.settings), seed=task.seed, **settings
    )


def _optimizer(settings: Mapping[str, Any]) -> keras.optimizers.Optimizer:
    rate = settings["learning_rate"]
    if settings.get("optimizer", "adagrad") == "adagrad":
        # The accumulator starts near zero: the loss is a mean, its gradients are small.
        return keras.optimizers.Adagrad(rate, initial_accumulator_value=1e-8)
    return LazyAdam(rate)


def _pairs(task: Task) -> batches.Batches:
    batch_size = task.settings["batch_size"]
    return batches.in_blocks(
        batches.of_pairs(task.interactions, batch_size=batch_size, seed=task.seed)
    )


def factorization(task: Task) -> Trained:
    keras.utils.set_random_seed(task.seed)
    model = _factorization_model(task)
    if task.settings.get("epsilon"):
        model = AdversarialTraining(model, perturbation(task.settings), fraction=1.0)
    model.compile(optimizer=_optimizer(task.settings))
    return fit(task, model, _pairs(task))


def _from_start(task: Task) -> Task:
    """With the settings of the model it starts from below its own."""
    start = task.context.chosen[task.settings.get("start", "MF-BPR")]
    return dataclasses.replace(task, settings={**start.settings, **task.settings})


def apr(task: Task) -> Trained:
    """Pretraining to its own best epoch, then adversarial epochs from there (He et al. 2018)."""
    weights, seconds = part(task, task.settings.get("start", "MF-BPR"), factorization)
    keras.utils.set_random_seed(task.seed)
    task = _from_start(task)
    model = _factorization_model(task)
    model.set_weights(weights)
    adversarial = AdversarialTraining(
        model, perturbation(task.settings), weight=task.settings["weight"], fraction=1.0
    )
    adversarial.compile(optimizer=_optimizer(task.settings))
    trained = fit(task, adversarial, _pairs(task))
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def _autoencoder_model(task: Task) -> ProfileAutoencoder:
    settings = task.settings
    return ProfileAutoencoder(
        task.interactions, dim=settings["dim"], drop=settings["drop"], seed=task.seed
    )


def autoencoder(task: Task) -> Trained:
    keras.utils.set_random_seed(task.seed)
    return _fit_profiles(task, _autoencoder_model(task))


def variational(task: Task) -> Trained:
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    names = ("dim", "hidden", "decoder_hidden", "drop", "weight_power")
    chosen = {name: settings[name] for name in names if name in settings}
    names = ("kl_weight", "kl_steps", "candidates_only")
    bound = EvidenceBound(**{name: settings[name] for name in names if name in settings})
    for name in ("hidden", "decoder_hidden"):
        if name in chosen:
            chosen[name] = (chosen[name],) if chosen[name] else ()
    model = VariationalAutoencoder(task.interactions, objective=bound, seed=task.seed, **chosen)
    return _fit_profiles(task, model)


def _fit_profiles(task: Task, model) -> Trained:
    """Train an autoencoder over profiles, against perturbed item vectors where asked."""
    settings = task.settings
    trained = model
    if settings.get("epsilon"):
        trained = AdversarialTraining(
            model, perturbation(settings), layers=[model.item_layer], fraction=1.0
        )
    trained.compile(
        optimizer=keras.optimizers.Adam(settings["learning_rate"]), steps_per_execution=16
    )
    users = np.flatnonzero(task.interactions.by_user().counts >= 3)
    data = batches.of_users(users, batch_size=settings["batch_size"], seed=task.seed)
    return fit(task, trained, data)


# label -> how it is trained and, where its weights are kept, how it is built.
_MEMBERS = {
    "EASE": (ease, None),
    "random walk": (random_walk, None),
    "MF-BPR, DNS": (factorization, _factorization_model),
    "APR from DNS": (apr, lambda task: _factorization_model(_from_start(task))),
    "softmax MF": (factorization, _factorization_model),
    "softmax MF, FGSM": (factorization, _factorization_model),
    "autoencoder": (autoencoder, _autoencoder_model),
    "autoencoder, adversarial": (autoencoder, _autoencoder_model),
}


def _member(task: Task, label: str) -> tuple[Recommender, float]:
    """(a member of a blend as its own choice makes it, seconds)."""
    train, build = _MEMBERS[label]
    if build is None:
        trained = train(final_task(task, label))
        return trained.model, trained.seconds
    weights, seconds = part(task, label, train)
    model = build(final_task(task, label))
    model.set_weights(weights)
    return model, seconds


def blend(*labels: str) -> Callable[[Task], Trained]:
    """The sum of standardized scores: the first with weight 1, the second with the one searched.

    Each member has its own choice.
    """

    def train(task: Task) -> Trained:
        members, seconds = zip(*(_member(task, label) for label in labels), strict=True)
        trained = solved(task, Blend(members, (1.0, task.settings["weight"])), time.perf_counter())
        return dataclasses.replace(trained, seconds=sum(seconds) + trained.seconds)

    return train


def light_gcn(task: Task) -> Trained:
    """With `contrast` it builds on what validation chose for the plain one."""
    keras.utils.set_random_seed(task.seed)
    settings, contrast = task.settings, None
    if "contrast" in settings:
        settings = {**task.context.chosen["LightGCN"].settings, **settings}
        task = dataclasses.replace(task, settings=settings)
        contrast = Contrast(
            weight=settings["contrast"],
            candidates=settings.get("candidates"),
            perturbation=perturbation(settings),
        )
    objective = SampledSoftmax(
        InBatch(),
        candidates=settings.get("candidates"),
        temperature=settings["temperature"],
        cosine=True,
    )
    model = LightGCN(
        task.interactions,
        num_layers=settings["num_layers"],
        objective=objective,
        contrast=contrast,
        seed=task.seed,
    )
    model.compile(optimizer=keras.optimizers.Adam(settings["learning_rate"]), steps_per_execution=8)
    data = batches.of_pairs(task.interactions, batch_size=settings["batch_size"], seed=task.seed)
    return fit(task, model, data)
