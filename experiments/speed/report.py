"""What the benchmark shows: lines as cells are done, tables of growth, a page and its JSON."""

from __future__ import annotations

import dataclasses
import itertools
import json
import os
import statistics
from collections.abc import Callable, Sequence
from pathlib import Path

from experiments.speed.beside import Comparison
from experiments.speed.cells import Cell, measure_apart

_HEADS = (
    "items",
    "positives/s",
    "s/epoch",
    "ms/step",
    "first epoch s",
    "users/s ranked",
    "peak MB",
    "before model MB",
)
_GROWING = {
    "milliseconds_per_step": "time of a step",
    "evaluated_users_per_second": "users ranked a second",
    "peak_megabytes": "peak memory",
}
LEGEND = (
    "s/epoch: median of the epochs after the first, which compiles (`first epoch s`). users/s "
    "ranked: full ranking with all metrics. peak MB: largest resident memory of the cell's own "
    "process; before model MB: of which libraries and data. Growth: as a multiple of the same "
    "method's smallest catalogue, at the same batch size."
)


def _figures(row: dict) -> tuple[str, ...]:
    """The cells of one line, in the order of `_HEADS`; empty where nothing was measured."""
    if "error" in row:
        return (f"{row['items']:,}", *[""] * (len(_HEADS) - 1))
    ranked = row.get("evaluated_users_per_second")
    return (
        f"{row['items']:,}",
        f"{row['positives_per_second']:,.0f}",
        f"{row['epoch_seconds']:.3f}",
        f"{row['milliseconds_per_step']:.3f}",
        f"{row['first_epoch_seconds']:.2f}",
        "" if ranked is None else f"{ranked:,.0f}",
        f"{row['peak_megabytes']:,.0f}",
        f"{row['megabytes_before']:,.0f}",
    )


def measure_all(
    cells: Sequence[Cell],
    *,
    write: Callable[[str], None] = print,
    measure: Callable[[Cell], dict] = measure_apart,
) -> list[dict]:
    """The cells one after another, a line each; one that dies has `error` in the place of
    figures."""
    rows = []
    for cell in cells:
        try:
            rows.append(measure(cell))
        except MemoryError as error:
            rows.append({**dataclasses.asdict(cell), "error": str(error)})
        line = "  ".join(f"{h} {c}" for h, c in zip(_HEADS, _figures(rows[-1])) if c)
        write(f"{rows[-1]['method']}: {line}" + f"{rows[-1].get('error', '')}")
    return rows


def growth(rows: Sequence[dict]) -> list[dict]:
    """For each method and figure, its multiples of that on the method's smallest catalogue.

    Returns:
        Rows of `method`, `figure` (a name of a measurement) and `ratio`, {items: multiple}.
        A method with fewer than two measured catalogues, or a figure that was not measured on
        all, has none.
    """
    found = []
    measured = [row for row in rows if "error" not in row]
    for method in dict.fromkeys(row["method"] for row in measured):
        own = sorted((r for r in measured if r["method"] == method), key=lambda r: r["items"])
        for figure in _GROWING:
            if len(own) > 1 and all(figure in row for row in own):
                ratio = {row["items"]: row[figure] / own[0][figure] for row in own}
                found.append({"method": method, "figure": figure, "ratio": ratio})
    return found


def tables(rows: Sequence[dict], comparisons: Sequence[Comparison] = ()) -> list[list[tuple]]:
    """What was measured as tables of text, each with its head first; only those with a line."""
    found = []
    if rows:
        cells = [(row["method"], *_figures(row), row.get("error", "")) for row in rows]
        found.append([("method", *_HEADS, "failed"), *cells])
        if not any(row[-1] for row in cells):
            found[-1] = [row[:-1] for row in found[-1]]
    grown = growth(rows)
    if grown:
        sizes = sorted(set(itertools.chain(*(row["ratio"] for row in grown))))
        found.append(
            [("growth", "of", *(f"{size:,}" for size in sizes))]
            + [
                (
                    row["method"],
                    _GROWING[row["figure"]],
                    *(_multiple(row["ratio"][s]) if s in row["ratio"] else "" for s in sizes),
                )
                for row in grown
            ]
        )
    if comparisons:
        found.append(
            [("beside", "items", "unit", "ours", "theirs", "times as fast", "least", "most")]
            + [
                (
                    c.method,
                    f"{c.items:,}",
                    c.unit,
                    _number(statistics.median(c.ours)),
                    _number(statistics.median(c.theirs)),
                    f"x{c.median:.2f}",
                    f"x{min(c.times_as_fast):.2f}",
                    f"x{max(c.times_as_fast):.2f}",
                )
                for c in comparisons
            ]
        )
    return found


def _multiple(value: float) -> str:
    return f"x{value:.2f}" if value >= 0.1 else f"x{value:.2g}"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"


def aligned(table: Sequence[tuple]) -> list[str]:
    """Lines of text with the columns under each other, the first to the left."""
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    return [
        "  ".join(
            cell.rjust(width) if i else cell.ljust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in table
    ]


def write_report(
    folder: str | os.PathLike,
    rows: Sequence[dict],
    comparisons: Sequence[Comparison],
    *,
    where: dict,
    command: str,
) -> list[Path]:
    """Write `benchmark.json` and `benchmark.md` to `folder`, and give their paths."""
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "command": command,
        "machine": where,
        "cells": list(rows),
        "growth": growth(rows),
        "beside": [dataclasses.asdict(comparison) for comparison in comparisons],
    }
    lines = ["# Speed", "", f"Made by `{command}`.", ""]
    lines += ["On " + ", ".join(f"{name} {value}" for name, value in where.items()) + ".", ""]
    for cell in [*rows, *(comparison.settings for comparison in comparisons)][:1]:
        rows_of = cell["data"] or f"{cell['users']:,} users, {cell['rows']:,} generated rows"
        lines += [
            f"Data: {rows_of}; {cell['dim']} factors, {cell['batch_size']} positives a step, "
            f"{cell['epochs']} epochs.",
            "",
        ]
    for table in tables(rows, comparisons):
        head, *body = ["| " + " | ".join(row) + " |" for row in table]
        lines += [head, "|" + "---|" * len(table[0]), *body, ""]
    lines += [LEGEND]
    paths = [folder / "benchmark.json", folder / "benchmark.md"]
    paths[0].write_text(json.dumps(content, indent=2) + "\n")
    paths[1].write_text("\n".join(lines) + "\n")
    return paths
