"""What enters the tables: how each model is trained from settings, and what is searched.

A contender is a record: a label, a function from a `Task` to a trained model, and a finite
search space whose first point is the recipe found to work before. `like` makes a control
of another contender: the same settings but for `override` (noise in place of
the gradient). `needs` names contenders whose choices a model builds on: the start of an
adversarial fine-tuning, the members of a blend.
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
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.baselines import EASE, Popularity
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
        value: the metric there; None for a control, which takes what another chose.
    """

    settings: Settings
    epochs: int
    value: float | None = None


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
        cache: trained parts that several trials of one process share.
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
    cache: dict = dataclasses.field(default_factory=dict)

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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Contender:
    """One row of a table.

    Attributes:
        train: Task -> Trained.
        space: setting -> values; the first of each make the default point.
        epochs: at most so many while searching.
        patience, every: of validation, in epochs between and number of evaluations.
        twin: label of the same model without the ingredient.
        needs: labels whose choices it uses.
        like: label whose settings it takes, with `override` on top; its epochs are its own.
        seeded: False where every seed gives the same.
        attacked: its vectors are attacked after training, see `evaluation.robustness`.
    """

    train: Callable[[Task], Trained]
    space: Mapping[str, tuple] = dataclasses.field(default_factory=dict)
    epochs: int = 1
    patience: int = 5
    every: int = 1
    twin: str | None = None
    needs: tuple[str, ...] = ()
    like: str | None = None
    override: Settings = dataclasses.field(default_factory=dict)
    seeded: bool = True
    attacked: bool = False

    def default(self) -> dict:
        return {name: values[0] for name, values in self.space.items()}


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


def _popularity(task: Task) -> Trained:
    started = time.perf_counter()
    return _solved(task, Popularity().fit(task.train), started)


def _ease(task: Task) -> Trained:
    started = time.perf_counter()
    return _solved(task, EASE(task.settings["l2"]).fit(task.train), started)


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


def _factorisation(task: Task) -> Trained:
    keras.utils.set_random_seed(task.seed)
    model = _factorisation_model(task)
    if task.settings.get("epsilon"):
        model = AdversarialTraining(model, _perturbation(task.settings), share=1.0)
    model.compile(optimizer=_optimizer(task.settings))
    return _fit(task, model, _pairs(task))


def _apr(task: Task) -> Trained:
    """MF-BPR to its own best epoch, then adversarial epochs from there (He et al. 2018)."""
    start = task.of("MF-BPR")
    key = ("MF-BPR", task.seed)
    if key not in task.cache:
        trained = _factorisation(start)
        task.cache[key] = (trained.model.get_weights(), trained.seconds)
    weights, seconds = task.cache[key]
    keras.utils.set_random_seed(task.seed)
    merged = {**start.settings, **task.settings}
    task = dataclasses.replace(task, settings=merged)
    model = _factorisation_model(task)
    model.set_weights(weights)
    adversarial = AdversarialTraining(
        model, _perturbation(task.settings), weight=task.settings["weight"], share=1.0
    )
    adversarial.compile(optimizer=_optimizer(task.settings))
    trained = _fit(task, adversarial, _pairs(task))
    return dataclasses.replace(trained, seconds=trained.seconds + seconds)


def _autoencoder(task: Task) -> Trained:
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    model = ProfileAutoencoder(
        task.train, dim=settings["dim"], drop=settings["drop"], seed=task.seed
    )
    return _fit_profiles(task, model)


def _variational(task: Task) -> Trained:
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


def _blend(member: str) -> Callable[[Task], Trained]:
    """EASE and a trained autoencoder, each with its own choice; the weight is searched."""

    def train(task: Task) -> Trained:
        started = time.perf_counter()
        key = (member, task.seed)
        if key not in task.cache:
            task.cache[key] = (
                CONTENDERS["EASE"].train(task.of("EASE")).model,
                CONTENDERS[member].train(task.of(member)).model,
            )
        model = Blend(task.cache[key], (1.0, task.settings["weight"]))
        return _solved(task, model, started)

    return train


def _users(task: Task) -> batches.Batches:
    users = np.flatnonzero(task.train.by_user().counts >= 1)
    return batches.of_users(users, batch_size=task.settings["batch_size"], seed=task.seed)


def _decayed_adam(rate: float, decay: float) -> keras.optimizers.Optimizer:
    return keras.optimizers.Adam(rate, weight_decay=decay or None)


def _dns_start(task: Task) -> Trained:
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


def _irgan(task: Task) -> Trained:
    """From the DNS start: the discriminator alone, then the game; the twin goes on with DNS."""
    label = "DNS start of IRGAN"
    start = task.of(label)
    key = (label, task.seed)
    if key not in task.cache:
        trained = _dns_start(start)
        task.cache[key] = (trained.model.scorer.get_weights(), trained.seconds)
    weights, seconds = task.cache[key]
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


def _cfgan(task: Task) -> Trained:
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


