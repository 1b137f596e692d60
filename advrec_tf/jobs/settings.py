"""The settings of the main job: one frozen record, checked when built, stored as JSON."""

from __future__ import annotations

import dataclasses


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
        for name in ("temperature", "ease_l2", "epsilon", "code_epsilon"):
            values = getattr(self, name)
            if not values or min(values) <= 0:
                raise ValueError(f"`{name}` should hold values > 0. Received: {values!r}.")
        for name in (
            "seeds",
            "embedding_dim",
            "batch_size",
            "epochs",
            "patience",
            "code_dim",
            "code_batch_size",
            "code_epochs",
            "code_patience",
            "gan_epochs",
            "gan_patience",
            "generated_reach",
            "ranking_epochs",
            "ranking_patience",
        ):
            if getattr(self, name) < 1:
                raise ValueError(f"`{name}` should be >= 1. Received: {getattr(self, name)!r}.")
        for name in ("adversarial_share", "generated_share", "cold_share"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(
                    f"`{name}` should lie in (0, 1]. Received: {getattr(self, name)!r}."
                )

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)
