"""What each part of the job trains on and is measured on, for each seed.

    sparse   a fifth of the users cut to 1, 3 or 5 rows: their withheld history, and everybody's
             next item
    cold     a fifth of the users without rows, known by attributes
    tail     nobody cut: everybody's next item, and how many places of the lists go to rare items

Seed n draws its own users, so that over seeds most users have been in that place once. The next
item is the last in time; data without times have none, and a random fifth of each user's rows
stands in its place.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np

from advrec_tf.data import splits
from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.protocols import ColdStart, cold_start, sparsest_users
from advrec_tf.evaluation.ranking import RankingEvaluator, RankingResult
from advrec_tf.models.base import Recommender

MONITOR = "ndcg@10"
CUTS = {"sparse": (1, 3, 5), "cold": (0,)}


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class EvaluationSetting:
    """One seed of one part.

    Attributes:
        train: the rows that are left.
        early_stopping: the evaluator that chooses epochs.
        validation: the evaluator that chooses settings and the default.
        tests: name -> evaluator of the results.
        groups: name -> user indices shown besides all evaluated users.
        cold: which users were cut, or None.
    """

    seed: int
    train: Interactions
    early_stopping: RankingEvaluator
    validation: RankingEvaluator
    tests: Mapping[str, RankingEvaluator]
    groups: Mapping[str, np.ndarray]
    cold: ColdStart | None = None

    def measure(self, model: Recommender) -> tuple[dict, dict[str, np.ndarray]]:
        """(figures by test, per-user NDCG@10 [num_users] by test, NaN where not measured)."""
        model = model.frozen()
        figures, per_user = {"validation": _figures(self.validation.evaluate(model), {})}, {}
        for name, evaluator in self.tests.items():
            result = evaluator.evaluate(model)
            figures[name] = _figures(result, self.groups)
            per_user[name] = np.full(self.train.num_users, np.nan)
            per_user[name][result.users] = result.per_user[MONITOR]
        return figures, per_user


def _figures(result: RankingResult, groups: Mapping[str, np.ndarray]) -> dict:
    names = (MONITOR, "recall@20", "long_tail_share@10", "coverage@10")
    figures = {name: result.metrics[name] for name in names} | {"users": len(result.users)}
    for group, users in groups.items():
        found = result.of(users)
        if found:
            figures[group] = found[MONITOR]
    return figures


def make_setting(part: str, data: Interactions, seed: int) -> EvaluationSetting:
    """The evaluation setting of a part (see above) with users drawn by `seed`.

    Raises:
        ValueError: if there is no such part, or the data is too small to be cut.
    """
    if data.timestamp is not None:
        split = splits.last_item(data)
        future = "next item"
    else:
        split = splits.random_ratio(data, validation=0.1, test=0.2, seed=seed)
        future = "random rows"
    everything = RankingEvaluator(split.train, split.test, also_seen=split.validation)
    if part == "tail":
        validation = RankingEvaluator(split.train, split.validation)
        return EvaluationSetting(
            seed=seed,
            train=split.train,
            early_stopping=validation,
            validation=validation,
            tests={future: everything},
            groups={"sparsest fifth": sparsest_users(split.train, everything.users)},
        )
    if part not in CUTS:
        raise ValueError(f"`part` should be one of {(*CUTS, 'tail')}. Received: {part!r}.")
    cold = cold_start(split, counts=CUTS[part], seed=seed)
    validation = RankingEvaluator(cold.train, cold.validation)
    if part == "cold":
        everything = RankingEvaluator(
            split.train, split.test, also_seen=split.validation, users=cold.users
        )
    groups = {"cut users": cold.users}
    groups |= {f"cut to {count}": users for count, users in cold.users_cut_to.items()}
    return EvaluationSetting(
        seed=seed,
        train=cold.train,
        # With rows of their own everybody counts for the epoch; without, only the cut users do.
        early_stopping=validation
        if part == "cold"
        else RankingEvaluator(split.train, split.validation),
        validation=validation,
        tests={"withheld": RankingEvaluator(cold.train, cold.withheld), future: everything},
        groups=groups if part == "sparse" else {},
        cold=cold,
    )