def _light_gcn(task: Task) -> Trained:
    keras.utils.set_random_seed(task.seed)
    settings = task.settings
    perturbation = {}
    if settings.get("contrast"):
        perturbation = {"perturbation": _perturbation(settings)}
    model = LightGCN(
        task.train,
        num_layers=settings["num_layers"],
        temperature=settings["temperature"],
        contrast=settings.get("contrast", 0.0),
        seed=task.seed,
        **perturbation,
    )
    model.compile(optimizer=keras.optimizers.Adam(settings["learning_rate"]), steps_per_execution=8)
    data = batches.of_pairs(task.train, batch_size=settings["batch_size"], seed=task.seed)
    return _fit(task, model, data)


_BPR_SPACE = {
    "learning_rate": (0.05, 0.02, 0.1),
    "l2": (0.0, 0.001, 0.003),
    "dim": (64, 128),
    "batch_size": (512,),
    "initial_scale": (0.01,),
}
_SOFTMAX_SPACE = {
    "temperature": (0.15, 0.1, 0.2),
    "count": (512,),
    "negatives": ("uniform", "in_batch"),
    "batch_size": (1024,),
    "learning_rate": (0.003, 0.001),
    "dim": (64, 128),
    "loss": ("softmax",),
    "cosine": (True,),
    "initial_scale": (0.01,),
    "optimizer": ("adam",),
}
_CODE_SPACE = {
    "drop": (0.2, 0.35, 0.5),
    "dim": (200,),
    "batch_size": (100,),
    "learning_rate": (0.001,),
}

_VAE_SPACE = {
    "kl_weight": (0.05, 0.2, 0.01),
    "drop": (0.2, 0.35),
    "dim": (200,),
    "hidden": (200,),
    "decoder_hidden": (0,),  # none: the item vectors multiply the code
    "candidates_only": (True,),
    "weight_power": (0.5,),
    "batch_size": (100,),
    "learning_rate": (0.001,),
}
_GRAPH_SPACE = {
    "temperature": (0.15, 0.2, 0.12),
    "num_layers": (2, 1),
    "learning_rate": (0.01, 0.003),
    "batch_size": (2048,),
}
_IRGAN_SPACE = {
    "mixture": (0.2, 0.6),
    "d_temperature": (3.0, 1.0),
    "g_learning_rate": (0.0003, 0.001),
    "warm_up": (15,),
}

_CFGAN_SPACE = {
    "mode": ("item",),
    "hidden": (400,),
    "d_learning_rate": (0.0002, 0.0001),
    "l2": (0.003, 0.002),
    "masked": (0.0,),
    "positive": (0.0,),
    "adversarial": (1.0,),
}

