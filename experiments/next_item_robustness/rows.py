"""The rows of the study: how a network is trained, and what stands between it and the user."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.windows import last_windows
from advrec_tf.models.item_similarity import co_occurring_items
from advrec_tf.perturbations import fgsm, pgd
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.gradient_substitutions import GradientSubstitutions
from advrec_tf.training.neighbor_mixtures import NeighborMixtures
from advrec_tf.training.prefixes import virtual_adversarial_prefixes
from advrec_tf.training.random_substitutions import RandomSubstitutions
from advrec_tf.training.recipe import Wrap

PLAIN = "SASRec"
SUBSTITUTED = f"{PLAIN}, items substituted at random"
SEARCHED = f"{PLAIN}, items substituted by gradient"
NOISE = f"{PLAIN}, noise on items and places"
ATTACKED = f"{PLAIN}, FGSM on items and places"
PGD = f"{PLAIN}, PGD on items and places"
VIRTUAL = f"{PLAIN}, virtual adversary of prefixes"
MIXED = f"{PLAIN}, mixtures of neighbors"
SMOOTHED = f"{PLAIN}, smoothed over deletions"
MEDIAN = f"{PLAIN}, median over deletions"
BLENDED = f"{PLAIN}, blended with transitions"
BLENDED_SUBSTITUTED = f"{SUBSTITUTED}, blended with transitions"
BLENDED_HARDER = f"{PLAIN}, more items substituted at random, blended with transitions"
BLENDED_COVISITS = f"{SUBSTITUTED}, blended with co-visits"
PURIFIED = f"{PLAIN}, purified"
CLEANED = f"{PLAIN}, without the most surprising items"
POPULARITY, TRANSITIONS = "popularity", "transitions"
COVISITS = "co-visits of the whole history"

LABELS = (
    *(PLAIN, SUBSTITUTED, SEARCHED, MIXED, ATTACKED, PGD, VIRTUAL, NOISE),
    *(SMOOTHED, MEDIAN, BLENDED, BLENDED_SUBSTITUTED, BLENDED_HARDER, BLENDED_COVISITS),
    *(PURIFIED, CLEANED),
    *(TRANSITIONS, COVISITS, POPULARITY),
)
"""In the order of the table."""

POISONED = (PLAIN, MIXED, TRANSITIONS)
"""What can be trained on fake users: rows whose training has no setting."""

PRICE = 0.02
"""Of the plain network's NDCG on validation, what a setting may cost at most."""

STRENGTHS: Mapping[str, tuple[float, ...]] = {
    SUBSTITUTED: (0.1, 0.2, 0.4),
    SEARCHED: (0.1,),
    ATTACKED: (0.05, 0.1, 0.2, 0.4),
    PGD: (0.05, 0.1, 0.2, 0.4),
    VIRTUAL: (0.1, 0.2, 0.4),
    SMOOTHED: (0.02, 0.05, 0.1, 0.2, 0.3),
    MEDIAN: (0.02, 0.05, 0.1, 0.2, 0.3),
    BLENDED: (0.02, 0.05, 0.1, 0.25, 0.5),
    BLENDED_SUBSTITUTED: (0.02, 0.05, 0.1, 0.25, 0.5),
    BLENDED_HARDER: (0.2, 0.4, 0.6),
    BLENDED_COVISITS: (0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0),
    CLEANED: (1, 2, 5),
}
"""What is tried, the weakest first; see `tuning`."""

MEANING: Mapping[str, str] = {
    SUBSTITUTED: "part of the items substituted in training",
    SEARCHED: "part of the items of every fifth history substituted in training",
    ATTACKED: "radius, as a part of each vector's length",
    PGD: "radius, as a part of each vector's length",
    VIRTUAL: "radius, as a part of each vector's length",
    SMOOTHED: "part of the items left out of each of the histories that the mean is over",
    MEDIAN: "part of the items left out of each of the histories that the median is over",
    BLENDED: "weight of the counts beside the network",
    BLENDED_SUBSTITUTED: "weight of the counts beside the network",
    BLENDED_HARDER: "part of the items substituted in training; counts weigh as in the row above",
    BLENDED_COVISITS: "weight of the counts beside the network",
    CLEANED: "items left out of every history",
}

FOLLOWS: Mapping[str, str] = {NOISE: ATTACKED}
"""Label -> whose setting it has, the control of that row."""

NEIGHBORS = 10
"""Of the mixtures, beside the item itself with the weight of one of them; not tuned."""

_LAYERS = ["item_rows", "positions"]


def training_of(label: str, train: Interactions) -> Callable[[float], Wrap] | None:
    """Strength -> what is trained in the place of the network; None where the row trains none.

    The plain network and the mixtures have no strength, and are trained from the start.
    """

    def perturbed(budget, **settings):
        def of(radius: float) -> Wrap:
            perturbation = budget(radius, relative=True, **settings)
            return lambda network: AdversarialTraining(
                network, perturbation, layers=_LAYERS, fraction=1.0
            )

        return of

    def smooth(radius: float) -> Wrap:
        def wrap(network):
            prefixes = last_windows(train, network.length)
            budget = fgsm(radius, relative=True)
            return virtual_adversarial_prefixes(network, budget, prefixes, layers=_LAYERS)

        return wrap

    def substituted(kind):
        def of(rate: float) -> Wrap:
            return lambda network: kind(
                network, layer="item_rows", num_items=train.num_items, rate=rate
            )

        return of

    def mixed(_):
        neighbors = co_occurring_items(train, NEIGHBORS)
        return lambda network: NeighborMixtures(network, neighbors, layer="item_rows", own=1)

    return {
        PLAIN: lambda _: None,
        SUBSTITUTED: substituted(RandomSubstitutions),
        SEARCHED: substituted(GradientSubstitutions),
        MIXED: mixed,
        ATTACKED: perturbed(fgsm),
        PGD: perturbed(pgd, steps=3),
        VIRTUAL: smooth,
        NOISE: perturbed(fgsm, direction="random"),
    }.get(label)


def require_known(labels: Sequence[str], known: Sequence[str] = LABELS) -> None:
    """Refuse what is no row, or none of those known.

    Raises:
        ValueError: if a label is unknown.
    """
    for label in labels:
        if label not in known:
            raise ValueError(f"Rows should be among {'; '.join(known)}. Received: {label!r}.")
