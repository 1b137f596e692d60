"""The settings of the ranking tower alone: those of the whole comparison that it reads."""

from __future__ import annotations

import dataclasses

from advrec_tf.pipelines.recommend.settings import (
    RecommenderSettings,
    SplitName,
    TieName,
    check_settings,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RankingSettings:
    """Everything that decides the result of `job.run_ranking`, apart from the data.

    Tuples are searched on validation; a tuple of one value is a fixed setting.

    Attributes:
        split: How the test interactions are chosen: the last item of each user (last_item), all
            items of each user's last day (last_day), a random part (random_ratio), or the latest of
            all (global_time).
        ties: What orders interactions of a user with equal times: a hash of the ids (hash), their
            order in the file (file), or the ids of the items (id).
        minimum_rating: Interactions rated lower than this are left out.
        k_core: Users and items with fewer interactions are left out, until all have as many.
        seed: The seed of everything that is drawn.
        ease_l2: The weight of the squared norm in EASE, which stands beside the tower in the
            report.
        ranking_epochs: The largest number of epochs; ratings and the multi-task model have twice as
            many.
        ranking_patience: Epochs without a better validation before training stops.
        ranking_l2: The weight of the squared norm of the ranking tower's vectors.
    """

    split: SplitName = "last_item"
    ties: TieName = "hash"
    minimum_rating: float | None = None
    k_core: int = 0
    seed: int = 0

    ease_l2: tuple[float, ...] = (30.0, 100.0, 300.0, 1000.0)

    ranking_epochs: int = 15
    ranking_patience: int = 2
    ranking_l2: float = 1e-4

    def __post_init__(self):
        check_settings(self)

    def in_comparison(self) -> RecommenderSettings:
        """The settings of a comparison with the same ranking tower."""
        return RecommenderSettings(**self.as_dict())

    def as_dict(self) -> dict:
        return dataclasses.asdict(self)
