"""Blocks that the page is made of, and numbers as text.

A block is a dictionary with a `kind`: "table" (head, rows), "note" (text), "list" (items). Cells
are text; nothing here is HTML. Which blocks a section has is left to `tables`.
"""

from __future__ import annotations

from collections.abc import Sequence


def number(value: float | None) -> str:
    """Three decimals; a dash where there is no value."""
    return "–" if value is None else f"{value:.3f}"


def percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def with_interval(value: Sequence[float | None]) -> str:
    mean, half = value
    return number(mean) if half is None else f"{number(mean)} ± {half:.3f}"


def note(text: str) -> dict:
    return {"kind": "note", "text": text}


def table(head: Sequence[str], rows: Sequence[Sequence[str]], caption: str = "") -> dict:
    return {
        "kind": "table",
        "caption": caption,
        "head": list(head),
        "rows": [list(r) for r in rows],
    }
