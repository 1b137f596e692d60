"""The tables of the study: no augmentation, every control, and the generators, an entry each.

Every entry ends in the same factorization (or, where it says so, in a ranking of its own), so that
entries differ by what was done to the data or to the lists alone.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from advrec_tf.training import recipes
from experiments.augmentation import cold, sparse, tail, training
from experiments.augmentation.settings import AugmentationSettings
from experiments.harness.baselines import closed_form, random_ranking
from experiments.harness.entries import Entry

BASELINES = {"sparse": "no augmentation", "cold": "popularity", "tail": "no augmentation"}
"""What the other entries of a part are compared with; for users without interactions that is
popularity, since the factorization has nothing to say about them."""


def _with_ablation(label: str, train, **more) -> dict[str, Entry]:
    """A generator trained against a discriminator, after its ablation without."""
    ablation = f"{label}, ablation"
    return {
        ablation: Entry(train=train(adversarial=False), **more),
        label: Entry(train=train(adversarial=True), ablation=ablation, **more),
    }


def entries_of(part: str, settings: AugmentationSettings) -> Mapping[str, Entry]:
    """label -> entry of a part, in the order of its table."""
    known = {"needs": ("attributes",)}

    def space(name: str) -> dict:
        return {"space": {name: getattr(settings, name)}}

    def steered(source: str, **more) -> Entry:
        train = tail.steered_interactions(source)
        return Entry(train=train, **space("steered_fraction"), **more)

    plain = {"no augmentation": Entry(train=training.no_augmentation)}
    popularity = {"popularity": Entry(train=closed_form(recipes.popularity))}
    if part == "sparse":
        weight = space("weight")
        return {
            **plain,
            **popularity,
            "EASE": Entry(train=sparse.ease_alone),
            "popularity prior at serving": Entry(train=sparse.serving_prior),
            "embedding noise": Entry(train=sparse.embedding_noise),
            "item dropout": Entry(train=sparse.item_dropout),
            "item substitution": Entry(train=sparse.item_substitution, **weight),
            "profile mixup": Entry(train=sparse.profile_mixup, **weight),
            "random interactions": Entry(train=sparse.random_interactions, **weight),
            "popular interactions": Entry(train=sparse.popular_interactions, **weight),
            "EASE interactions": Entry(train=sparse.ease_interactions, **weight),
            **_with_ablation("GAN interactions", sparse.gan_interactions, **weight),
        }
    if part == "cold":
        return {
            "random": Entry(train=random_ranking(5, dtype=np.float64)),
            **popularity,
            "popularity by attributes": Entry(
                train=cold.group_popularity, **space("strength"), **known
            ),
            "bootstrapped profiles": Entry(train=cold.bootstrapped_profiles, **known),
            **_with_ablation("attribute GAN", cold.gan_ranking, **known),
            "random interactions": Entry(train=cold.random_interactions),
            "popular interactions": Entry(train=cold.popular_interactions),
            "interactions popular by attributes": Entry(
                train=cold.group_popular_interactions, **known
            ),
            "bootstrapped interactions": Entry(train=cold.bootstrapped_interactions, **known),
            **_with_ablation("GAN interactions, top-ranked", cold.top_ranked, **known),
            **_with_ablation("GAN interactions, sampled", cold.sampled, **known),
        }
    return {
        **plain,
        "popularity penalty at serving": Entry(train=tail.penalized, **space("penalty")),
        "inverse-popularity weights": Entry(train=tail.reweighted, **space("row_power")),
        "steered random interactions": steered("random"),
        "steered GAN interactions, ablation": steered("ablation"),
        "steered GAN interactions": steered("gan", ablation="steered GAN interactions, ablation"),
    }
