"""The leaderboard of one data set as a study of the harness: its cells, and certificates."""

from __future__ import annotations

import dataclasses
import time

from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.defence.certified.certificate import certify
from advrec_tf.defence.registry import DEFENCES
from advrec_tf.pipelines.attack.cell import NONE
from advrec_tf.pipelines.attack.runner import CellRunner
from advrec_tf.pipelines.attack.summary import aggregate
from experiments.harness.entries import Entry
from experiments.harness.results import Result
from experiments.harness.sweep import Log, Study, sweep
from experiments.robustness_leaderboard.threats import ThreatModel, cells_of

HIT, NDCG = "target_hit_rate@10", "ndcg@10"
CERTIFIED = "subset-ensemble"
FRACTIONS = (0.002, 0.005, 0.01)
"""Of the users, beside 1 and 10 fakes: the curve of the certificates."""


def run(
    runner: CellRunner,
    threat: ThreatModel,
    rows: tuple[tuple[str, str], ...],
    *,
    targets: int,
    seeds: int,
    models: int,
    log: Log = print,
) -> dict:
    """The rows and certificates of one data set, as JSON values.

    Args:
        models: base models of the certified ensemble; 0 leaves certificates out.
    """
    cells = cells_of(threat, rows, runner.setting, targets=targets, seeds=seeds)
    entries = {
        cell.name(): Entry(
            train=lambda task, cell=cell: Result(runner.measure(cell)),
            seeded=False,
            family=str((cell.seed, cell.attack, cell.target)),
        )
        for cell in cells
    }
    certificates = f"certificates of {models} models"
    if models:
        entries[certificates] = Entry(
            train=lambda task: Result(certified(runner, models)), seeded=False
        )
    found = sweep(Study(name="leaderboard", entries=entries), runner.store, seeds=[0], log=log)
    measured = [dict(found.results[cell.name()][0].metrics) for cell in cells]
    return {
        "data": runner.setting.name,
        "users": runner.train.num_users,
        "items": runner.train.num_items,
        "interactions": len(runner.train),
        "fillers": runner.fillers,
        "rows": table_rows(aggregate(measured)) if measured else [],
        "certificates": dict(found.results[certificates][0].metrics) if models else None,
        "seconds": sum(result[0].seconds for result in found.results.values()),
    }


def table_rows(records: list[dict]) -> list[dict]:
    """One row a model, defence and group of targets, from the means of its attacks."""
    grouped: dict[tuple, dict[str, dict]] = {}
    for record in records:
        key = (record["victim"], record["defence"], record["group"])
        grouped.setdefault(key, {})[record["attack"]] = record
    rows = []
    for (model, defence, group), attacks in grouped.items():
        alone = attacks.get(NONE)
        if alone is None:
            continue
        hits = {name: record[HIT] for name, record in attacks.items() if name != NONE}
        worst = max(hits, key=hits.__getitem__) if hits else None
        rows.append(
            {
                "model": model,
                "defence": defence,
                "group": group,
                "targets": alone["targets"],
                "seeds": alone["seeds"],
                "ndcg": alone[NDCG],
                "ndcg_undefended": alone[f"{NDCG}, clean"],
                "clean_hit_rate": alone[f"{HIT}, clean"],
                "hit_rates": hits,
                "worst": None if worst is None else hits[worst],
                "worst_attack": worst,
                "worst_deviation": attacks[worst].get("deviation", {}).get(HIT) if worst else None,
                "seconds": max(record["training_seconds"] for record in attacks.values()),
            }
        )
    return rows


def certified(runner: CellRunner, models: int) -> dict:
    """What the certified ensemble of so many models promises, beside its cost."""
    defence = dataclasses.replace(DEFENCES[CERTIFIED], num_models=models)
    started = time.perf_counter()
    ensemble = defence.ensemble(seed=0).fit(runner.train)
    seconds = time.perf_counter() - started
    started = time.perf_counter()
    plain = VICTIMS["ease"].train(runner.train, seed=0)
    plain_seconds = time.perf_counter() - started
    users = runner.train.num_users
    fakes = sorted({1, 10, *(max(1, round(fraction * users)) for fraction in FRACTIONS)})
    found = certify(ensemble, runner.setting.split.test, fakes)
    return {
        "settings": dataclasses.asdict(defence) | {"trim": None},
        "ndcg": runner.ranking.evaluate(ensemble).metrics[NDCG],
        "ndcg_ease": runner.ranking.evaluate(plain).metrics[NDCG],
        "seconds": seconds,
        "seconds_ease": plain_seconds,
        "curve": [dataclasses.asdict(one) | {"kept_share": one.kept_share} for one in found],
    }
