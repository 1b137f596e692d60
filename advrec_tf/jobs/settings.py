"""The settings of the main job: one frozen record, checked when built, stored as JSON."""

from __future__ import annotations

import dataclasses

SPLITS = ("last_item", "random_ratio", "global_time")
GAN_LOSSES = ("minimax", "non_saturating", "least_squares", "hinge", "wasserstein")
"""Names repeated here so that a mistake is told before TensorFlow loads; tests compare them."""


def _rules():
    """(field, what it should be, does it hold): written so that NaN never passes."""
    positive = "learning_rate temperature ease_l2 epsilon code_epsilon code_learning_rate"
    positive += " gan_d_learning_rate gan_g_learning_rate"
    at_least_one = "seeds embedding_dim batch_size epochs patience code_dim code_batch_size"
    at_least_one += " code_epochs code_patience gan_epochs gan_patience generated_reach"
    at_least_one += " ranking_epochs ranking_patience"
    at_least_zero = "k_core adversarial_weight gan_weight generated_weight few ranking_l2"
    shares = "adversarial_share generated_share cold_share"
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
    """Everything that decides the result of `jobs.recommender.run`, apart from the data.

    Tuples are searched on validation; a tuple of one value is a fixed setting.
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
    adversarial_share: float = 0.2

    code_dim: int = 200
    code_drop: float = 0.2
    code_epsilon: tuple[float, ...] = (0.1, 0.3)
    code_batch_size: int = 100
    code_learning_rate: float = 1e-3
    code_epochs: int = 150
    code_patience: int = 8

    gan_loss: str = "non_saturating"
    gan_weight: float = 0.03
    gan_epochs: int = 60
    gan_patience: int = 6
    gan_d_learning_rate: float = 2e-4
    gan_g_learning_rate: float = 2e-3
    generated_reach: int = 20
    generated_weight: float = 0.3
    generated_share: float = 0.125

    few: int = 10
    cold_share: float = 0.2

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
