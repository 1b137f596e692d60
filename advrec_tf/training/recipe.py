"""`Recipe`: how one model is built and trained, in a value of its own.

`recipes` has one for each model of the package; attacks, commands and studies train by them.
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
from advrec_tf.models.base import Recommender
from advrec_tf.ops.servers import is_asynchronous
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.defaults import default_batches
from advrec_tf.training.fitting import FitReport, fit_ranked

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
        and workers read variables of servers in them, so that the step as a whole is not compiled
        by XLA where there are several replicas, or servers."""
        compiling = dict(self.compiling)
        if strategy.num_replicas_in_sync > 1 or is_asynchronous(strategy):
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
        """The batches of the training of a model, or of a wrapper around it."""
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
        made = self.batches(trained, interactions if data is None else data, seed=seed)
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
