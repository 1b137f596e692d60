"""What is measured of the models of a table: its columns, list metrics, and robustness."""

from __future__ import annotations

import dataclasses

from advrec_tf.evaluation.robustness import robustness_curve
from advrec_tf.models.base import Recommender
from advrec_tf.pipelines.machine import machine
from advrec_tf.pipelines.memory import peak_memory
from experiments.harness.results import Result
from experiments.harness.settings import Setting

ATTACKS = ((False, 0.5), (True, 0.5))  # (relative to the vector's norm, epsilon)
LIST_METRICS = ("coverage@10", "long_tail_share@10")


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TableSetting(Setting):
    """A setting measured by the columns of a table."""

    def measure(self, model: Recommender, *, tests: bool = True) -> Result:
        """The columns and the list metrics of a model; the values of each user by column."""
        result = self.tests["test"].evaluate(model)
        values = {name: result.per_user[name] for name in self.metrics}
        metrics = {name: float(column.mean()) for name, column in values.items()}
        metrics |= {name: result.metrics[name] for name in LIST_METRICS}
        details = {"users": len(result.users), "peak_mb": peak_memory(), "machine": machine()}
        per_user = {name: self.by_user(result, column) for name, column in values.items()}
        return Result(metrics, per_user, details=details)


def under_attack(model: Recommender, setting: Setting) -> dict[str, float]:
    """Kind and epsilon of an attack on the model's vectors -> fraction of NDCG@10 lost."""
    losses = {}
    for relative, epsilon in ATTACKS:
        curve = robustness_curve(
            model, setting.interactions, setting.tests["test"], [epsilon], relative=relative
        )
        unit = " of the norm" if relative else ""
        losses |= {f"{point.kind} {epsilon:g}{unit}": point.relative_loss for point in curve.points}
    return losses
