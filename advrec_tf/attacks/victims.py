"""Recommenders as victims: trained again, in one way, on whatever data an attack left.

A victim is a frozen record of a model and of how it is trained; `train` is the same call for
all, from closed forms to two towers, so that a cell of a benchmark is victim x attack x defence
without a special case. Settings are those that validation chose on MovieLens 100K where it was
asked, or those of the published attack benchmark. Nothing here knows of targets or fakes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from advrec_tf._keras import keras
from advrec_tf.data import batches
from advrec_tf.data.interactions import Interactions
from advrec_tf.models.autoencoder import ProfileAutoencoder
from advrec_tf.models.base import Recommender
from advrec_tf.models.baselines import EASE, Popularity
from advrec_tf.models.factorization.implicit_factorization import ImplicitFactorization
from advrec_tf.models.factorization.matrix_factorization import MatrixFactorization
from advrec_tf.models.factorization.rating_factorization import BiasedFactorization
from advrec_tf.models.retrieval import build_two_tower
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.fitting import fit_ranked
from advrec_tf.training.optimizers import LazyAdam

Wrap = Callable[[keras.Model], keras.Model]
TRAITS = ("ratings", "gradient", "als")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """One training of a victim.

    Attributes:
        data: the rows, poisoned or not.
        seed: of weights, batches and noise.
        start: a model of the same kind, trained on the first users of `data`, to go on from.
        weight: [rows] in [0, 1], how much a row counts; None counts all alike.
        wrap: what a defence makes of a compiled-to-be model, see `AdversarialTraining`.
        trim: share of an item's rows left out, see `BiasedFactorization`.
    """

    data: Interactions
    seed: int
    start: Recommender | None = None
    weight: np.ndarray | None = None
    wrap: Wrap | None = None
    trim: float = 0.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class Victim:
    """A recommender that is trained after an injection.

    Attributes:
        name: in `VICTIMS`.
        fit: how it is trained.
        traits: of `TRAITS`: it predicts ratings and needs them; it is trained by gradients and
            can be wrapped; it is solved by least squares, with weights and trimming.
        warm: whether the usual scenario goes on from the model of the clean data.
    """

    name: str
    fit: Callable[[Training], Recommender]
    traits: frozenset[str] = frozenset()
    warm: bool = False

    def train(
        self,
        data: Interactions,
        *,
        seed: int,
        start: Recommender | None = None,
        weight: np.ndarray | None = None,
        wrap: Wrap | None = None,
        trim: float = 0.0,
    ) -> Recommender:
        """The trained model; its users and items are those of `data`.

        Raises:
            ValueError: if a weight is no share, `wrap` or `trim` is given to a victim that has
                no use for it, or the data lacks the ratings it needs.
        """
        if weight is not None:
            weight = np.asarray(weight, np.float32)
            if weight.shape != (len(data),) or not ((weight >= 0) & (weight <= 1)).all():
                raise ValueError(
                    f"`weight` should hold {len(data)} shares of 1. Received: {weight.shape}, "
                    f"{weight.min(initial=0)}..{weight.max(initial=0)}."
                )
        if wrap is not None and "gradient" not in self.traits:
            raise ValueError(f"`wrap` should be None: {self.name} is not trained by gradients.")
        if trim and self.traits != frozenset(("ratings", "als")):
            raise ValueError(f"`trim` should be 0 for {self.name}. Received: {trim!r}.")
        if "ratings" in self.traits and data.rating is None:
            raise ValueError(f"`data` should have ratings for {self.name}. Received none.")
        return self.fit(
            Training(data=data, seed=seed, start=start, weight=weight, wrap=wrap, trim=trim)
        )


def thinned(data: Interactions, weight: np.ndarray | None, seed: int) -> Interactions:
    """Each row with the probability of its weight: row weights for models that have none.

    Vocabularies stay whole. Without weights the data itself.
    """
    if weight is None:
        return data
    return data.select(np.random.default_rng(seed).random(len(data)) < weight)


def take_over(model: keras.Model, start: keras.Model) -> None:
    """Give `model` the weights of `start`, a model of the same kind on fewer users.

    A weight whose first axis is longer here keeps its own last rows.

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


