"""The report of the study of small tables as a Markdown page, from the report alone."""

from __future__ import annotations

import statistics
from pathlib import Path

from experiments.harness.markdown import facts, page, spread, table

COLUMNS = ("clean", "fgsm", "random")


def markdown(report: dict, path: Path) -> str:
    """The table, and what rounding did to what adversarial training had bought."""
    named = {"fgsm": "moved by an adversary", "random": "moved by noise"}
    lines = [
        [
            row["model"],
            row["tables"],
            str(row["bytes"]),
            *(spread(*_moments(row[column])) for column in COLUMNS),
        ]
        for row in report["rows"]
    ]
    head = ["model", "vectors", "bytes of one", *(f"NDCG@10, {named.get(c, c)}" for c in COLUMNS)]
    return page(
        f"{report['name']}: small tables",
        report["command"],
        facts(report["about"]),
        [
            "",
            "Factorizations by BPR, last item of each user held out; means over the training seeds "
            "(deviation). APR: adversarially trained. Moved: every vector by "
            f"{report['epsilon']:g} of its length after rounding, by a gradient step against the "
            "ranking (FGSM) or by noise.",
        ],
        table(head, lines),
        ["", *verdict(report["rows"])],
    )


def verdict(rows: list[dict]) -> list[str]:
    """What rounding costs, and how much of what APR bought is left, a line each."""
    mean = {
        (row["model"], row["tables"]): {c: statistics.fmean(row[c]) for c in COLUMNS}
        for row in rows
    }
    found = []
    for kind in ("float16", "int8"):
        costs = ", ".join(
            f"{name} {mean[name, kind]['clean'] / mean[name, 'float32']['clean'] - 1:+.2%}"
            for name in ("plain", "APR")
        )
        bought, left = (
            mean["APR", one]["fgsm"] - mean["plain", one]["fgsm"] for one in ("float32", kind)
        )
        found.append(
            f"- {kind} changes NDCG@10 by {costs}. Under the adversary APR is {bought:+.4f} above "
            f"plain by float32 and {left:+.4f} by {kind}."
        )
    return found


def _moments(values: list[float]) -> tuple[float, float | None]:
    return statistics.fmean(values), statistics.stdev(values) if len(values) > 1 else None
