"""The settings of the recommendation pipeline: one frozen record, checked when built."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

from advrec_tf.pipelines.settings import (
    SplitSettings,
    at_least,
    described,
    fractions,
    one_of,
    positive,
)

NEXT_ITEM = ("sasrec", "bert4rec", "gru4rec", "bsarec", "fmlp", "hstu")
"""The models that read the items of a history in order."""
GanLoss = Literal["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"]
GAN_LOSSES = get_args(GanLoss)
"""Names repeated here so that a mistake is told before TensorFlow loads; tests compare them."""


@described
@dataclasses.dataclass(frozen=True, kw_only=True)
class RecommenderSettings(SplitSettings):
    """Everything that decides the result of `job.run`, apart from the data.

    Tuples are searched on validation; a tuple of one value is a fixed setting.

    Attributes:
        seeds: How often every model is trained, each time with the next seed, on the same split.
        use_features: Give the towers the features of users and items beside their ids.
        embedding_dim: The dimension of the user and item vectors of the towers.
        batch_size: Interactions in a batch of the towers; the others of a batch are the negatives.
        learning_rate: The learning rate of the towers.
        temperature: The temperature of the softmax of the towers.
        epochs: The largest number of epochs of the towers.
        patience: Epochs without a better validation before the towers stop.
        ease_l2: The weight of the squared norm in EASE.
        epsilon: The radius of the perturbation of the towers, as a fraction of each embedding's
            norm.
        adversarial_weight: The weight of the adversarial loss of the towers.
        adversarial_fraction: The fraction of a batch that is perturbed.
        autoencoder_dim: The dimension of the code of the profile autoencoder.
        autoencoder_drop: The fraction of a profile that is hidden from the autoencoder in training.
        autoencoder_epsilon: The radius of the perturbation of the autoencoder's item vectors, as a
            fraction of their norm.
        autoencoder_batch_size: Users in a batch of the autoencoder and of the GAN.
        autoencoder_learning_rate: The learning rate of the autoencoder.
        autoencoder_epochs: The largest number of epochs of the autoencoder.
        autoencoder_patience: Epochs without a better validation before the autoencoder stops.
        next_item: The next-item model that is trained where there are times, beside noise and the
            perturbation of the item vectors that it reads: none, or a name.
        next_item_epsilon: The radius of that perturbation, as a fraction of each vector's norm.
        next_item_epochs: The largest number of epochs of the next-item model.
        next_item_patience: Evaluations, one in three epochs, without a better validation before the
            next-item model stops.
        gan_loss: The loss of the profile GAN.
        gan_weight: The weight of the adversarial term in the generator's loss; its ablation has 0.
        gan_epochs: The largest number of epochs of the GAN.
        gan_patience: Epochs without a better validation before the GAN stops.
        gan_d_learning_rate: The learning rate of the discriminator.
        gan_g_learning_rate: The learning rate of the generator.
        generated_min_history: Users with fewer interactions are filled up to this number with
            generated ones.
        generated_weight: The weight of a generated interaction; a real one has 1.
        generated_fraction: The largest fraction of generated interactions in a batch.
        prior_max_history: Users with fewer interactions than this are served with a popularity
            prior, where validation finds that it helps.
        new_user_prior: Give lists of new users by their columns (recommend_from_features) the same
            prior. It was chosen for users with few interactions, not for these.
        cold_fraction: The fraction of users whose interactions are cut to 1, 3 or 5 for the
            comparison on short histories.
        ranking_epochs: The largest number of epochs of the ranking tower.
        ranking_patience: Epochs without a better validation before the ranking tower stops.
        ranking_l2: The weight of the squared norm of the ranking tower's vectors.
    """

    seeds: int = 1

    use_features: bool = False
    embedding_dim: int = 128
    batch_size: int = 256
    learning_rate: float = 5e-3
    temperature: tuple[float, ...] = (0.12,)
    epochs: int = 40
    patience: int = 4

    ease_l2: tuple[float, ...] = (30.0, 100.0, 300.0, 1000.0)

    epsilon: tuple[float, ...] = (0.05, 0.1, 0.2)
    adversarial_weight: float = 1.0
    adversarial_fraction: float = 0.2

    autoencoder_dim: int = 200
    autoencoder_drop: float = 0.2
    autoencoder_epsilon: tuple[float, ...] = (0.1, 0.3)
    autoencoder_batch_size: int = 100
    autoencoder_learning_rate: float = 1e-3
    autoencoder_epochs: int = 150
    autoencoder_patience: int = 8

    next_item: Literal["none", "sasrec", "bert4rec", "gru4rec", "bsarec", "fmlp", "hstu"] = "sasrec"
    next_item_epsilon: float = 0.1
    next_item_epochs: int = 100
    next_item_patience: int = 4

    gan_loss: GanLoss = "non_saturating"
    gan_weight: float = 0.03
    gan_epochs: int = 60
    gan_patience: int = 6
    gan_d_learning_rate: float = 2e-4
    gan_g_learning_rate: float = 2e-3
    generated_min_history: int = 20
    generated_weight: float = 0.3
    generated_fraction: float = 0.125

    prior_max_history: int = 10
    new_user_prior: bool = False
    cold_fraction: float = 0.2

    ranking_epochs: int = 15
    ranking_patience: int = 2
    ranking_l2: float = 1e-4

    RULES = (
        *positive("learning_rate temperature ease_l2 epsilon autoencoder_epsilon"),
        *positive("autoencoder_learning_rate gan_d_learning_rate gan_g_learning_rate"),
        *positive("next_item_epsilon"),
        *at_least(1, "seeds embedding_dim epochs patience autoencoder_dim autoencoder_batch_size"),
        *at_least(1, "autoencoder_epochs autoencoder_patience gan_epochs gan_patience"),
        *at_least(1, "generated_min_history ranking_epochs ranking_patience"),
        *at_least(1, "next_item_epochs next_item_patience"),
        *at_least(0, "adversarial_weight gan_weight generated_weight prior_max_history ranking_l2"),
        *fractions("adversarial_fraction generated_fraction cold_fraction"),
        ("batch_size", ">= 2, since negatives are the rest of the batch", lambda v: v >= 2),
        ("autoencoder_drop", "in (0, 1)", lambda v: 0 < v < 1),
        one_of("next_item", ("none", *NEXT_ITEM)),
        one_of("gan_loss", GAN_LOSSES),
    )

    def __post_init__(self):
        super().__post_init__()
        require_columns(self.new_user_prior, "`use_features`", self.use_features)


def require_columns(new_user_prior: bool, options: str, on: bool) -> None:
    """ValueError where lists by columns should have a prior and `options`, of which one should be
    on, make none of them."""
    if new_user_prior and not on:
        raise ValueError(
            f"`new_user_prior` should be off without {options}, by whose columns new users are "
            "told. Received: it is on alone."
        )