def _biased_mf(training: Training) -> Recommender:
    model = BiasedFactorization(seed=training.seed, trim=training.trim)
    return model.fit(training.data, weight=training.weight, start=training.start)


def _wrmf(training: Training) -> Recommender:
    model = ImplicitFactorization(seed=training.seed)
    return model.fit(training.data, weight=training.weight, start=training.start)


def _ease(training: Training) -> Recommender:
    return EASE(200.0).fit(thinned(training.data, training.weight, training.seed))


def _popularity(training: Training) -> Recommender:
    return Popularity().fit(thinned(training.data, training.weight, training.seed))


def _fitted(training: Training, model: keras.Model, optimizer, data, epochs: int, **compiling):
    """`model` trained, inside its defence's wrapper where there is one."""
    if training.start is not None:
        take_over(model, training.start)
    trained = model if training.wrap is None else training.wrap(model)
    trained.compile(optimizer=optimizer, **compiling)
    fit_ranked(trained, data, epochs=epochs)
    return model


def _adagrad(rate: float) -> keras.optimizers.Optimizer:
    # The accumulator starts near zero: the loss is a mean, its gradients are small.
    return keras.optimizers.Adagrad(rate, initial_accumulator_value=1e-8)


def _mf_bpr(training: Training) -> Recommender:
    keras.utils.set_random_seed(training.seed)
    data = thinned(training.data, training.weight, training.seed)
    model = MatrixFactorization(data, dim=64, l2=0.001, initial_scale=0.01, seed=training.seed)
    rows = batches.in_blocks(batches.of_pairs(data, batch_size=512, seed=training.seed))
    return _fitted(training, model, _adagrad(0.05), rows, 40)


def _apr(training: Training) -> Recommender:
    """MF-BPR, then as many epochs again against perturbed rows (He et al. 2018)."""
    model = _mf_bpr(dataclasses.replace(training, wrap=None))
    rows = batches.of_pairs(model.interactions, batch_size=512, seed=training.seed)
    inner = model if training.wrap is None else training.wrap(model)
    if isinstance(inner, AdversarialTraining):
        raise ValueError("`wrap` should not add an adversary to apr, which has one.")
    adversarial = AdversarialTraining(inner, fgsm(0.25), fraction=1.0)
    adversarial.compile(optimizer=_adagrad(0.01))
    fit_ranked(adversarial, batches.in_blocks(rows), epochs=20)
    return model


def _two_tower(training: Training) -> Recommender:
    keras.utils.set_random_seed(training.seed)
    data = thinned(training.data, training.weight, training.seed)
    model = build_two_tower(data, embedding_dim=64, seed=training.seed)
    rows = batches.of_pairs(data, batch_size=1024, seed=training.seed)
    return _fitted(training, model, LazyAdam(5e-3), rows, 8, jit_compile=True)


def _autoencoder(training: Training) -> Recommender:
    keras.utils.set_random_seed(training.seed)
    data = thinned(training.data, training.weight, training.seed)
    model = ProfileAutoencoder(data, dim=128, drop=0.5, seed=training.seed)
    users = np.flatnonzero(data.by_user().counts >= 3)
    rows = batches.of_users(users, batch_size=128, seed=training.seed)
    return _fitted(training, model, keras.optimizers.Adam(2e-3), rows, 60, steps_per_execution=8)


VICTIMS: Mapping[str, Victim] = {
    victim.name: victim
    for victim in (
        Victim(name="biased_mf", fit=_biased_mf, traits=frozenset(("ratings", "als")), warm=True),
        Victim(name="wrmf", fit=_wrmf, traits=frozenset(("als",))),
        Victim(name="popularity", fit=_popularity),
        Victim(name="ease", fit=_ease),
        Victim(name="mf_bpr", fit=_mf_bpr, traits=frozenset(("gradient",))),
        Victim(name="apr", fit=_apr, traits=frozenset(("gradient",))),
        Victim(name="two_tower", fit=_two_tower, traits=frozenset(("gradient",))),
        Victim(name="autoencoder", fit=_autoencoder, traits=frozenset(("gradient",))),
    )
}
"""Name -> victim: rating factorization as attacks are published on, and what the suite trains."""
