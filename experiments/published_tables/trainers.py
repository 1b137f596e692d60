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

from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.models.base import Recommender
from advrec_tf.models.blend import Blend
from advrec_tf.models.factorization import negatives
from advrec_tf.models.factorization.negatives import DNS, Generator, InBatch
from advrec_tf.models.graph.light_gcn import Contrast
from advrec_tf.models.objectives import BPR, Objective, SampledSoftmax
from advrec_tf.models.variational import EvidenceBound
from advrec_tf.perturbations import Perturbation
from advrec_tf.training import recipes
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.recipe import ClosedFormRecipe, Recipe
from experiments.harness import training
from experiments.harness.entries import Task, Trained
from experiments.published_tables.parts import final_task, part

Wrap = Callable[[keras.Model], keras.Model]


def fit(task: Task, model: keras.Model, data: batches.Batches) -> Trained:
    """Train a compiled model as the task and its entry say."""
    entry = task.entry
    return training.fit(
        task, model, data, epochs=entry.epochs, patience=entry.patience, every=entry.every
    )


def solved(task: Task, recipe: ClosedFormRecipe) -> Trained:
    """A model without epochs, measured once where there is validation."""
    started = time.perf_counter()
    model = recipe.train(task.interactions, seed=task.seed).model
    return _measured(task, model, time.perf_counter() - started)


def _measured(task: Task, model: Recommender, seconds: float) -> Trained:
    value = None if task.setting.validation is None else task.setting.validate(model)
    return Trained(model, 1, value, seconds)


def _trained(task: Task, recipe: Recipe, wrap: Wrap | None = None, weights=None) -> Trained:
    """By the recipe, from the weights if some are given, within `wrap` if it is given."""
    model = recipe.build(task.interactions, seed=task.seed)
    if weights is not None:
        model.set_weights(weights)
    trained = model if wrap is None else wrap(model)
    recipe.compile(trained)
    return fit(task, trained, recipe.batches(model, task.interactions, seed=task.seed))


def _given(settings: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: settings[name] for name in names if name in settings}


def perturbation(settings: Mapping[str, Any]) -> Perturbation:
    return Perturbation(
        epsilon=settings["epsilon"],
        relative=settings.get("relative", False),
        steps=settings.get("steps", 1),
        direction=settings.get("direction", "gradient"),
    )


def popularity(task: Task) -> Trained:
    return solved(task, recipes.popularity())


def ease(task: Task) -> Trained:
    return solved(task, recipes.ease(l2=task.settings["l2"]))


def random_walk(task: Task) -> Trained:
    return solved(task, recipes.random_walk(**task.settings))


def _objective(settings: Mapping[str, Any]) -> Objective:
    """The objective that a point of a space of flat settings stands for."""
    made = negatives.BY_NAME[settings.get("negatives", "uniform")]
    if settings.get("loss", "bpr") == "bpr":
        names = {"count": "candidates"} if issubclass(made, (DNS, Generator)) else {}
        if made is Generator:
            names["initial_scale"] = "initial_scale"
        given = {names[name]: value for name, value in _given(settings, *names).items()}
        return BPR(made(**given))
    return SampledSoftmax(
        made(),
        candidates=None if made is InBatch else settings.get("count"),
        temperature=settings["temperature"] / settings.get("cooling", 1.0),
        cosine=settings["cosine"],
        hardness=settings.get("hardness", 0.0),
        mask_known=settings.get("mask_known", False),
    )


def _factorization(task: Task) -> Recipe:
    settings = task.settings
    lazy = settings.get("optimizer", "adagrad") == "adam"
    return recipes.mf_bpr(
        objective=_objective(settings),
        l2=settings.get("l2", 0.0),
        optimizer=recipes.lazy_adam if lazy else recipes.adagrad,
        **_given(settings, "dim", "initial_scale", "learning_rate", "batch_size"),
    )


