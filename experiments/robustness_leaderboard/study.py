"""The leaderboard of one data set as a study of the harness: its cells, and certificates."""

from __future__ import annotations

from advrec_tf.pipelines.attack.bounded import bounded
from advrec_tf.pipelines.attack.cell import NONE
from advrec_tf.pipelines.attack.certificates import certified
from advrec_tf.pipelines.attack.runner import CellRunner
from advrec_tf.pipelines.attack.summary import aggregate
from experiments.harness.entries import Entry
from experiments.harness.results import Result
from experiments.harness.sweep import Log, Study, sweep
from experiments.robustness_leaderboard.threats import ThreatModel, cells_of

BOUNDED = "certificates of bounds by verified users"
HIT, NDCG = "target_hit_rate@10", "ndcg@10"


def run(
    runner: CellRunner,
    threat: ThreatModel,
    rows: tuple[tuple[str, str], ...],
    *,
    groups: tuple[str, ...] | None = None,
    targets: int,
    seeds: int,
    models: int,
    log: Log = print,
) -> dict:
    """The rows and certificates of one data set, as JSON values.

    Args:
        groups: of targets; None for all of the threat model.
        models: base models of the certified ensemble; 0 leaves all certificates out.
    """
    cells = cells_of(threat, rows, runner.setting, groups=groups, targets=targets, seeds=seeds)
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
            train=lambda task: Result(certified(runner.train, runner.setting.split.test, models)),
            seeded=False,
        )
        entries[BOUNDED] = Entry(
            train=lambda task: Result(
                bounded(runner.train, runner.setting.split.test, runner.verified)
            ),
            seeded=False,
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
        "bounded": dict(found.results[BOUNDED][0].metrics) if models else None,
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
