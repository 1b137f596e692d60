"""The settings of the recommendation pipeline: one frozen record, checked when built."""

from __future__ import annotations

import dataclasses
from typing import Literal, get_args

SplitName = Literal["last_item", "last_day", "random_ratio", "global_time"]
SPLITS = get_args(SplitName)
TieName = Literal["hash", "file", "id"]
TIES = get_args(TieName)
NEXT_ITEM = ("sasrec", "bert4rec", "gru4rec", "bsarec", "fmlp", "hstu")
"""The models that read the items of a history in order."""
GanLoss = Literal["minimax", "non_saturating", "least_squares", "hinge", "wasserstein"]
GAN_LOSSES = get_args(GanLoss)
"""Names repeated here so that a mistake is told before TensorFlow loads; tests compare them."""


def _rules():
    """(field, what it should be, does it hold): stated so that NaN never passes."""
    positive = """learning_rate temperature ease_l2 epsilon autoencoder_epsilon
        autoencoder_learning_rate gan_d_learning_rate gan_g_learning_rate next_item_epsilon"""
    at_least_one = """seeds embedding_dim epochs patience autoencoder_dim
        autoencoder_batch_size autoencoder_epochs autoencoder_patience
        gan_batch_size gan_epochs gan_patience
        generated_min_history ranking_epochs ranking_patience
        next_item_epochs next_item_patience"""
    at_least_zero = """k_core adversarial_weight gan_weight generated_weight prior_max_history
        ranking_l2"""
    fractions = "adversarial_fraction generated_fraction cold_fraction"
    infinity = float("inf")
    yield from ((name, "> 0", lambda v: 0 < v < infinity) for name in positive.split())
    yield from ((name, ">= 1", lambda v: v >= 1) for name in at_least_one.split())
    yield from ((name, ">= 0", lambda v: 0 <= v < infinity) for name in at_least_zero.split())
    yield from ((name, "in (0, 1]", lambda v: 0 < v <= 1) for name in fractions.split())
    yield "batch_size", ">= 2, since negatives are the rest of the batch", lambda v: v >= 2
    yield "autoencoder_drop", "in (0, 1)", lambda v: 0 < v < 1
    yield "minimum_rating", "a number", lambda v: -infinity < v < infinity
    yield "seed", "in 0..2147483647", lambda v: 0 <= v < 2**31
    yield "split", f"one of {', '.join(SPLITS)}", lambda v: v in SPLITS
    yield "ties", f"one of {', '.join(TIES)}", lambda v: v in TIES
    known = ("none", *NEXT_ITEM)
    yield "next_item", f"one of {', '.join(known)}", lambda v: v in known
    yield "gan_loss", f"one of {', '.join(GAN_LOSSES)}", lambda v: v in GAN_LOSSES


_RULES = tuple(_rules())


def check_settings(settings) -> None:
    """Refuse a record of settings, of which fields by these names are known.

    Raises:
        ValueError: naming the first field that is out of range; of a tuple each value counts.
    """
    for name, wanted, holds in _RULES:
        value = getattr(settings, name, None)
        if value is None:
            continue
        values = value if isinstance(value, tuple) else (value,)
        if not values or not all(holds(v) for v in values):
            raise ValueError(f"`{name}` should be {wanted}. Received: {value!r}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecommenderSettings:
    """Everything that decides the result of `job.run`, apart from the data.

    Tuples are searched on validation; a tuple of one value is a fixed setting.

    Attributes:
        split: How the test interactions are chosen: the last item of each user (last_item), all
            items of each user's last day (last_day), a random part (random_ratio), or the latest of
            all (global_time).
        ties: What orders interactions of a user with equal times: a hash of the ids (hash), their
            order in the file (file), or the ids of the items (id).
        minimum_rating: Interactions rated lower than this are left out.
        k_core: Users and items with fewer interactions are left out, until all have as many.
        seed: The seed of the first run.
        seeds: How often every model is trained, each time with the next seed.
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
        prior_max_history: Users with at most this many interactions are served with a popularity
            prior, where validation finds that it helps.
        cold_fraction: The fraction of users whose interactions are cut to 1, 3 or 5 for the
            comparison on short histories.
        ranking_epochs: The largest number of epochs of the ranking tower.
        ranking_patience: Epochs without a better validation before the ranking tower stops.
        ranking_l2: The weight of the squared norm of the ranking tower's vectors.
    """

    split: SplitName = "last_item"
    ties: TieName = "hash"
    minimum_rating: float | None = None
    k_core: int = 0
    seed: int = 0
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
    cold_fraction: float = 0.2

    ranking_epochs: int = 15
    ranking_patience: int = 2
    ranking_l2: float = 1e-4

    def __post_init__(self):
        check_settings(self)

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)
