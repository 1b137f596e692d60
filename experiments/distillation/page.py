"""The report of the study of distillation as a Markdown page, from the report alone."""

from __future__ import annotations

import statistics
from pathlib import Path

from experiments.harness.markdown import facts, page, spread, table

METRICS = {"ndcg@5": "N@5", "hit_rate@5": "H@5", "full ndcg@10": "NDCG@10, all items"}


ALONE = "student alone"
"""The small model without a teacher."""


def markdown(report: dict, path: Path) -> str:
    """The table, and how much of the gap to the teacher each small model closes."""
    lines = [
        [
            row["model"],
            str(row["dim"]),
            row["tables"],
            str(row["bytes"]),
            *(spread(*_moments(row[name])) for name in METRICS),
        ]
        for row in report["rows"]
    ]
    return page(
        "Distillation into a tenth of the size",
        report["command"],
        facts(report["about"]),
        [
            "",
            "Cosine factorizations under a sampled softmax; the students' loss has that of a "
            "teacher's lists added (relaxed ranking). A tenth of the size: a tenth of the "
            "dimensions, or int8 vectors of as many bytes. *Cut*: the teacher's scores by as many "
            "dimensions as say most of them, without training. N@5 and H@5: the test item of each "
            "user among 499 drawn items. Means over the training seeds (deviation).",
        ],
        table(["model", "dimensions", "vectors", "bytes of one", *METRICS.values()], lines),
        ["", *closed(report["rows"])],
    )


def closed(rows: list[dict]) -> list[str]:
    """The share of the gap between the small model of few dimensions, trained alone, and the
    teacher, a line a row.

    The first row is the teacher's; the first of `ALONE` is the one that the papers improve on.
    """
    mean = [statistics.fmean(row["ndcg@5"]) for row in rows]
    alone = next(place for place, row in enumerate(rows) if row["model"] == ALONE)
    gap = mean[0] - mean[alone]
    return [
        f"- {row['model']}, {row['dim']} dimensions in {row['tables']}: "
        f"{(value - mean[alone]) / gap:+.0%} of the gap in N@5."
        for place, (row, value) in enumerate(zip(rows, mean, strict=True))
        if place not in (0, alone)
    ]


def _moments(values: list[float]) -> tuple[float, float | None]:
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None
