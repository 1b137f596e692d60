"""How each model of the package is trained: one recipe a model, for all who train it.

A `Recipe` says how a model is built, in batches of which size, with which optimizer and for how
many epochs; a `ClosedFormRecipe` how one is built that is solved without steps. Functions give the
recipe of a model with its settings as arguments. Their defaults are what validation chose on
MovieLens 100K where it was asked, or the settings of the published attack benchmark. Attacks,
commands and studies name recipes, so that a model is the same model wherever it is met.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from advrec_tf._keras import keras
from advrec_tf.data.interactions import Interactions
from advrec_tf.models import retrieval
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.baselines import EASE, ItemKNN, Popularity, RandomWalk
from advrec_tf.models.compositional import IdTable
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
from advrec_tf.training.optimizers import LazyAdam
from advrec_tf.training.recipe import ClosedFormRecipe, Recipe, Wrap


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
    use_context: bool = False,
    temperature: float = 0.12,
    id_table: IdTable | None = None,
    learning_rate: float = 5e-3,
    batch_size: int = 1024,
    epochs: int = 8,
    jit_compile: bool = True,
    steps_per_execution: int = 1,
) -> Recipe:
    """`TwoTower` over ids and, with `use_features`, side tables, with `use_context` the context.

    XLA doubles the speed of a step, but draws normal noise many times slower on a CPU.
    """
    settings = {
        "use_features": use_features,
        "use_context": use_context,
        "temperature": temperature,
        "id_table": id_table,
    }
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
    optimizer: Callable[[float], Callable] = lazy_adam,
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
        optimizer: learning rate -> () -> the optimizer. Under sampled candidates `lazy_adam`
            moves the rows of a batch alone, at a cost that does not grow with the catalogue;
            `adam` moves all of them by their momentum, which takes no longer a step at 12,000
            items and an eighth longer at 54,000, of histories of 50 items
            (`experiments.speed.next_item_steps`). It ranked better on 12,000 items, in one
            training, and `FullSoftmax` better still (`experiments.next_item` has rows for them),
            so that it is no default. Under `FullSoftmax` both are the same.

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
        optimizer=optimizer(learning_rate),
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


def item_knn() -> ClosedFormRecipe:
    """`ItemKNN`."""
    return ClosedFormRecipe(network=lambda seed: ItemKNN())


def wrmf(**settings) -> ClosedFormRecipe:
    """`ImplicitFactorization`, by its settings."""
    return ClosedFormRecipe(network=lambda seed: ImplicitFactorization(seed=seed, **settings))


def biased_mf(**settings) -> ClosedFormRecipe:
    """`BiasedFactorization`, by its settings."""
    return ClosedFormRecipe(network=lambda seed: BiasedFactorization(seed=seed, **settings))