CONTENDERS: dict[str, Contender] = {
    "popularity": Contender(train=_popularity, seeded=False),
    "EASE": Contender(
        train=_ease,
        space={"l2": (300.0, 100.0, 150.0, 200.0, 500.0, 800.0, 1000.0, 50.0)},
        seeded=False,
    ),
    "MF-BPR": Contender(attacked=True, train=_factorisation, space=_BPR_SPACE, epochs=100, every=5),
    "MF-BPR, DNS": Contender(
        train=_factorisation,
        space={**_BPR_SPACE, "negatives": ("dns",), "count": (4, 8, 2)},
        epochs=100,
        every=5,
        twin="MF-BPR",
    ),
    "MF-BPR, generator's negatives": Contender(
        train=_factorisation,
        space={**_BPR_SPACE, "negatives": ("generator",), "count": (8, 16)},
        epochs=100,
        every=5,
        twin="MF-BPR",
    ),
    "APR": Contender(
        attacked=True,
        train=_apr,
        space={
            "epsilon": (0.25, 0.5, 0.1),
            "weight": (1.0, 0.3, 3.0),
            "learning_rate": (0.01, 0.003),
        },
        epochs=150,
        every=10,
        patience=3,
        twin="MF-BPR, continued",
        needs=("MF-BPR",),
    ),
    "MF-BPR, continued": Contender(
        attacked=True,
        train=_apr,
        like="APR",
        override={"weight": 0.0},
        twin="MF-BPR",
        needs=("MF-BPR",),
    ),
    "APR, noise": Contender(
        attacked=True,
        train=_apr,
        like="APR",
        override={"direction": "random"},
        twin="APR",
        needs=("MF-BPR",),
    ),
    "APR, PGD": Contender(
        attacked=True, train=_apr, like="APR", override={"steps": 3}, twin="APR", needs=("MF-BPR",)
    ),
    "softmax MF": Contender(
        attacked=True, train=_factorisation, space=_SOFTMAX_SPACE, epochs=60, every=2
    ),
    "softmax MF, hard weights": Contender(
        train=_factorisation,
        like="softmax MF",
        override={"hardness": 0.3},
        twin="softmax MF",
    ),
    "softmax MF, FGSM": Contender(
        attacked=True,
        train=_factorisation,
        like="softmax MF",
        override={"epsilon": 0.1, "relative": True},
        twin="softmax MF",
    ),
    "softmax MF, noise": Contender(
        attacked=True,
        train=_factorisation,
        like="softmax MF",
        override={"epsilon": 0.1, "relative": True, "direction": "random"},
        twin="softmax MF",
    ),
    "autoencoder": Contender(
        attacked=True, train=_autoencoder, space=_CODE_SPACE, epochs=120, every=10, patience=3
    ),
    "autoencoder, adversarial": Contender(
        attacked=True,
        train=_autoencoder,
        space={**_CODE_SPACE, "epsilon": (0.3, 0.1, 0.2, 0.4), "relative": (True,)},
        epochs=120,
        every=10,
        patience=3,
        twin="autoencoder",
    ),
    "autoencoder, noise": Contender(
        attacked=True,
        train=_autoencoder,
        like="autoencoder, adversarial",
        override={"direction": "random"},
        twin="autoencoder, adversarial",
    ),
    "Mult-VAE": Contender(train=_variational, space=_VAE_SPACE, epochs=120, every=10, patience=3),
    "Mult-VAE, adversarial": Contender(
        train=_variational,
        space={**_VAE_SPACE, "epsilon": (0.1, 0.3), "relative": (True,)},
        epochs=120,
        every=10,
        patience=3,
        twin="Mult-VAE",
    ),
    "autoencoder + EASE": Contender(
        train=_blend("autoencoder"),
        space={"weight": (1.0, 2.0, 0.5, 4.0)},
        needs=("EASE", "autoencoder"),
    ),
    "adversarial autoencoder + EASE": Contender(
        train=_blend("autoencoder, adversarial"),
        space={"weight": (1.0, 2.0, 0.5, 4.0)},
        twin="autoencoder + EASE",
        needs=("EASE", "autoencoder, adversarial"),
    ),
    "LightGCN": Contender(train=_light_gcn, space=_GRAPH_SPACE, epochs=30, every=3, patience=3),
    "LightGCN, adversarial contrast": Contender(
        train=_light_gcn,
        space={
            **_GRAPH_SPACE,
            "num_layers": (2,),
            "contrast": (0.02, 0.1),
            "epsilon": (0.3, 0.1),
            "relative": (True,),
        },
        epochs=30,
        every=3,
        patience=3,
        twin="LightGCN, noise contrast",
    ),
    "LightGCN, noise contrast": Contender(
        train=_light_gcn,
        like="LightGCN, adversarial contrast",
        override={"direction": "random"},
        twin="LightGCN",
    ),
    "DNS start of IRGAN": Contender(
        train=_dns_start,
        space={
            "dim": (20, 40),
            "candidates": (8, 4),
            "decay": (1.0, 0.3, 2.0),
            "first": (35,),
            "batch_size": (32,),
        },
        epochs=40,
        every=2,
    ),
    "IRGAN, pointwise": Contender(
        train=_irgan,
        space={**_IRGAN_SPACE, "form": ("pointwise",)},
        epochs=16,
        every=2,
        twin="IRGAN's twin",
        needs=("DNS start of IRGAN",),
    ),
    "IRGAN, pairwise": Contender(
        train=_irgan,
        space={**_IRGAN_SPACE, "form": ("pairwise",)},
        epochs=16,
        every=2,
        twin="IRGAN's twin",
        needs=("DNS start of IRGAN",),
    ),
    "IRGAN's twin": Contender(
        train=_irgan,
        space={
            **_IRGAN_SPACE,
            "mixture": (0.2,),
            "d_temperature": (3.0,),
            "g_learning_rate": (0.001, 0.0003, 0.003),
            "form": ("none",),
        },
        epochs=24,
        every=2,
        needs=("DNS start of IRGAN",),
    ),
    "CFGAN": Contender(
        train=_cfgan, space=_CFGAN_SPACE, epochs=60, every=4, patience=4, twin="CFGAN's twin"
    ),
    "CFGAN, positives written": Contender(
        train=_cfgan,
        space={
            **_CFGAN_SPACE,
            "d_learning_rate": (0.0005,),
            "masked": (0.7,),
            "positive": (3.0,),
            "adversarial": (0.3, 1.0),
        },
        epochs=60,
        every=4,
        patience=4,
        twin="CFGAN's twin",
    ),
    "CFGAN's twin": Contender(
        train=_cfgan,
        space={
            **_CFGAN_SPACE,
            "d_learning_rate": (0.0005,),
            "positive": (3.0, 1.0),
            "adversarial": (0.0,),
        },
        epochs=60,
        every=4,
        patience=4,
    ),
    "CFGAN, users' profiles": Contender(
        train=_cfgan,
        space={**_CFGAN_SPACE, "mode": ("user",), "hidden": (200,)},
        epochs=60,
        every=4,
        patience=4,
        twin="CFGAN",
    ),
}
