"""The quality of generated rows as lines of text, for the console."""

from __future__ import annotations

from collections.abc import Mapping

from advrec_tf.tabular.quality_page import comparison_rows, verdict_rows


def comparison_lines(qualities: Mapping[str, dict]) -> list[str]:
    """Each generator beside its controls, as an aligned table."""
    rows = [
        ["" if c is None else f"{c:.3f}" if isinstance(c, float) else str(c) for c in row]
        for row in comparison_rows(qualities)
    ]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def verdict_lines(quality: dict) -> list[str]:
    """Each measure with its aim, and whether that is reached."""
    lines = []
    for name, value, aim, done in verdict_rows(quality):
        shown = "not measured" if value is None else f"{value:.3f}"
        mark = {True: "reached", False: "missed", None: "not judged"}[done]
        lines.append(f"{name:<62} {shown:>8}  {aim:<14} {mark}")
    return lines
