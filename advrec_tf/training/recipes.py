"""How each model of the package is trained: one recipe a model, for all who train it.

A `Recipe` says how a model is built, in batches of which size, with which optimizer and for how
many epochs; a `ClosedFormRecipe` how one is built that is solved without steps. Functions give the
recipe of a model with its settings as arguments. Their defaults are what validation chose on
MovieLens 100K where it was asked, or the settings of the published attack benchmark. Attacks,
commands and studies name recipes, so that a model is the same model wherever it is met.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from advrec_tf._keras import keras
from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.data.batches import Batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.models import retrieval
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.base import Recommender
from advrec_tf.models.baselines import EASE, Popularity, RandomWalk
from advrec_tf.models.factorization.implicit_factorization import ImplicitFactorization
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.negatives import InBatch
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization
from advrec_tf.models.graph.light_gcn import Contrast, LightGCN
from advrec_tf.models.objectives import BPR, Objective, SampledSoftmax
from advrec_tf.models.sequential import published
from advrec_tf.models.sequential.encoders import EncoderSize
from advrec_tf.models.sequential.objectives import FullSoftmax, SequenceObjective
from advrec_tf.models.sequential.start import transition_vectors
from advrec_tf.models.variational import EvidenceBound, VariationalAutoencoder
from advrec_tf.perturbations import Perturbation, fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.defaults import default_batches
from advrec_tf.training.fitting import FitReport, fit_ranked
from advrec_tf.training.optimizers import LazyAdam

Wrap = Callable[[keras.Model], keras.Model]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TrainedModel:
    """What a recipe gives.

    Attributes:
        model: the recommender.
        trained: what was compiled and fitted: the model, or a wrapper around it.
        report: how the fit went; None for a model in closed form.
    """

    model: Recommender
    trained: Recommender | keras.Model
    report: FitReport | None = None


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe:
    """How a model that is trained by gradient is trained.

    `build`, `compile` and `batches` are the parts for whoever runs the epochs; `train` is all of
    them.

    Attributes:
        network: (interactions, seed) -> the model.
        optimizer: () -> a new optimizer.
        batch_size: examples a batch; the kind of batches is that of the model.
        epochs: of a training without early stopping, and the most with it.
        compiling: further arguments of Keras' `compile`.
        first: a recipe to train the model by before; this one goes on from there.
        wrap: model -> a wrapper such as `AdversarialTraining`, which is what is trained.
        strategy: of `tf.distribute`, under which it is trained; by default the present one.
    """

    network: Callable[[Interactions, int], keras.Model]
    optimizer: Callable[[], keras.optimizers.Optimizer]
    batch_size: int
    epochs: int
    compiling: Mapping[str, object] = dataclasses.field(default_factory=dict)
    first: Recipe | None = None
    wrap: Wrap | None = None
    strategy: tf.distribute.Strategy | None = None

    def under(self, strategy: tf.distribute.Strategy) -> Recipe:
        """The same training under a strategy. Replicas exchange gradients between compiled steps,
        so that the step as a whole is not compiled by XLA where there are several."""
        compiling = dict(self.compiling)
        if strategy.num_replicas_in_sync > 1:
            compiling.pop("jit_compile", None)
        first = None if self.first is None else self.first.under(strategy)
        return dataclasses.replace(self, strategy=strategy, compiling=compiling, first=first)

    def build(self, interactions: Interactions, *, seed: int) -> keras.Model:
        """The model before training; sets the global seeds of Keras, NumPy and Python."""
        keras.utils.set_random_seed(seed)
        return self.network(interactions, seed)

    def compile(self, model: keras.Model) -> None:
        """Compile the model, or a wrapper around it, with an optimizer of its own."""
        model.compile(optimizer=self.optimizer(), **self.compiling)

    def batches(
        self, model: Recommender, data: Interactions | AugmentedInteractions, *, seed: int
    ) -> Batches:
        """The batches of the training."""
        return default_batches(model, data, batch_size=self.batch_size, seed=seed)

    def train(
        self,
        interactions: Interactions,
        *,
        seed: int,
        data: AugmentedInteractions | None = None,
        start: keras.Model | None = None,
        wrap: Wrap | None = None,
        **fitting,
    ) -> TrainedModel:
        """Build, compile and fit.

        Args:
            interactions: the training interactions.
            seed: of weights, batches and noise.
            data: what batches are made of instead, the interactions with generated ones.
            start: a model of the same kind on the first users of `interactions`, whose weights
                it begins with.
            wrap: model -> what is trained in its place; inside the recipe's own `wrap`.
            **fitting: of `fit_ranked`; `epochs` is the recipe's where it is left out.

        Raises:
            ValueError: if `start` does not correspond to the model, or both the recipe and
                `wrap` add an adversary.
        """
        if self.first is not None:
            model = self.first.train(interactions, seed=seed, data=data, start=start).model
        with (self.strategy or tf.distribute.get_strategy()).scope():
            if self.first is None:
                model = self.build(interactions, seed=seed)
                if start is not None:
                    take_over(model, start)
            trained = model if wrap is None else wrap(model)
            if self.wrap is not None:
                if isinstance(trained, AdversarialTraining):
                    raise ValueError("`wrap` should not add an adversary to a recipe that has one.")
                trained = self.wrap(trained)
            self.compile(trained)
        made = self.batches(model, interactions if data is None else data, seed=seed)
        report = fit_ranked(trained, made, **{"epochs": self.epochs, **fitting})
        return TrainedModel(model=model, trained=trained, report=report)


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClosedFormRecipe:
    """How a model without steps is solved.

    Attributes:
        network: seed -> the model, without data.
    """

    network: Callable[[int], Recommender]

    def train(self, interactions: Interactions, *, seed: int = 0, **fitting) -> TrainedModel:
        """Build and solve.

        Args:
            interactions: the training interactions.
            seed: of the first vectors, where there are any.
            **fitting: of the model's `fit`, such as `weight` and `start` of least squares.
        """
        model = self.network(seed).fit(interactions, **fitting)
        return TrainedModel(model=model, trained=model)


def take_over(model: keras.Model, start: keras.Model) -> None:
    """Give `model` the weights of `start`, a model of the same kind on fewer users.

    A weight whose first axis is longer here keeps its own last entries.

    Raises:
        ValueError: if the weights do not correspond.
    """
    ours, theirs = model.get_weights(), start.get_weights()
    fits = len(ours) == len(theirs) and all(
        a.shape[1:] == b.shape[1:] and len(np.atleast_1d(a)) >= len(np.atleast_1d(b))
        for a, b in zip(ours, theirs, strict=False)
    )
    if not fits:
        raise ValueError(
            f"`start` should be a model like the one trained. Received: {type(start).__name__} "
            f"of {[w.shape for w in theirs]} for {[w.shape for w in ours]}."
        )
    model.set_weights(
        [np.concatenate([b, a[len(b) :]]) if a.ndim else b for a, b in zip(ours, theirs)]
    )


def adagrad(learning_rate: float) -> Callable[[], keras.optimizers.Optimizer]:
    """Adagrad whose accumulator starts near zero: a loss is a mean, so its gradients are small."""
    return lambda: keras.optimizers.Adagrad(learning_rate, initial_accumulator_value=1e-8)


def lazy_adam(learning_rate: float) -> Callable[[], keras.optimizers.Optimizer]:
    """`LazyAdam`, for models that look up a few vectors a batch."""
    return lambda: LazyAdam(learning_rate)


def adam(learning_rate: float) -> Callable[[], keras.optimizers.Optimizer]:
    """Adam, for models whose every weight moves at every step."""
    return lambda: keras.optimizers.Adam(learning_rate)


def _network_of(model: Callable, **settings) -> Callable[[Interactions, int], keras.Model]:
    """(interactions, seed) -> `model` with the settings."""
    return lambda interactions, seed: model(interactions, seed=seed, **settings)


def _by_adam(network, learning_rate, batch_size, epochs, steps_per_execution) -> Recipe:
    return Recipe(
        network=network,
        optimizer=adam(learning_rate),
        batch_size=batch_size,
        epochs=epochs,
        compiling={"steps_per_execution": steps_per_execution},
    )


def mf_bpr(
    *,
    dim: int = 64,
    objective: Objective = BPR(),
    l2: float = 0.001,
    initial_scale: float = 0.01,
    optimizer: Callable[[float], Callable] = adagrad,
    learning_rate: float = 0.05,
    batch_size: int = 512,
    epochs: int = 40,
) -> Recipe:
    """`MatrixFactorization` under BPR; by `objective` with other negatives."""
    network = _network_of(
        MatrixFactorization, dim=dim, objective=objective, l2=l2, initial_scale=initial_scale
    )
    return Recipe(
        network=network, optimizer=optimizer(learning_rate), batch_size=batch_size, epochs=epochs
    )


def softmax_mf(
    *,
    dim: int = 128,
    objective: Objective = SampledSoftmax(InBatch(), temperature=0.2, cosine=True),
    optimizer: Callable[[float], Callable] = lazy_adam,
    learning_rate: float = 0.001,
    batch_size: int = 1024,
    epochs: int = 60,
    **settings,
) -> Recipe:
    """`MatrixFactorization` under a softmax of cosines over shared candidates.

    Args:
        **settings: of `mf_bpr`; here `l2` is 0 where it is left out.
    """
    given = {"batch_size": batch_size, "epochs": epochs, "optimizer": optimizer, "l2": 0.0}
    return mf_bpr(dim=dim, objective=objective, learning_rate=learning_rate, **(given | settings))


def apr(
    first: Recipe | None = None,
    *,
    perturbation: Perturbation = fgsm(0.25, relative=False),
    weight: float = 1.0,
    learning_rate: float = 0.01,
    epochs: int = 20,
) -> Recipe:
    """Adversarial personalized ranking (He et al. 2018): `first` (by default `mf_bpr()`), then
    epochs against the worst case of the looked-up vectors."""
    first = mf_bpr() if first is None else first

    def wrap(model):
        return AdversarialTraining(model, perturbation, weight=weight, fraction=1.0)

    return dataclasses.replace(
        first, first=first, wrap=wrap, optimizer=adagrad(learning_rate), epochs=epochs
    )


def light_gcn(
    *,
    dim: int = 64,
    num_layers: int = 2,
    objective: Objective = SampledSoftmax(InBatch(), temperature=0.15, cosine=True),
    l2: float = 0.0,
    contrast: Contrast | None = None,
    learning_rate: float = 0.003,
    batch_size: int = 2048,
    epochs: int = 30,
) -> Recipe:
    """`LightGCN`; with `contrast` SimGCL and its adversarial form."""
    settings = {"objective": objective, "l2": l2, "contrast": contrast}
    network = _network_of(LightGCN, dim=dim, num_layers=num_layers, **settings)
    return _by_adam(network, learning_rate, batch_size, epochs, 8)


def autoencoder(
    *,
    dim: int = 128,
    drop: float = 0.5,
    learning_rate: float = 2e-3,
    batch_size: int = 128,
    epochs: int = 60,
    steps_per_execution: int = 8,
) -> Recipe:
    """`ProfileAutoencoder`; `perturbed_items` gives it an adversary."""
    return _by_adam(
        _network_of(ProfileAutoencoder, dim=dim, drop=drop),
        learning_rate,
        batch_size,
        epochs,
        steps_per_execution,
    )


def mult_vae(
    *,
    dim: int = 200,
    hidden: tuple[int, ...] = (200,),
    decoder_hidden: tuple[int, ...] | None = (),
    drop: float = 0.2,
    weight_power: float = 0.5,
    objective: EvidenceBound = EvidenceBound(kl_weight=0.05, candidates_only=True),
    learning_rate: float = 1e-3,
    batch_size: int = 100,
    epochs: int = 120,
) -> Recipe:
    """`VariationalAutoencoder`; `perturbed_items` gives it an adversary."""
    network = _network_of(
        VariationalAutoencoder,
        dim=dim,
        hidden=hidden,
        decoder_hidden=decoder_hidden,
        drop=drop,
        weight_power=weight_power,
        objective=objective,
    )
    return _by_adam(network, learning_rate, batch_size, epochs, 16)


def two_tower(
    *,
    embedding_dim: int = 64,
    use_features: bool = False,
    temperature: float = 0.12,
    learning_rate: float = 5e-3,
    batch_size: int = 1024,
    epochs: int = 8,
    jit_compile: bool = True,
    steps_per_execution: int = 1,
) -> Recipe:
    """`TwoTower` over ids and, with `use_features`, side tables. XLA doubles the speed of a step,
    but draws normal noise many times slower on a CPU."""
    settings = {"use_features": use_features, "temperature": temperature}
    return Recipe(
        network=_network_of(retrieval.two_tower, embedding_dim=embedding_dim, **settings),
        optimizer=lazy_adam(learning_rate),
        batch_size=batch_size,
        epochs=epochs,
        compiling={"jit_compile": jit_compile, "steps_per_execution": steps_per_execution},
    )


NEXT_ITEM = {
    "sasrec": published.sasrec,
    "bert4rec": published.bert4rec,
    "gru4rec": published.gru4rec,
    "bsarec": published.bsarec,
    "fmlp": published.fmlp,
    "hstu": published.hstu,
}
"""The next-item models by name; see `models.sequential.published`."""


def next_item(
    model: str = "sasrec",
    *,
    size: EncoderSize = EncoderSize(dropout=0.3),
    objective: SequenceObjective = FullSoftmax(),
    warm_start: bool = False,
    learning_rate: float = 1e-3,
    batch_size: int = 128,
    epochs: int = 200,
    **settings,
) -> Recipe:
    """A sequence model of `NEXT_ITEM`; `settings` are those that it alone has.

    Args:
        warm_start: start from `transition_vectors` and not from random vectors of items. That is
            better after few epochs, and where it was measured worse in the end
            (`experiments.next_item` has a row for it).

    Raises:
        ValueError: if there is no model of that name.
    """
    if model not in NEXT_ITEM:
        raise ValueError(f"`model` should be one of {', '.join(NEXT_ITEM)}. Received: {model!r}.")

    def network(interactions: Interactions, seed: int) -> keras.Model:
        start = transition_vectors(interactions, size.dim, seed=seed) if warm_start else None
        return NEXT_ITEM[model](
            interactions, size=size, objective=objective, item_vectors=start, seed=seed, **settings
        )

    return Recipe(
        network=network,
        optimizer=lazy_adam(learning_rate),
        batch_size=batch_size,
        epochs=epochs,
    )


def perturbed_items(perturbation: Perturbation) -> Wrap:
    """For autoencoders over profiles: the worst case of the item vectors of the softmax."""

    def wrap(model):
        return AdversarialTraining(model, perturbation, layers=[model.item_layer], fraction=1.0)

    return wrap


def popularity() -> ClosedFormRecipe:
    """`Popularity`."""
    return ClosedFormRecipe(network=lambda seed: Popularity())


def ease(*, l2: float = 200.0) -> ClosedFormRecipe:
    """`EASE`."""
    return ClosedFormRecipe(network=lambda seed: EASE(l2))


def random_walk(**exponents: float) -> ClosedFormRecipe:
    """`RandomWalk`, by its exponents."""
    return ClosedFormRecipe(network=lambda seed: RandomWalk(**exponents))


def wrmf(**settings) -> ClosedFormRecipe:
    """`ImplicitFactorization`, by its settings."""
    return ClosedFormRecipe(network=lambda seed: ImplicitFactorization(seed=seed, **settings))


def biased_mf(**settings) -> ClosedFormRecipe:
    """`BiasedFactorization`, by its settings."""
    return ClosedFormRecipe(network=lambda seed: BiasedFactorization(seed=seed, **settings))
