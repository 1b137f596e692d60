"""The report of the study of speed as a Markdown page, from the report alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from experiments.harness.markdown import page, table

COLUMNS = {
    "positives/s": ("positives_per_second", ",.0f"),
    "s/epoch": ("epoch_seconds", ".3f"),
    "ms/step": ("milliseconds_per_step", ".3f"),
    "first epoch s": ("first_epoch_seconds", ".2f"),
    "users/s ranked": ("evaluated_users_per_second", ",.0f"),
    "peak MB": ("peak_megabytes", ",.0f"),
    "before model MB": ("megabytes_before", ",.0f"),
}
GROWING = {
    "milliseconds_per_step": "time of a step",
    "evaluated_users_per_second": "users ranked a second",
    "peak_megabytes": "peak memory",
}
LEGEND = (
    "s/epoch: median of the epochs after the first, which compiles (`first epoch s`). users/s "
    "ranked: full ranking with all metrics. peak MB: largest resident memory of the cell's own "
    "process; before model MB: the part that libraries and data take. Growth: as a multiple of the "
    "same method's smallest catalogue, at the same batch size."
)


def markdown(report: dict, path: Path) -> str:
    """The machine, the data, and a table each of measurements, growth and comparisons."""
    cells, comparisons = report["cells"], report["beside"]
    first = [*cells, *(comparison["settings"] for comparison in comparisons)][0]
    generated = f"{first['users']:,} users, {first['interactions']:,} generated interactions"
    return page(
        "Speed",
        report["command"],
        ["", f"On {', '.join(f'{name} {value}' for name, value in report['machine'].items())}."],
        [
            "",
            f"Data: {first['data'] or generated}; {first['dim']} factors, {first['batch_size']} "
            f"positives a step, {first['epochs']} epochs.",
        ],
        _measurements(cells) if cells else [],
        _growth(cells),
        _comparisons(comparisons) if comparisons else [],
        ["", LEGEND] if cells else [],
    )


def _measurements(cells: Sequence[dict]) -> list[str]:
    lines = [
        [
            cell["method"],
            f"{cell['items']:,}",
            *(f"{cell[name]:{form}}" if name in cell else "" for name, form in COLUMNS.values()),
            cell.get("error", ""),
        ]
        for cell in cells
    ]
    head = ["method", "items", *COLUMNS, "failed"]
    columns = len(head) if any(line[-1] for line in lines) else -1
    return table(head[:columns], [line[:columns] for line in lines])


def growth(cells: Sequence[dict]) -> list[tuple[str, str, dict[int, float]]]:
    """(method, figure, {items: multiple of that on the method's smallest catalogue}).

    A method with fewer than two measured catalogues, or a figure that was not measured on all of
    them, has none.
    """
    found = []
    measured = [cell for cell in cells if "error" not in cell]
    for method in dict.fromkeys(cell["method"] for cell in measured):
        own = sorted((c for c in measured if c["method"] == method), key=lambda c: c["items"])
        for figure in GROWING:
            if len(own) > 1 and all(figure in cell for cell in own):
                ratio = {cell["items"]: cell[figure] / own[0][figure] for cell in own}
                found.append((method, figure, ratio))
    return found


def _growth(cells: Sequence[dict]) -> list[str]:
    found = growth(cells)
    sizes = sorted({size for *_, ratio in found for size in ratio})
    lines = [
        [method, GROWING[figure], *(_multiple(ratio[s]) if s in ratio else "" for s in sizes)]
        for method, figure, ratio in found
    ]
    return table(["growth", "of", *(f"{size:,}" for size in sizes)], lines) if lines else []


def _multiple(value: float) -> str:
    return f"x{value:.2f}" if value >= 0.1 else f"x{value:.2g}"


def _comparisons(comparisons: Sequence[dict]) -> list[str]:
    return table(
        ["beside", "items", "unit", "ours", "theirs", "times as fast", "least", "most"],
        [
            [
                c["method"],
                f"{c['items']:,}",
                c["unit"],
                *(_number(statistics.median(c[side])) for side in ("ours", "theirs")),
                *(f"x{c['median']:.2f}", f"x{min(c['times_as_fast']):.2f}"),
                f"x{max(c['times_as_fast']):.2f}",
            ]
            for c in comparisons
        ],
    )


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.2f}"
