"""The report of the study of small tables as a Markdown page, from the report alone."""

from __future__ import annotations

import statistics
from pathlib import Path

from experiments.harness.markdown import facts, page, spread, table

COLUMNS = ("clean", "fgsm", "random")
HEADS = ("NDCG@10, clean", "NDCG@10, moved by an adversary", "NDCG@10, moved by noise")


def markdown(report: dict, path: Path) -> str:
    """The table, and what rounding did to what adversarial training had bought."""
    lines = [
        [
            row["model"],
            row["tables"],
            str(row["bytes"]),
            *(spread(*_moments(row[column])) for column in COLUMNS),
        ]
        for row in report["rows"]
    ]
    head = ["model", "vectors", "bytes of one", *HEADS]
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
        # Earlier reports have neither.
        composed_tables(report["composed"]) if "composed" in report else [],
        pruned_layers(report["pruned"]) if "pruned" in report else [],
    )


def composed_tables(rows: list[dict]) -> list[str]:
    """The section of ids composed from small tables."""
    head = ["vectors of ids", "dimensions", "parameters", "of a row for each id"]
    return [
        "",
        "## Composed ids",
        "",
        "Two-tower models, trained alike; vectors moved as above. `QuotientRemainder` and "
        "`MultiHash` beside rows of fewer dimensions with as many parameters. The table above is "
        "of other models, and not comparable.",
        *table(
            [*head, *HEADS],
            (
                [
                    row["model"],
                    str(row["dim"]),
                    f"{row['parameters']:,}",
                    f"{row['share']:.1%}",
                    *(spread(*_moments(row[column])) for column in COLUMNS),
                ]
                for row in rows
            ),
        ),
    ]


def pruned_layers(rows: list[dict]) -> list[str]:
    """The section of ranking towers with zeros in their dense layers."""
    head = ["tower", "dimensions", "weights not zero", "parameters", "bytes of gzip", HEADS[0]]
    return [
        "",
        "## Pruned layers",
        "",
        "Ranking towers by clicks, last epoch. `MagnitudePruning` of cross, hidden and output "
        "layer over half of the epochs, beside small towers with no more weights there; those have "
        "smaller tables of ids as well, see parameters. Zeros are multiplied like other weights: "
        "a pruned tower answers no faster, and only its compressed file is smaller.",
        *table(
            head,
            (
                [
                    row["model"],
                    str(row["dim"]),
                    f"{row['weights']:,}",
                    f"{row['parameters']:,}",
                    f"{row['gzip']:,}",
                    spread(*_moments(row["clean"])),
                ]
                for row in rows
            ),
        ),
    ]


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
