"""Recommenders as victims: trained again, in one way, on whatever data an attack left.

A victim is a frozen record of a model and of how it is trained (`training.recipes`); `train` is
the same call for all, from closed forms to two towers, so that a cell of a benchmark is victim x
attack x defence without a special case. Nothing here knows of targets or fakes.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.base import Recommender
from advrec_tf.training import recipes
from advrec_tf.training.recipe import ClosedFormRecipe, Recipe, Wrap

TRAITS = ("ratings", "gradient", "als", "subsets", "counts", "profiles")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Training:
    """One training of a victim.

    Attributes:
        interactions: to train on, poisoned or not.
        seed: of weights, batches and noise.
        start: a model of the same kind, trained on the first users of `interactions`, to go on
            from.
        weight: [interactions] in [0, 1], how much each counts; None counts all alike.
        wrap: what a defence makes of a compiled-to-be model, see `AdversarialTraining`.
        trim: fraction of an item's ratings left out, see `BiasedFactorization`.
    """

    interactions: Interactions
    seed: int
    start: Recommender | None = None
    weight: np.ndarray | None = None
    wrap: Wrap | None = None
    trim: float = 0.0

    def thinned(self) -> Interactions:
        """The interactions as a model without weights sees them, see `thinned`."""
        return thinned(self.interactions, self.weight, self.seed)


Fit = Callable[[Training], Recommender]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Victim:
    """A recommender that is trained after an injection.

    Attributes:
        name: in `VICTIMS`.
        fit: how it is trained.
        traits: of `TRAITS`: it predicts ratings and needs them; it is trained by gradients and
            can be wrapped; it is solved by least squares, with weights and trimming; many of it
            can be trained on a few users each and score everybody; its scores hold the number of
            an item's raters in a known form (`Recommender.count_law`); it takes weights and scores
            users by their own profiles, whatever these weigh.
        warm: whether the usual setting goes on from the model of the clean data.
        lacks: trait -> why this victim does not have it, in a sentence.
    """

    name: str
    fit: Fit
    traits: frozenset[str] = frozenset()
    warm: bool = False
    lacks: Mapping[str, str] = dataclasses.field(default_factory=dict, compare=False)

    def train(
        self,
        interactions: Interactions,
        *,
        seed: int,
        start: Recommender | None = None,
        weight: np.ndarray | None = None,
        wrap: Wrap | None = None,
        trim: float = 0.0,
    ) -> Recommender:
        """The trained model; its users and items are those of `interactions`.

        Raises:
            ValueError: if a weight lies outside [0, 1], `wrap` or `trim` is given to a victim that
                has no use for it, or the interactions lack the ratings it needs.
        """
        if weight is not None:
            weight = np.asarray(weight, np.float32)
            if weight.shape != (len(interactions),) or not ((weight >= 0) & (weight <= 1)).all():
                raise ValueError(
                    f"`weight` should hold {len(interactions)} numbers in [0, 1]. "
                    f"Received: {weight.shape}, {weight.min(initial=0)}..{weight.max(initial=0)}."
                )
        if wrap is not None and "gradient" not in self.traits:
            raise ValueError(f"`wrap` should be None: {self.name} is not trained by gradients.")
        if trim and self.traits != frozenset(("ratings", "als")):
            raise ValueError(f"`trim` should be 0 for {self.name}. Received: {trim!r}.")
        if "ratings" in self.traits and interactions.rating is None:
            raise ValueError(f"`interactions` should have ratings for {self.name}. Received none.")
        return self.fit(
            Training(
                interactions=interactions,
                seed=seed,
                start=start,
                weight=weight,
                wrap=wrap,
                trim=trim,
            )
        )


def thinned(interactions: Interactions, weight: np.ndarray | None, seed: int) -> Interactions:
    """Each interaction with the probability of its weight, for models that know no weights.

    Vocabularies stay whole. Without weights the interactions themselves.
    """
    if weight is None:
        return interactions
    return interactions.select(np.random.default_rng(seed).random(len(interactions)) < weight)


def least_squares(recipe: Callable[..., ClosedFormRecipe]) -> Fit:
    """A model solved by least squares, with weights and a warm start; trimmed where it can be."""

    def fit(training: Training) -> Recommender:
        settings = {"trim": training.trim} if training.trim else {}
        return (
            recipe(**settings)
            .train(
                training.interactions,
                seed=training.seed,
                weight=training.weight,
                start=training.start,
            )
            .model
        )

    return fit


def weighted(recipe: ClosedFormRecipe) -> Fit:
    """A model in closed form that takes the weights as they are."""

    def fit(training: Training) -> Recommender:
        return recipe.train(training.interactions, weight=training.weight).model

    return fit


def closed_form(recipe: ClosedFormRecipe) -> Fit:
    """A model in closed form that knows no weights."""

    def fit(training: Training) -> Recommender:
        return recipe.train(training.thinned(), seed=training.seed).model

    return fit


def by_gradient(recipe: Recipe) -> Fit:
    """A model trained by gradient, inside a defence's wrapper where there is one."""

    def fit(training: Training) -> Recommender:
        return recipe.train(
            training.thinned(), seed=training.seed, start=training.start, wrap=training.wrap
        ).model

    return fit


_GRADIENT = frozenset(("gradient", "counts"))

VICTIMS: Mapping[str, Victim] = {
    victim.name: victim
    for victim in (
        Victim(
            name="biased_mf",
            fit=least_squares(recipes.biased_mf),
            traits=frozenset(("ratings", "als")),
            warm=True,
            lacks={
                "counts": "a predicted rating is near a mean of ratings, which does not grow with "
                "their number"
            },
        ),
        Victim(
            name="wrmf",
            fit=least_squares(recipes.wrmf),
            traits=frozenset(("als",)),
            lacks={
                "counts": "what is regressed on 1 grows slower than the number of raters, the more "
                "of them there are (about as its root on FilmTrust), in no known form"
            },
        ),
        Victim(
            name="popularity",
            fit=closed_form(recipes.popularity()),
            lacks={"counts": "its score is the number of raters, and nothing is left without it"},
        ),
        Victim(
            name="item_knn",
            fit=weighted(recipes.item_knn()),
            traits=frozenset(("counts", "profiles")),
        ),
        Victim(
            name="ease",
            fit=weighted(recipes.ease()),
            traits=frozenset(("subsets", "counts", "profiles")),
        ),
        Victim(name="softmax_mf", fit=by_gradient(recipes.softmax_mf()), traits=_GRADIENT),
        Victim(name="mf_bpr", fit=by_gradient(recipes.mf_bpr()), traits=_GRADIENT),
        Victim(name="apr", fit=by_gradient(recipes.apr()), traits=_GRADIENT),
        Victim(name="two_tower", fit=by_gradient(recipes.two_tower()), traits=_GRADIENT),
        Victim(name="autoencoder", fit=by_gradient(recipes.autoencoder()), traits=_GRADIENT),
    )
}
"""Name -> victim: rating factorization as attacks are published on, and what the suite trains."""
