"""Reports of tables: made from a sweep, read from files, extended by those of an earlier run."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from experiments.harness import reports
from experiments.harness.compare import compare, deviation, mean, over_seeds
from experiments.harness.sweep import Study, Sweep
from experiments.published_tables.choices import Choice
from experiments.published_tables.models import with_requirements
from experiments.published_tables.tables import TABLES


def make_report(name: str, study: Study, found: Sweep, chosen: Mapping[str, Choice]) -> dict:
    """Means and deviations over seeds, paired comparisons, choices, as JSON values."""
    table = TABLES[name]
    results = {
        label: [
            dataclasses.replace(
                one,
                metrics={
                    **one.metrics,
                    "seconds": one.seconds,
                    "peak_mb": one.details["peak_mb"],
                },
            )
            for one in trained
        ]
        for label, trained in found.results.items()
    }
    entries = compare(study, dataclasses.replace(found, results=results))
    for label, entry in entries.items():
        details = [result.details for result in results[label]]
        entry["mean"]["peak_mb"] = max(one["peak_mb"] for one in details)
        entry["choice"] = chosen[label].as_dict()
        entry["users"] = details[0]["users"]
        attacked = [one["robustness"] for one in details if "robustness" in one]
        if attacked:
            entry["robustness"] = {
                "mean": over_seeds(attacked, mean),
                "deviation": over_seeds(attacked, deviation),
            }
    machines = [one.details["machine"] for trained in found.results.values() for one in trained]
    return {
        "table": name,
        "protocol": table.protocol,
        "metrics": list(table.metrics),
        "choose_by": table.choose_by,
        "references": table.published(),
        "left_out": dict(table.left_out),
        "machines": _distinct(machines),
        "not_run": [label for label in table.models if label not in entries],
        "unpaired": unpaired(entries),
        "entries": entries,
    }


def read_report(path: Path, table: str) -> dict:
    """The report of a table.

    Raises:
        FileNotFoundError, ValueError: if the file is absent, or no report of that table.
    """
    stored = reports.read(path)
    named = stored.get("table"), bool(stored.get("entries"))
    if named != (table, True):
        raise ValueError(f"{path} should be a report of {table} with entries. Received: {named}.")
    return stored


def unpaired(entries: Mapping[str, dict]) -> list[str]:
    """Models that have an ablation and were trained without it."""
    return [
        label
        for label, entry in entries.items()
        if entry["ablation"] and entry["ablation"] not in entry["against"]
    ]


def extended(
    report: dict, earlier: dict, chosen: Mapping[str, Choice], models: Sequence[str]
) -> dict:
    """The report with the entries of an earlier one that its own run did not train.

    An entry is kept where the settings and epochs of all it rests on (itself, what it builds on,
    what it is compared with) are those of `chosen` still; another is named in "outdated" and
    stays among "not_run". Kept entries are named in "kept"; their comparisons are those measured
    then, so a partner that was trained again enters the new entries alone.

    Args:
        models: the labels of the table, in order.

    Raises:
        ValueError: if the earlier report is not of the same table and metrics.
    """
    for name in ("table", "metrics", "choose_by"):
        if earlier.get(name) != report[name]:
            raise ValueError(
                f"The earlier report should be of the same {name}, {report[name]!r}. "
                f"Received: {earlier.get(name)!r}."
            )

    def same(label: str) -> bool:
        was, now = earlier["entries"].get(label), chosen.get(label)
        if was is None or now is None:
            return was is None
        was = was["choice"]
        return was["settings"] == dict(now.settings) and was["epochs"] == now.epochs

    def holds(label: str) -> bool:
        partners = earlier["entries"][label]["against"]
        return all(map(same, [*with_requirements([label]), *partners]))

    trained = report["entries"]
    old = [label for label in models if label in earlier["entries"]]
    kept = [label for label in old if label not in trained and holds(label)]
    entries = {
        label: trained.get(label) or earlier["entries"][label]
        for label in models
        if label in trained or label in kept
    }
    machines = [*report["machines"], *(earlier.get("machines") or [])]
    return report | {
        "entries": entries,
        "unpaired": unpaired(entries),
        "not_run": [label for label in report["not_run"] if label not in kept],
        "kept": kept,
        "outdated": [label for label in old if label not in entries],
        "machines": _distinct(machines),
    }


def _distinct(machines: Sequence[dict]) -> list[dict]:
    return [one for place, one in enumerate(machines) if one not in machines[:place]]
