"""What is measured of one trained model, and how it is stored as a stage."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from advrec_tf.pipelines.stages import StageResult


@dataclasses.dataclass(frozen=True, eq=False)
class Result:
    """The measurements of one training.

    Attributes:
        metrics: numbers, nested by name as the study likes, often evaluator -> metric -> value.
        per_user: name of a comparison, often of an evaluator -> values [num_users], NaN for users
            who were not measured. Entries are compared by paired tests over them.
        seconds: wall time of the training.
        details: further facts as JSON values: epochs, history, robustness.
    """

    metrics: Mapping
    per_user: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    seconds: float = 0.0
    details: Mapping = dataclasses.field(default_factory=dict)

    def to_stage(self) -> StageResult:
        summary = {"metrics": self.metrics, "seconds": self.seconds, "details": self.details}
        return StageResult(summary, dict(self.per_user))

    @classmethod
    def from_stage(cls, stage: StageResult) -> Result:
        return cls(**stage.summary, per_user=stage.arrays)
