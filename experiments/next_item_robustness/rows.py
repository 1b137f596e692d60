"""The rows of the study: how a network is trained, and what stands between it and the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from advrec_tf.data.interactions import Interactions
from advrec_tf.models.item_similarity import co_occurring_items
from advrec_tf.perturbations import fgsm
from advrec_tf.training.adversarial import AdversarialTraining
from advrec_tf.training.neighbor_mixtures import NeighborMixtures
from advrec_tf.training.random_substitutions import RandomSubstitutions
from advrec_tf.training.recipe import Wrap

PLAIN = "SASRec"
SUBSTITUTED = f"{PLAIN}, items substituted at random"
NOISE = f"{PLAIN}, noise on items and places"
ATTACKED = f"{PLAIN}, FGSM on items and places"
MIXED = f"{PLAIN}, mixtures of neighbors"
SMOOTHED = f"{PLAIN}, smoothed over deletions"
PURIFIED = f"{PLAIN}, purified"
POPULARITY, TRANSITIONS = "popularity", "transitions"

LABELS = (
    *(PLAIN, SUBSTITUTED, MIXED, ATTACKED, NOISE),
    *(SMOOTHED, PURIFIED, TRANSITIONS, POPULARITY),
)
"""In the order of the table."""

RATE, RADIUS, NEIGHBORS = 0.1, 0.5, 10
"""Of the substitutions; of the perturbations, as a part of each vector's length; of the mixtures,
beside the item itself with the weight of one of them. Chosen before the results were seen."""


def trainings(train: Interactions) -> Mapping[str, Wrap | None]:
    """Label -> what is trained in the place of the network."""

    def perturbed(direction: str) -> Wrap:
        return lambda network: AdversarialTraining(
            network,
            fgsm(RADIUS, relative=True, direction=direction),
            layers=["item_rows", "positions"],
            fraction=1.0,
        )

    def mixed(network):
        neighbors = co_occurring_items(train, NEIGHBORS)
        return NeighborMixtures(network, neighbors, layer="item_rows", own=1)

    def substituted(network):
        return RandomSubstitutions(network, layer="item_rows", num_items=train.num_items, rate=RATE)

    return {
        PLAIN: None,
        SUBSTITUTED: substituted,
        MIXED: mixed,
        ATTACKED: perturbed("gradient"),
        NOISE: perturbed("random"),
    }


def require_known(labels: Sequence[str]) -> None:
    """Refuse what is no row.

    Raises:
        ValueError: if a label is unknown.
    """
    for label in labels:
        if label not in LABELS:
            raise ValueError(f"Rows should be among {'; '.join(LABELS)}. Received: {label!r}.")
