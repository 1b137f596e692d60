"""From a `Task` to a trained model: one function per family of models.

A task says on which rows, with which settings, how long and with which seed; these
functions know optimisers, batches and the order of phases (a start, a warm-up, the game).
What is searched, and who is whose twin, is in `contenders`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from tensorflow import keras

from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.gan.cfgan import build_cfgan
from advrec_tf.gan.selection import build_irgan
from advrec_tf.jobs.reproduction.parts import Parts
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.baselines import EASE, Popularity, RandomWalk
from advrec_tf.models.blend import Blend
from advrec_tf.models.factorisation import MatrixFactorisation
from advrec_tf.models.hard_negatives import DNSFactorisation
from advrec_tf.models.light_gcn import LightGCN
from advrec_tf.models.recommender import Recommender
from advrec_tf.models.variational import VariationalAutoencoder
from advrec_tf.perturbations import Perturbation
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.optimizers import LazyAdam

Settings = Mapping[str, object]


@dataclasses.dataclass(frozen=True)
class Choice:
    """What validation chose for a contender.

    Attributes:
        settings: a point of its space.
        epochs: the best epoch.
        value: the metric there.
        trials: how many points were tried, pruned ones included.
    """

    settings: Settings
    epochs: int
    value: float | None = None
    trials: int = 1


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Task:
    """One training: on what, with what, how long.

    Attributes:
        train: the rows.
        settings: a point of the contender's space.
        epochs: at most so many with an evaluator, exactly so many without.
        evaluator: validation, or None for a final training.
        monitor: metric that chooses the epoch.
        patience, every: see `fit_ranked`.
        seed: of weights, batches and noise.
        chosen: label of a needed contender -> its choice.
        callbacks: for pruning.
        parts: trained parts that several rows and trials share.
    """

    train: Interactions
    settings: Settings
    epochs: int
    evaluator: RankingEvaluator | None
    monitor: str
    patience: int
    every: int
    seed: int
    chosen: Mapping[str, Choice]
    callbacks: Sequence[keras.callbacks.Callback] = ()
    parts: Parts = dataclasses.field(default_factory=Parts)

    def of(self, label: str) -> Task:
        """The final training of a needed contender, on the same rows and seed."""
        choice = self.chosen[label]
        return dataclasses.replace(
            self, settings=choice.settings, epochs=choice.epochs, evaluator=None, callbacks=()
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """A model and the epoch it is at; `value` of the monitored metric where it was measured."""

    model: Recommender
    epochs: int
    value: float | None
    seconds: float


def _fit(task: Task, model, data: batches.Batches) -> Trained:
    """Train a compiled model as the task says."""
    report = fit_ranked(
        model,
        data,
        epochs=task.epochs,
        evaluator=task.evaluator,
        monitor=task.monitor,
        patience=task.patience,
        every=task.every,
        callbacks=task.callbacks,
    )
    return Trained(model, report.best_epoch, report.best, report.seconds)


def _solved(task: Task, model: Recommender, started: float) -> Trained:
    """A model without epochs, measured once where there is an evaluator."""
    seconds = time.perf_counter() - started
    value = None
    if task.evaluator is not None:
        value = task.evaluator.evaluate(model).metrics[task.monitor]
    return Trained(model, 1, value, seconds)


def _weights_of(model) -> list[np.ndarray]:
    """Of the model itself, without what trained it against an adversary."""
    return (model.model if isinstance(model, AdversarialTraining) else model).get_weights()


def keep(task: Task, label: str, trained: Trained) -> None:
    """Leave a final training to the rows that build on it."""
    if isinstance(trained.model, keras.Model):
        name = part_name(label, task)
        task.parts.put(name, _weights_of(trained.model), trained.seconds)


def part_name(label: str, task: Task) -> str:
    """A final training is told by its settings, epochs and seed, and by what it starts from."""
    name = f"{label}, seed {task.seed}, {task.epochs} epochs, {sorted(task.settings.items())}"
    if "start" in task.settings:
        name += f" from {task.chosen[task.settings['start']]}"
    return name


def _part(task: Task, label: str, train: Callable[[Task], Trained]):
    """(weights, seconds) of the final training of a needed contender, trained where nobody
    has yet."""
    start = task.of(label)

    def compute():
        trained = train(start)
        return _weights_of(trained.model), trained.seconds

    return task.parts.get(part_name(label, start), compute)


def popularity(task: Task) -> Trained:
    started = time.perf_counter()
    return _solved(task, Popularity().fit(task.train), started)


def ease(task: Task) -> Trained:
    started = time.perf_counter()
    return _solved(task, EASE(task.settings["l2"]).fit(task.train), started)


def random_walk(task: Task) -> Trained:
    started = time.perf_counter()
    return _solved(task, RandomWalk(**task.settings).fit(task.train), started)


_MODEL_SETTINGS = (
    "dim",
    "l2",
    "loss",
    "negatives",
    "count",
    "cosine",
    "temperature",
    "hardness",
    "mask_known",
    "initial_scale",
)


def _factorisation_model(task: Task) -> MatrixFactorisation:
    settings = {name: task.settings[name] for name in _MODEL_SETTINGS if name in task.settings}
    return MatrixFactorisation(task.train, seed=task.seed, **settings)


def _optimizer(settings: Settings) -> keras.optimizers.Optimizer:
    rate = settings["learning_rate"]
    if settings.get("optimizer", "adagrad") == "adagrad":
        # The accumulator starts near zero: the loss is a mean, its gradients are small.
        return keras.optimizers.Adagrad(rate, initial_accumulator_value=1e-8)
    return LazyAdam(rate)


def _pairs(task: Task) -> batches.Batches:
    rows = batches.of_pairs(task.train, batch_size=task.settings["batch_size"], seed=task.seed)
    return batches.in_blocks(rows)


def _perturbation(settings: Settings) -> Perturbation:
    return Perturbation(
        epsilon=settings["epsilon"],
        relative=settings.get("relative", False),
        steps=settings.get("steps", 1),
        direction=settings.get("direction", "gradient"),
    )


def factorisation(task: Task) -> Trained:
    keras.utils.set_random_seed(task.seed)
    model = _factorisation_model(task)
    if task.settings.get("epsilon"):
        model = AdversarialTraining(model, _perturbation(task.settings), share=1.0)
    model.compile(optimizer=_optimizer(task.settings))
    return _fit(task, model, _pairs(task))


def _from_start(task: Task) -> Task:
    """With the settings of its start below its own."""
    start = task.chosen[task.settings.get("start", "MF-BPR")]
    return dataclasses.replace(task, settings={**start.settings, **task.settings})


def apr(task: Task) -> Trained:
    """The start to its own best epoch, then adversarial epochs from there (He et al. 2018)."""
    weights, seconds = _part(task, task.settings.get("start", "MF-BPR"), factorisation)
    keras.utils.set_random_seed(task.seed)
    task = _from_start(task)
    model = _factorisation_model(task)
    model.set_weights(weights)
    adversarial = AdversarialTraining(
        model, _perturbation(task.settings), weight=task.settings["weight"], share=1.0
    )
    adversarial.compile(optimizer=_optimizer(task.settings))
    trained = _fit(task, adversarial, _pairs(task))
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def _autoencoder_model(task: Task) -> ProfileAutoencoder:
    settings = task.settings
    return ProfileAutoencoder(
        task.train, dim=settings["dim"], drop=settings["drop"], seed=task.seed
    )


def autoencoder(task: Task) -> Trained:
    keras.utils.set_random_seed(task.seed)
    return _fit_profiles(task, _autoencoder_model(task))


def variational(task: Task) -> Trained:
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    names = ("dim", "hidden", "decoder_hidden", "drop", "kl_weight", "kl_steps", "weight_power")
    chosen = {name: settings[name] for name in names if name in settings}
    for name in ("hidden", "decoder_hidden"):
        if name in chosen:
            chosen[name] = (chosen[name],) if chosen[name] else ()
    model = VariationalAutoencoder(
        task.train, candidates_only=settings["candidates_only"], seed=task.seed, **chosen
    )
    return _fit_profiles(task, model)


def _fit_profiles(task: Task, model) -> Trained:
    """Train an autoencoder over profiles, against perturbed item vectors where asked."""
    settings = task.settings
    trained = model
    if settings.get("epsilon"):
        trained = AdversarialTraining(
            model, _perturbation(settings), layers=[model.item_layer], share=1.0
        )
    trained.compile(
        optimizer=keras.optimizers.Adam(settings["learning_rate"]), steps_per_execution=16
    )
    users = np.flatnonzero(task.train.by_user().counts >= 3)
    data = batches.of_users(users, batch_size=settings["batch_size"], seed=task.seed)
    return _fit(task, trained, data)


# label -> how it is trained and, where it has weights to be kept, how it is built.
_MEMBERS = {
    "EASE": (ease, None),
    "walk on the graph": (random_walk, None),
    "MF-BPR, DNS": (factorisation, _factorisation_model),
    "APR from DNS": (apr, lambda task: _factorisation_model(_from_start(task))),
    "softmax MF": (factorisation, _factorisation_model),
    "softmax MF, FGSM": (factorisation, _factorisation_model),
    "autoencoder": (autoencoder, _autoencoder_model),
    "autoencoder, adversarial": (autoencoder, _autoencoder_model),
}


def _member(task: Task, label: str) -> tuple[Recommender, float]:
    """(a needed contender as its own choice makes it, seconds)."""
    train, build = _MEMBERS[label]
    if build is None:
        trained = train(task.of(label))
        return trained.model, trained.seconds
    weights, seconds = _part(task, label, train)
    model = build(task.of(label))
    model.set_weights(weights)
    return model, seconds


def blend(*labels: str) -> Callable[[Task], Trained]:
    """The sum of standardised scores: the first with weight 1, the second with the one searched.

    Each member has its own choice.
    """

    def train(task: Task) -> Trained:
        members, seconds = zip(*(_member(task, label) for label in labels), strict=True)
        trained = _solved(task, Blend(members, (1.0, task.settings["weight"])), time.perf_counter())
        return dataclasses.replace(trained, seconds=sum(seconds) + trained.seconds)

    return train


def _users(task: Task) -> batches.Batches:
    users = np.flatnonzero(task.train.by_user().counts >= 1)
    return batches.of_users(users, batch_size=task.settings["batch_size"], seed=task.seed)


def _decayed_adam(rate: float, decay: float) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(rate, weight_decay=decay or None)


def dns_start(task: Task) -> Trained:
    """DNS factorisation at a high rate, then at a tenth of it (the epochs that are chosen)."""
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    model = DNSFactorisation(
        task.train, dim=settings["dim"], candidates=settings["candidates"], seed=task.seed
    )
    first = dataclasses.replace(task, evaluator=None, epochs=settings["first"], callbacks=())
    decay = settings["decay"]
    model.compile(optimizer=_decayed_adam(0.01, decay), steps_per_execution=8)
    seconds = _fit(first, model, _users(task)).seconds
    model.compile(optimizer=_decayed_adam(0.001, 0.3 * decay), steps_per_execution=8)
    trained = _fit(task, model, _users(task))
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def irgan(task: Task) -> Trained:
    """From the DNS start: the discriminator alone, then the game; the twin goes on with DNS."""
    label = "DNS start of IRGAN"
    start = task.of(label)
    weights, seconds = _part(task, label, dns_start)
    keras.utils.set_random_seed(task.seed)
    settings = {**start.settings, **task.settings}
    task = dataclasses.replace(task, settings=settings)
    twin = settings["form"] == "none"
    gan = build_irgan(
        task.train,
        dim=settings["dim"],
        candidates=settings["candidates"],
        form="pointwise" if twin else settings["form"],
        mixture=settings["mixture"],
        d_temperature=settings["d_temperature"],
        adversarial_weight=0.0 if twin else 1.0,
        reconstruction_weight=1.0 if twin else 0.0,
        seed=task.seed,
    )
    gan.generator.set_weights(weights)
    players = {
        "d_optimizer": _decayed_adam(0.01, settings["decay"]),
        "steps_per_execution": 8,
    }
    if not twin:
        gan.compile(g_optimizer=keras.optimizers.SGD(0.0), **players)
        alone = dataclasses.replace(task, evaluator=None, epochs=settings["warm_up"], callbacks=())
        seconds += _fit(alone, gan, _users(task)).seconds
    rate = settings["g_learning_rate"]
    gan.compile(g_optimizer=_decayed_adam(rate, 0.3 * settings["decay"]), **players)
    trained = _fit(task, gan, _users(task))
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def cfgan(task: Task) -> Trained:
    """Rounds of the authors' loop: one batch holds all profiles."""
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    model = build_cfgan(
        task.train,
        mode=settings["mode"],
        generator_hidden=(settings["hidden"],),
        masked_negatives=settings["masked"],
        zeroed_negatives=1.0,
        positive_weight=settings["positive"],
        adversarial_weight=settings["adversarial"],
        generator_l2=settings["l2"],
        critic_batch=64,
        generator_batch=32,
        seed=task.seed,
    )
    model.compile(
        d_optimizer=keras.optimizers.Adam(settings["d_learning_rate"]),
        g_optimizer=keras.optimizers.Adam(0.0005),
    )
    data = batches.of_users(
        np.arange(model.num_profiles), batch_size=model.num_profiles, seed=task.seed
    )
    return _fit(task, model, data)


def light_gcn(task: Task) -> Trained:
    """With `contrast` it builds on what validation chose for the plain one."""
    keras.utils.set_random_seed(task.seed)
    settings, perturbation = task.settings, {}
    if "contrast" in settings:
        settings = {**task.chosen["LightGCN"].settings, **settings}
        task = dataclasses.replace(task, settings=settings)
        perturbation = {"perturbation": _perturbation(settings)}
    model = LightGCN(
        task.train,
        num_layers=settings["num_layers"],
        temperature=settings["temperature"],
        candidates=settings.get("candidates"),
        contrast=settings.get("contrast", 0.0),
        seed=task.seed,
        **perturbation,
    )
    model.compile(optimizer=keras.optimizers.Adam(settings["learning_rate"]), steps_per_execution=8)
    data = batches.of_pairs(task.train, batch_size=settings["batch_size"], seed=task.seed)
    return _fit(task, model, data)
