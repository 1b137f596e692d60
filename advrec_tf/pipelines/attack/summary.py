"""Measured cells brought together: means over targets and seeds, and their lines of text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

KEYS = ("attack", "victim", "defence", "group", "size", "knowledge")
NOT_MEANS = {*KEYS, "target", "seed"}


def aggregate(measured: Sequence[dict]) -> list[dict]:
    """One record for each attack, victim, defence, group, size and level of knowledge.

    Means are over targets first, then over seeds; where there are several seeds, the deviation
    over them stands under `deviation`. `targets` and `seeds` say how many there were.
    """
    grouped: dict[tuple, dict[int, list[dict]]] = {}
    for cell in measured:
        of_seed = grouped.setdefault(tuple(cell[key] for key in KEYS), {})
        of_seed.setdefault(cell["seed"], []).append(cell)
    records = []
    for key, of_seeds in grouped.items():
        means = []
        for cells in of_seeds.values():
            names = [name for name in cells[0] if name not in NOT_MEANS]
            means.append(
                {n: statistics.fmean(cell[n] for cell in cells if n in cell) for n in names}
            )
        record = dict(zip(KEYS, key, strict=True))
        record["targets"], record["seeds"] = len(next(iter(of_seeds.values()))), len(of_seeds)
        record |= {name: statistics.fmean(mean[name] for mean in means) for name in means[0]}
        if len(means) > 1:
            record["deviation"] = {n: statistics.stdev(m[n] for m in means) for n in means[0]}
        records.append(record)
    return records


def lines_of(record: dict) -> list[str]:
    """An aggregated record as text: each measure beside its value without attack and defence."""
    lines = [
        f"{record['attack']} on {record['victim']}, defence {record['defence']}: "
        f"{record['targets']} targets, {record['seeds']} seed{'s' * (record['seeds'] > 1)}",
        f"  {'':<26}{'clean':>12}{'now':>12}",
    ]
    for name, value in record.items():
        if isinstance(value, float) and name != "size" and not name.endswith(", clean"):
            clean = record.get(f"{name}, clean")
            before = "" if clean is None else f"{clean:.4f}"
            lines.append(f"  {name:<26}{before:>12}{value:>12.4f}")
    return lines
