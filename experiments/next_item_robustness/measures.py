"""What the parts of the page read in a report: values of a row, a seed each, and what it loses."""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from advrec_tf.pipelines.next_item_attack.pollution import STAYS_BELOW

SEARCHES = ("random", "greedy", "gradient")
AT = 5
"""Substituted items of the first table."""


def values_of(found: Sequence[dict], label: str, search: str, budget: int) -> list[float]:
    """NDCG@10 of a row, a value a seed that has it, of several attackers that of the worst."""
    points = [
        [point["ndcg"] for point in points_of(seed.get(label, {}), search, budget)]
        for seed in found
    ]
    return [min(values) for values in points if values]


def points_of(row: dict, search: str, budget: int, attacker: str | None = None) -> list[dict]:
    """The points of a row, those of one attacker or of all."""
    return [
        point
        for curve in row.get("curves", [])
        if curve["search"] == search and attacker in (None, curve.get("attacker", STAYS_BELOW))
        for point in curve["points"]
        if point["budget"] == budget
    ]


def having(found: Sequence[dict], label: str) -> list[dict]:
    """The seeds that have the row."""
    return [seed for seed in found if label in seed]


def losses_of(found: Sequence[dict], label: str, search: str) -> list[float]:
    """The part of its clean NDCG@10 that a row loses with `AT` items substituted, a value a seed;
    nothing of a row that has nothing to lose."""
    pairs = zip(
        values_of(found, label, search, 0), values_of(found, label, search, AT), strict=True
    )
    return [1.0 - attacked / clean for clean, attacked in pairs if clean]


def costs_of(found: Sequence[dict], label: str, plain: str) -> list[float]:
    """What a row's clean NDCG@10 is more than the plain network's, as a part of it, a value a
    seed that has the row."""
    seeds = having(found, label)
    pairs = zip(
        values_of(seeds, label, "random", 0), values_of(seeds, plain, "random", 0), strict=True
    )
    return [own / other - 1.0 for own, other in pairs]


def percent(values: Sequence[float], sign: str = "") -> str:
    """The mean of parts as a percentage, with the deviation over seeds where there are several."""
    text = f"{statistics.fmean(values):{sign}.1%}"
    return f"{text} ({statistics.stdev(values):.1%})" if len(values) > 1 else text
