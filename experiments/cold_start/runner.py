"""Train every row of the asked scenarios, measure on what was withheld, compare with ablations.

Each training is a stage of a run folder: a stopped run goes on where it was.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Mapping, Sequence

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import last_item
from advrec_tf.evaluation.protocols import cold_items, cold_start
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.evaluation.significance import paired
from advrec_tf.models.base import CandidateSubset, Recommender
from advrec_tf.pipelines.stages import StageResult, StageStore, slug
from experiments.cold_start.content import Content
from experiments.cold_start.models import SCENARIOS
from experiments.cold_start.task import MONITOR, Row, Task

COUNTS = (0, 1, 3, 5)
_CHOOSING_SEED = 100


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Scenario:
    """What one table is measured on.

    Attributes:
        train, content: what rows are trained on.
        validation: the evaluator of validation.
        tests: name -> (evaluator, the only items to rank, or None for all).
        groups: name -> user indices whose mean is shown, besides all.
        notes: counts for the page.
    """

    train: Interactions
    content: Content
    validation: RankingEvaluator
    tests: Mapping[str, tuple[RankingEvaluator, np.ndarray | None]]
    groups: Mapping[str, np.ndarray]
    notes: Mapping[str, object]


def make_scenario(name: str, content: Content, *, seed: int = 0) -> Scenario:
    """The split of a scenario; the same for every row and training seed.

    items: a fifth of the items with a text loses all rows, half of it for choosing.
    finetuned: the same.
    missing: the same, and every other cold item has no text either.
    users: a fifth of the users is cut to 0, 1, 3 or 5 rows.
    warm: the last item of each user, nothing is cold.

    Raises:
        ValueError: if there is no such scenario; besides those of the protocols.
    """
    data = content.interactions
    if name in ("items", "missing", "finetuned"):
        cold = cold_items(data, among=content.items_with_text, seed=seed)
        notes = {"cold items": len(cold.items), "training rows": len(cold.train)}
        tested, asked = cold.withheld, cold.withheld_items
        validation = cold.validation
        if name == "missing":
            hidden = cold.items[::2]
            content = dataclasses.replace(content, text=content.text.without(hidden))
            notes["cold items without text"] = len(hidden)
            tested = tested.select(np.isin(tested.item_index, hidden))
            validation = validation.select(np.isin(validation.item_index, hidden))
            asked = np.intersect1d(asked, hidden)
        test = RankingEvaluator(cold.train, tested)
        return Scenario(
            train=cold.train,
            content=content,
            validation=RankingEvaluator(cold.train, validation),
            tests={"all items": (test, None), "cold items": (test, asked)},
            groups={},
            notes=notes,
        )
    split = last_item(data)
    if name == "users":
        cold = cold_start(split, counts=COUNTS, seed=seed)
        notes = {"cold users": len(cold.users), "training rows": len(cold.train)}
        return Scenario(
            train=cold.train,
            content=content,
            validation=RankingEvaluator(cold.train, cold.validation),
            tests={"all items": (RankingEvaluator(cold.train, cold.withheld), None)},
            groups={f"cut to {count}": users for count, users in cold.users_cut_to.items()},
            notes=notes,
        )
    if name != "warm":
        raise ValueError(f"`name` should be one of {tuple(SCENARIOS)}. Received: {name!r}.")
    test = RankingEvaluator(split.train, split.test, also_seen=split.validation)
    return Scenario(
        train=split.train,
        content=content,
        validation=RankingEvaluator(split.train, split.validation),
        tests={"all items": (test, None)},
        groups={},
        notes={"training rows": len(split.train)},
    )


def measure(scenario: Scenario, model: Recommender) -> StageResult:
    """All tests of a scenario; per-user NDCG@10 as arrays."""
    summary, arrays = {}, {}
    ranked = model.frozen()
    for name, (evaluator, items) in scenario.tests.items():
        chosen = (
            ranked
            if items is None
            else CandidateSubset(model=ranked, items=items, interactions=scenario.train)
        )
        result = evaluator.evaluate(chosen)
        summary[name] = {
            metric: result.metrics[metric]
            for metric in ("ndcg@10", "hit_rate@10", "recall@20", "mrr", "coverage@10")
        }
        summary[name]["users"] = len(result.users)
        arrays[name] = result.per_user[MONITOR]
        for group, users in scenario.groups.items():
            summary[name][group] = result.of(users).get(MONITOR, float("nan"))
    return StageResult(summary, arrays)


def available(row: Row, content: Content) -> bool:
    return all(getattr(content, need) is not None for need in row.needs)


def run_scenario(
    name: str,
    content: Content,
    store: StageStore,
    *,
    seeds: int,
    epochs: int,
    points: int,
    only: Sequence[str] = (),
    write=print,
) -> dict:
    """Every row that the content allows; a report as JSON values.

    Args:
        seeds: trainings of a row; one where the seed changes nothing.
        epochs: at most so many.
        points: how many values of a row's setting are tried on validation, with a seed of
            their own.
        only: labels, where not all rows are wanted.

    Raises:
        ValueError: if `only` names no row of the scenario.
    """
    unknown = set(only) - set(SCENARIOS[name])
    if unknown:
        raise ValueError(
            f"`only` should name rows of {name!r}: {', '.join(SCENARIOS[name])}. "
            f"Received: {sorted(unknown)[0]!r}."
        )
    scenario = make_scenario(name, content)
    rows, per_user, left_out, not_run, shared = {}, {}, {}, [], {}
    for label, row in SCENARIOS[name].items():
        if only and label not in only:
            not_run.append(label)
            continue
        if not available(row, scenario.content):
            left_out[label] = f"the data has no {' and '.join(row.needs)}"
            continue

        def train(seed, point, label=label, row=row, test=True):
            started = time.perf_counter()
            trained = row.train(
                Task(
                    train=scenario.train,
                    evaluator=scenario.validation,
                    content=scenario.content,
                    seed=seed,
                    point=point,
                    epochs=epochs,
                    label=f"{label} {seed}"[:44],
                    write=write,
                    cache=shared,
                )
            )
            seconds = time.perf_counter() - started
            disturbed = trained.robustness if test else None
            result = measure(scenario, trained.model) if test else StageResult({}, {})
            result.summary.update(validation=trained.value, epochs=trained.epochs, seconds=seconds)
            if disturbed is not None:
                result.summary["robustness"] = disturbed(*scenario.tests["cold items"])
            return result

        tried, point = {}, row.points[0] if row.points else None
        if len(row.points[:points]) > 1:
            for value in row.points[:points]:
                stage = f"{name}-{slug(label)}-choose-{value:g}"
                result = store.run(
                    stage, lambda _, value=value: train(_CHOOSING_SEED, value, test=False)
                )
                tried[value] = result.summary["validation"]
            point = max(tried, key=tried.get)
        results = [
            store.run(
                f"{name}-{slug(label)}-{seed}",
                lambda _, seed=seed, point=point: train(seed, point),
            )
            for seed in range(seeds if row.seeded else 1)
        ]
        first = next(iter(scenario.tests))
        values = [result.summary[first][MONITOR] for result in results]
        write(f"{name}: {label:<46} ndcg@10 {np.mean(values):.4f} ({len(values)} seeds)")
        rows[label] = _summary(row, results, point, tried, scenario)
        per_user[label] = {
            test: np.mean([result.arrays[test] for result in results], axis=0)
            for test in scenario.tests
        }
    for label, row in rows.items():
        ablation = SCENARIOS[name][label].ablation
        if ablation in per_user:
            row["against_ablation"] = {"ablation": ablation} | {
                test: paired(per_user[label][test], per_user[ablation][test]).as_dict()
                for test in scenario.tests
            }
    return {
        "scenario": name,
        "notes": {**content.notes, **scenario.notes},
        "tests": list(scenario.tests),
        "groups": list(scenario.groups),
        "rows": rows,
        "left_out": left_out,
        "not_run": not_run,
    }


def _summary(row: Row, results: list[StageResult], point, tried, scenario: Scenario) -> dict:
    mean, deviation = {}, {}
    for test in scenario.tests:
        names = results[0].summary[test]
        columns = {n: np.array([r.summary[test][n] for r in results], float) for n in names}
        mean[test] = {n: float(v.mean()) for n, v in columns.items()}
        if len(results) > 1:
            deviation[test] = {n: float(v.std(ddof=1)) for n, v in columns.items()}
    summary = {}
    disturbed = [
        result.summary["robustness"] for result in results if "robustness" in result.summary
    ]
    if disturbed:
        summary["robustness"] = {
            kind: float(np.mean([one[kind] for one in disturbed])) for kind in disturbed[0]
        }
    return summary | {
        "seeds": len(results),
        "mean": mean,
        "deviation": deviation,
        "setting": row.setting,
        "point": point,
        "tried": {f"{value:g}": found for value, found in tried.items()},
        "epochs": [result.summary["epochs"] for result in results],
        "validation": float(np.mean([result.summary["validation"] for result in results])),
        "seconds": float(np.mean([result.summary["seconds"] for result in results])),
    }