def factorization(task: Task) -> Trained:
    wrap = None
    if task.settings.get("epsilon"):
        attack = perturbation(task.settings)
        wrap = lambda model: AdversarialTraining(model, attack, fraction=1.0)  # noqa: E731
    return _trained(task, _factorization(task), wrap)


def _pretrained(task: Task) -> Task:
    """With the settings of the model it starts from below its own."""
    start = task.context.chosen[task.settings.get("start", "MF-BPR")]
    return dataclasses.replace(task, settings={**start.settings, **task.settings})


def apr(task: Task) -> Trained:
    """Pretraining to its own best epoch, then adversarial epochs from there (He et al. 2018)."""
    weights, seconds = part(task, task.settings.get("start", "MF-BPR"), factorization)
    task = _pretrained(task)
    attack, weight = perturbation(task.settings), task.settings["weight"]
    trained = _trained(
        task,
        _factorization(task),
        lambda model: AdversarialTraining(model, attack, weight=weight, fraction=1.0),
        weights,
    )
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def _autoencoder(task: Task) -> Recipe:
    given = _given(task.settings, "dim", "drop", "learning_rate", "batch_size")
    return recipes.autoencoder(steps_per_execution=16, **given)


def autoencoder(task: Task) -> Trained:
    return _trained(task, _autoencoder(task), _perturbed_items(task))


def variational(task: Task) -> Trained:
    settings = task.settings
    layers = {
        name: (settings[name],) if settings[name] else () for name in ("hidden", "decoder_hidden")
    }
    recipe = recipes.mult_vae(
        objective=EvidenceBound(**_given(settings, "kl_weight", "kl_steps", "candidates_only")),
        **layers,
        **_given(settings, "dim", "drop", "weight_power", "learning_rate", "batch_size"),
    )
    return _trained(task, recipe, _perturbed_items(task))


def _perturbed_items(task: Task) -> Wrap | None:
    """Training against perturbed item vectors, where the settings have an epsilon."""
    if not task.settings.get("epsilon"):
        return None
    return recipes.perturbed_items(perturbation(task.settings))


def light_gcn(task: Task) -> Trained:
    """With `contrast` it builds on what validation chose for the plain one."""
    settings, contrast = task.settings, None
    if "contrast" in settings:
        settings = {**task.context.chosen["LightGCN"].settings, **settings}
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
    given = _given(settings, "num_layers", "learning_rate", "batch_size")
    return _trained(task, recipes.light_gcn(objective=objective, contrast=contrast, **given))


# label -> how it is trained and, where its weights are kept, its recipe.
_MEMBERS = {
    "EASE": (ease, None),
    "random walk": (random_walk, None),
    "MF-BPR, DNS": (factorization, _factorization),
    "APR from DNS": (apr, lambda task: _factorization(_pretrained(task))),
    "softmax MF": (factorization, _factorization),
    "softmax MF, FGSM": (factorization, _factorization),
    "autoencoder": (autoencoder, _autoencoder),
    "autoencoder, adversarial": (autoencoder, _autoencoder),
}


def _member(task: Task, label: str) -> tuple[Recommender, float]:
    """(a member of a blend as its own choice makes it, seconds)."""
    train, recipe = _MEMBERS[label]
    if recipe is None:
        trained = train(final_task(task, label))
        return trained.model, trained.seconds
    weights, seconds = part(task, label, train)
    model = recipe(final_task(task, label)).build(task.interactions, seed=task.seed)
    model.set_weights(weights)
    return model, seconds


def blend(*labels: str) -> Callable[[Task], Trained]:
    """The sum of standardized scores: the first with weight 1, the second with the one searched.

    Each member has its own choice.
    """

    def train(task: Task) -> Trained:
        members, seconds = zip(*(_member(task, label) for label in labels), strict=True)
        return _measured(task, Blend(members, (1.0, task.settings["weight"])), sum(seconds))

    return train
