"""Evaluation settings: what entries are trained on and measured on with one seed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import CandidateSubset, Recommender
from experiments.harness.results import Result


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Setting:
    """Training interactions and the evaluators of one seed.

    Attributes:
        seed: of the split, and of the trainings in this setting.
        interactions: the training interactions.
        tests: name -> evaluator of the results.
        validation: evaluator that settings are chosen by; None in a final training.
        early_stopping: evaluator that epochs are chosen by, by default `validation`.
        monitor: metric of every choice and of the paired comparisons.
        metrics: metrics that are reported for validation and for every test.
        groups: name -> user indices, whose mean of `monitor` is reported as well.
        candidates: test -> the only item indices that are ranked in it; by default all.
        notes: facts for the page, such as how many items were taken away.
    """

    seed: int
    interactions: Interactions
    tests: Mapping[str, RankingEvaluator]
    validation: RankingEvaluator | None = None
    early_stopping: RankingEvaluator | None = None
    monitor: str = "ndcg@10"
    metrics: tuple[str, ...] = ("ndcg@10",)
    groups: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    candidates: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    notes: Mapping[str, object] = dataclasses.field(default_factory=dict)

    def __post_init__(self):
        if self.early_stopping is None:
            object.__setattr__(self, "early_stopping", self.validation)

    def validate(self, model: Recommender) -> float:
        """The monitored metric on validation."""
        return self.validation.evaluate(model).metrics[self.monitor]

    def best(self, models: Iterable[Recommender]) -> Recommender:
        """The model that validation prefers, the first of equals."""
        return max(models, key=self.validate)

    def measure(self, model: Recommender, *, tests: bool = True) -> Result:
        """Metrics on validation and, where asked, on the tests, with `monitor` of each user."""
        model = model.frozen()
        metrics, per_user = {}, {}
        if self.validation is not None:
            found = self.validation.evaluate(model).metrics
            metrics["validation"] = {name: found[name] for name in self.metrics}
        for name, evaluator in self.tests.items() if tests else ():
            ranked = model
            if name in self.candidates:
                ranked = CandidateSubset(
                    model=model, items=self.candidates[name], interactions=self.interactions
                )
            result = evaluator.evaluate(ranked)
            metrics[name] = {metric: result.metrics[metric] for metric in self.metrics}
            metrics[name]["users"] = len(result.users)
            for group, users in self.groups.items():
                if found := result.of(users):
                    metrics[name][group] = found[self.monitor]
            per_user[name] = self.by_user(result, result.per_user[self.monitor])
        return Result(metrics, per_user)

    def by_user(self, result, values: np.ndarray) -> np.ndarray:
        """Values of the evaluated users -> [num_users], NaN for the other users."""
        everybody = np.full(self.interactions.num_users, np.nan)
        everybody[result.users] = values
        return everybody
