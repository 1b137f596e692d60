"""Measured cells brought together: means over targets and seeds, and their lines of text."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

KEYS = ("attack", "victim", "defence", "group", "size", "knowledge")
NOT_MEANS = {*KEYS, "target", "seed", "chosen"}


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


def rows_of(record: dict, undefended: dict | None = None) -> list[tuple[str, ...]]:
    """A head and a row a measure, as text: its value without attack and defence beside that under
    attack, and of a defended model also that of `undefended`, the record of the same attack
    without it."""
    heads = ["clean", "attacked"] if undefended is None else ["clean", "undefended", "defended"]
    rows: list[tuple[str, ...]] = [("", *heads)]
    for name in measures_of(record):
        columns = [record.get(f"{name}, clean"), record[name]]
        if undefended is not None:
            columns.insert(1, undefended.get(name))
        rows.append((name, *("" if column is None else f"{column:.4f}" for column in columns)))
    return rows


def measures_of(record: dict) -> list[str]:
    """The names of the measures of an aggregated record, without those of the clean model."""
    return [
        name
        for name, value in record.items()
        if isinstance(value, float) and name != "size" and not name.endswith(", clean")
    ]


def legend(undefended: dict | None = None) -> str:
    """What the columns of `rows_of` are."""
    said = "clean: the model without fake profiles and without a defence"
    if undefended is not None:
        said += "; undefended: with the fake profiles and without a defence"
    return f"{said}."


def title_of(record: dict) -> str:
    """What was attacked, how, behind which defence, and over how much it is a mean."""
    return (
        f"{record['attack']} on {record['victim']}, defence {record['defence']}: "
        f"{record['targets']} targets, {record['seeds']} seed{'s' * (record['seeds'] > 1)}"
    )


def lines_of(record: dict, undefended: dict | None = None) -> list[str]:
    """An aggregated record as aligned text, see `rows_of`."""
    return [
        title_of(record),
        *(
            f"  {name:<26}" + "".join(f"{cell:>12}" for cell in cells)
            for name, *cells in rows_of(record, undefended)
        ),
        f"  {legend(undefended)}",
    ]
