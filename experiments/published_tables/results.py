"""What is measured of a final model, and the report over all stages of a run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from advrec_tf._version import __version__
from advrec_tf.evaluation.ranking import RankingEvaluator, RankingResult
from advrec_tf.evaluation.robustness import robustness_curve
from advrec_tf.evaluation.significance import paired
from advrec_tf.pipelines.stages import StageResult, StageStore, slug
from experiments.published_tables.models import MODELS, with_requirements
from experiments.published_tables.tables import TABLES, Table
from experiments.published_tables.tasks import Choice

ATTACKS = ((False, 0.5), (True, 0.5))  # (relative to the row's norm, epsilon)
LIST_METRICS = ("coverage@10", "long_tail_share@10")


def plain_recall(result: RankingResult, relevant_counts: np.ndarray, k: int) -> np.ndarray:
    """[users], hits / all relevant items: the recall of the graph-convolution literature."""
    return result.per_user[f"precision@{k}"] * k / relevant_counts[result.users]


def measure(table: Table, evaluator: RankingEvaluator, relevant: np.ndarray, model) -> StageResult:
    """The table's columns and the list measures of a model; per-user values as arrays."""
    result = evaluator.evaluate(model)
    arrays = {}
    for metric in table.metrics:
        name, k = metric.split("@")
        if name == "plain_recall":
            arrays[metric] = plain_recall(result, relevant, int(k))
        else:
            arrays[metric] = result.per_user[metric]
    summary = {name: float(values.mean()) for name, values in arrays.items()}
    summary |= {name: result.metrics[name] for name in LIST_METRICS}
    summary["users"] = len(result.users)
    return StageResult(summary, arrays)


def under_attack(model, train, evaluator: RankingEvaluator) -> dict[str, float]:
    """Kind and epsilon of an attack on the model's vectors -> share of NDCG@10 lost."""
    losses = {}
    for relative, epsilon in ATTACKS:
        curve = robustness_curve(model, train, evaluator, [epsilon], relative=relative)
        unit = " of the norm" if relative else ""
        losses |= {f"{point.kind} {epsilon:g}{unit}": point.relative_loss for point in curve.points}
    return losses


def stage_name(label: str, seed: int, chosen: Mapping[str, Choice]) -> str:
    """The stage of a final training: other settings, its own or those it builds on, are
    another stage."""
    used = {
        other: [dict(chosen[other].settings), chosen[other].epochs]
        for other in with_requirements([label])
    }
    digest = hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:8]
    return f"{slug(label)}-{digest}-{seed}"


def identity_of(table: str) -> dict:
    """What the stages of a run of `table` depend on."""
    return {"job": "reproduce", "table": table, "version": __version__}


def report(name: str, run_dir: Path, chosen: Mapping[str, Choice], seeds: int) -> dict:
    """What the stages of a run say: rows with mean and deviation, and paired comparisons."""
    table = TABLES[name]
    store = StageStore(run_dir, identity_of(name), resume=True)
    rows, per_user, machines = {}, {}, []
    for label in table.enters:
        if not all(needed in chosen for needed in with_requirements([label])):
            continue
        numbers = range(seeds) if MODELS[label].seeded else range(1)
        stored = [
            store.result(stage_name(label, seed, chosen))
            for seed in numbers
            if store.has(stage_name(label, seed, chosen))
        ]
        if not stored:
            continue
        machines += [r.summary["machine"] for r in stored if "machine" in r.summary]
        names = [*table.metrics, *LIST_METRICS, "seconds", "peak_mb"]
        values = {n: np.array([result.summary[n] for result in stored]) for n in names}
        row = {
            "seeds": len(stored),
            "mean": {n: float(v.mean()) for n, v in values.items()},
            "deviation": {n: float(v.std(ddof=1)) for n, v in values.items() if len(v) > 1},
            "settings": dict(chosen[label].settings),
            "epochs": chosen[label].epochs,
            "validation": chosen[label].value,
            "trials": chosen[label].trials,
            "users": stored[0].summary["users"],
        }
        row["mean"]["peak_mb"] = float(values["peak_mb"].max())
        attacked = [r.summary["robustness"] for r in stored if "robustness" in r.summary]
        if attacked:
            row["robustness"] = {
                attack: {
                    "mean": float(np.mean([losses[attack] for losses in attacked])),
                    "deviation": float(np.std([losses[attack] for losses in attacked], ddof=1))
                    if len(attacked) > 1
                    else None,
                }
                for attack in attacked[0]
            }
        rows[label] = row
        per_user[label] = {
            metric: np.mean([result.arrays[metric] for result in stored], axis=0)
            for metric in table.metrics
        }
    for label, row in rows.items():
        against = {"EASE": "EASE", "ablation": MODELS[label].ablation}
        row["paired"] = {
            kind: {"against": other}
            | {
                metric: paired(per_user[label][metric], per_user[other][metric]).as_dict()
                for metric in table.metrics
            }
            for kind, other in against.items()
            if other in per_user and other != label
        }
    return {
        "table": name,
        "protocol": table.protocol,
        "metrics": list(table.metrics),
        "choose_by": table.choose_by,
        "references": {who: dict(figures) for who, figures in table.references.items()},
        "left_out": dict(table.left_out),
        "machines": [m for i, m in enumerate(machines) if m not in machines[:i]],
        "not_run": [label for label in table.enters if label not in rows],
        "unpaired": _unpaired(rows),
        "rows": rows,
    }


def _unpaired(rows: Mapping[str, dict]) -> list[str]:
    """Rows that have an ablation and were trained without it."""
    return [
        label
        for label, row in rows.items()
        if MODELS[label].ablation and "ablation" not in row["paired"]
    ]


def extended(report: dict, earlier: dict, chosen: Mapping[str, Choice]) -> dict:
    """The report with the rows of an earlier one that its own run did not train.

    A row is kept where the settings and epochs of all it rests on (itself, what it builds on,
    what it is compared with) are those of `chosen` still; another is named in "outdated" and
    stays among "not_run". Kept rows are named in "kept"; their comparisons are those measured
    then, so a retrained partner enters the new rows alone.

    Raises:
        ValueError: if the earlier report is not of the same table and measures.
    """
    for name in ("table", "metrics", "choose_by"):
        if earlier.get(name) != report[name]:
            raise ValueError(
                f"The earlier report should be of the same {name}, {report[name]!r}. "
                f"Received: {earlier.get(name)!r}."
            )

    def same(label: str) -> bool:
        was, now = earlier["rows"].get(label), chosen.get(label)
        if was is None or now is None:
            return was is None
        return was["settings"] == dict(now.settings) and was["epochs"] == now.epochs

    def holds(label: str) -> bool:
        partners = [test["against"] for test in earlier["rows"][label]["paired"].values()]
        return all(map(same, [*with_requirements([label]), *partners]))

    trained = report["rows"]
    old = [label for label in TABLES[report["table"]].enters if label in earlier["rows"]]
    kept = [label for label in old if label not in trained and holds(label)]
    order = [label for label in TABLES[report["table"]].enters if label in {*trained, *kept}]
    rows = {label: trained.get(label) or earlier["rows"][label] for label in order}
    machines = [*report["machines"], *(earlier.get("machines") or [])]
    return report | {
        "rows": rows,
        "unpaired": _unpaired(rows),
        "not_run": [label for label in report["not_run"] if label not in kept],
        "kept": kept,
        "outdated": [label for label in old if label not in order],
        "machines": [m for i, m in enumerate(machines) if m not in machines[:i]],
    }
