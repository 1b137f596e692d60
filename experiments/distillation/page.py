"""The report of the study of distillation as a Markdown page, from the report alone."""

from __future__ import annotations

import statistics
from pathlib import Path

from experiments.harness.markdown import facts, page, spread, table

METRICS = {"ndcg@5": "N@5", "hit_rate@5": "H@5", "full ndcg@10": "NDCG@10, all items"}


def markdown(report: dict, path: Path) -> str:
    """The table, and how much of the gap to its teacher each student closes."""
    lines = [
        [row["model"], str(row["dim"]), *(spread(*_moments(row[name])) for name in METRICS)]
        for row in report["rows"]
    ]
    return page(
        "Distillation into a tenth of the dimensions",
        report["command"],
        facts(report["about"]),
        [
            "",
            "Cosine factorizations under a sampled softmax; the students' loss has that of a "
            "teacher's lists added (relaxed ranking). N@5 and H@5: the test item of each user "
            "among 499 drawn items. Means over the training seeds (deviation).",
        ],
        table(["model", "dimensions", *METRICS.values()], lines),
        ["", *closed(report["rows"])],
    )


def closed(rows: list[dict]) -> list[str]:
    """The share of the gap between the student alone and the teacher, a line a student."""
    mean = {row["model"]: statistics.fmean(row["ndcg@5"]) for row in rows}
    gap = mean["teacher"] - mean["student alone"]
    return [
        f"- The {name} closes {(value - mean['student alone']) / gap:+.0%} of the gap in N@5."
        for name, value in mean.items()
        if name.startswith("student of ")
    ]


def _moments(values: list[float]) -> tuple[float, float | None]:
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None
