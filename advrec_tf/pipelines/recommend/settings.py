"""The settings of the main job: one frozen record, checked when built, stored as JSON."""

from __future__ import annotations

import dataclasses

SPLITS = ("last_item", "random_ratio", "global_time")
GAN_LOSSES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")
"""Names repeated here so that a mistake is told before TensorFlow loads; tests compare them."""


def _rules():
    """(field, what it should be, does it hold): written so that NaN never passes."""
    positive = "learning_rate temperature ease_l2 epsilon autoencoder_epsilon code_learning_rate"
    positive += " gan_d_learning_rate gan_g_learning_rate"
    at_least_one = "seeds embedding_dim batch_size epochs patience autoencoder_dim code_batch_size"
    at_least_one += (
        " autoencoder_epochs code_patience gan_epochs gan_patience generated_min_history"
    )
    at_least_one += " ranking_epochs ranking_patience"
    at_least_zero = "k_core adversarial_weight gan_weight generated_weight few ranking_l2"
    shares = "adversarial_fraction generated_fraction cold_fraction"
    infinity = float("inf")
    yield from ((name, "> 0", lambda v: 0 < v < infinity) for name in positive.split())
    yield from ((name, ">= 1", lambda v: v >= 1) for name in at_least_one.split())
    yield from ((name, ">= 0", lambda v: 0 <= v < infinity) for name in at_least_zero.split())
    yield from ((name, "in (0, 1]", lambda v: 0 < v <= 1) for name in shares.split())
    yield "code_drop", "in (0, 1)", lambda v: 0 < v < 1
    yield "minimum_rating", "a number", lambda v: -infinity < v < infinity
    yield "seed", "in 0..2147483647", lambda v: 0 <= v < 2**31
    yield "split", f"one of {', '.join(SPLITS)}", lambda v: v in SPLITS
    yield "gan_loss", f"one of {', '.join(GAN_LOSSES)}", lambda v: v in GAN_LOSSES


_RULES = tuple(_rules())


@dataclasses.dataclass(frozen=True, kw_only=True)
class RecommenderSettings:
    """Everything that decides the result of `job.run`, apart from the data.

    Tuples are searched on validation; a tuple of one value is a fixed setting.

    Attributes:
        split: how test rows are chosen: each user's last item, a share at random, or the latest.
        minimum_rating: rows rated lower are left out.
        k_core: users and items with fewer rows are left out, until all have as many.
        seed: the first.
        seeds: runs of every model, with the seeds that follow.
        use_features: give the towers the features of users and items beside their ids.
        embedding_dim: of the two towers.
        batch_size: rows of a step of the towers; the others of a batch are their negatives.
        learning_rate: of the towers.
        temperature: of their softmax.
        epochs: of the towers, at most.
        patience: epochs without a better one until their training stops.
        ease_l2: ridge of EASE.
        epsilon: radius of the towers' adversary, as a share of each embedding's norm.
        adversarial_weight: of its loss.
        adversarial_fraction: of a batch that is perturbed.
        autoencoder_dim: of the profile autoencoder.
        code_drop: share of a profile hidden from it in training.
        autoencoder_epsilon: radius of its adversary, on item vectors, as a share of their norm.
        code_batch_size, code_learning_rate: of its training.
        autoencoder_epochs, code_patience: epochs and patience of the autoencoder.
        gan_loss: of the profile GAN.
        gan_weight: of the game in its generator's loss; its ablation has 0.
        gan_epochs, gan_patience: epochs and patience of the GAN.
        gan_d_learning_rate, gan_g_learning_rate: of discriminator and generator.
        generated_min_history: users with fewer rows are given generated ones, up to so many.
        generated_weight: of a generated row beside a real one.
        generated_fraction: of generated rows in a batch.
        prior_max_history: users with as many rows or fewer are served with a popularity prior,
        where that pays.
        cold_fraction: of the users whose rows are cut to 1, 3 or 5 for the cold-start comparison.
        ranking_epochs, ranking_patience: epochs and patience of the ranking tower.
        ranking_l2: penalty on its vectors.
    """

    split: str = "last_item"
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
    code_drop: float = 0.2
    autoencoder_epsilon: tuple[float, ...] = (0.1, 0.3)
    code_batch_size: int = 100
    code_learning_rate: float = 1e-3
    autoencoder_epochs: int = 150
    code_patience: int = 8

    gan_loss: str = "non_saturating"
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
        for name, wanted, holds in _RULES:
            value = getattr(self, name)
            if value is None:
                continue
            values = value if isinstance(value, tuple) else (value,)
            if not values or not all(holds(v) for v in values):
                raise ValueError(f"`{name}` should be {wanted}. Received: {value!r}.")

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)
