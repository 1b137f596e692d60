"""Measured cells brought together: means over targets and seeds, and their lines of text."""

from __future__ import annotations

import statistics
import textwrap
from collections.abc import Sequence

from advrec_tf.ops.words import counted
from advrec_tf.pipelines.attack.cell import NONE

KEYS = ("attack", "victim", "defence", "group", "size", "knowledge")
CLEAN, ATTACKED, UNDEFENDED, ALONE, DEFENDED = (
    "clean",
    "attacked",
    "undefended",
    "defence alone",
    "defended",
)
"""The columns that there may be, in their order."""
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


def rows_of(record: dict, **beside: dict | None) -> list[tuple[str, ...]]:
    """A head and a row a measure, as text, with the columns that `columns_of` names.

    Args:
        record: of what was asked for.
        **beside: of an attack on a defended model `undefended`, the record of the same attack
            without the defence, and `alone`, that of the defence without an attack.
    """
    values = {
        CLEAN: lambda name: record.get(f"{name}, clean"),
        UNDEFENDED: (beside.get("undefended") or {}).get,
        ALONE: (beside.get("alone") or {}).get,
    }
    heads = columns_of(record, **beside)
    values[heads[-1]] = record.get  # the last column is what was asked for
    rows: list[tuple[str, ...]] = [("", *heads)]
    for name in measures_of(record):
        columns = [values[head](name) for head in heads]
        rows.append((name, *("" if column is None else f"{column:.4f}" for column in columns)))
    return rows


def columns_of(record: dict, **beside: dict | None) -> list[str]:
    """The names of the columns of `rows_of`, which takes the same arguments: one for each model
    that there is, and none of an attack where there is none."""
    attacked, defended = record["attack"] != NONE, record["defence"] != NONE
    between = [UNDEFENDED] * (beside.get("undefended") is not None)
    between += [ALONE] * (beside.get("alone") is not None)
    return [CLEAN, *between, *([DEFENDED] if defended else [ATTACKED] * attacked)]


def measures_of(record: dict) -> list[str]:
    """The names of the measures of an aggregated record, without those of the clean model."""
    return [
        name
        for name, value in record.items()
        if isinstance(value, float) and name != "size" and not name.endswith(", clean")
    ]


def legend(record: dict, **beside: dict | None) -> str:
    """What the columns of `rows_of` are."""
    attacked = record["attack"] != NONE
    said = {
        CLEAN: "the model without fake profiles and without a defence",
        ATTACKED: "with the fake profiles",
        UNDEFENDED: "with the fake profiles and without the defence",
        ALONE: "with the defence and without fake profiles, so that what the defence itself does "
        "to the target is seen",
        DEFENDED: "with both" if attacked else "with the defence, and without fake profiles",
    }
    return "; ".join(f"{name}: {said[name]}" for name in columns_of(record, **beside)) + "."


def title_of(record: dict) -> str:
    """What was attacked, how, behind which defence, and over how much it is a mean."""
    return (
        f"{record['attack']} on {record['victim']}, defence {record['defence']}: "
        f"{counted(record['targets'], 'target')}, {counted(record['seeds'], 'seed')}"
    )


def lines_of(record: dict, **beside: dict | None) -> list[str]:
    """An aggregated record as aligned text, see `rows_of`."""
    return [
        title_of(record),
        *(
            f"  {name:<26}" + "".join(f"{cell:>15}" for cell in cells)
            for name, *cells in rows_of(record, **beside)
        ),
        *textwrap.wrap(legend(record, **beside), 98, initial_indent="  ", subsequent_indent="  "),
    ]
