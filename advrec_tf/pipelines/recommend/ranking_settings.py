"""The settings of the ranking tower alone: those of the whole comparison that it reads."""

from __future__ import annotations

import dataclasses

from advrec_tf.pipelines.recommend.settings import RecommenderSettings
from advrec_tf.pipelines.settings import SplitSettings, at_least, described, positive


@described
@dataclasses.dataclass(frozen=True, kw_only=True)
class RankingSettings(SplitSettings):
    """Everything that decides the result of `job.run_ranking`, apart from the data.

    Tuples are searched on validation; a tuple of one value is a fixed setting.

    Attributes:
        ease_l2: The weight of the squared norm in EASE, which stands beside the tower in the
            report.
        ranking_epochs: The largest number of epochs; ratings and the multi-task model have twice as
            many.
        ranking_patience: Epochs without a better validation before training stops.
        ranking_l2: The weight of the squared norm of the ranking tower's vectors.
    """

    ease_l2: tuple[float, ...] = (30.0, 100.0, 300.0, 1000.0)

    ranking_epochs: int = 15
    ranking_patience: int = 2
    ranking_l2: float = 1e-4

    RULES = (
        *positive("ease_l2"),
        *at_least(1, "ranking_epochs ranking_patience"),
        *at_least(0, "ranking_l2"),
    )

    def in_comparison(self) -> RecommenderSettings:
        """The settings of a comparison with the same ranking tower."""
        return RecommenderSettings(**self.as_dict())
