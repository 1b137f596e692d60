"""All reproduced tables at a glance, from their reports alone: who ranks how well, what adds what.

Meant to be written into a page between two marks, so that no figure of a reproduced table is ever
typed by hand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from experiments.published_tables.models import MODELS

BEGIN, END = "<!-- overview: begin -->", "<!-- overview: end -->"
USUAL_SEEDS = 5  # means of fewer say of how many
LEGEND = (
    "The metric that choices were made by, full ranking, means over five seeds (fewer: in "
    "brackets); *others*: the highest published figure of a learned model, where there is one."
)
ADDED = (
    "What an ingredient adds to its ablation without it, in percent of the ablation's metric: "
    "**bold** "
    "where the paired 95 % interval over users leaves out 0, not corrected for the number of "
    "comparisons."
)


def markdown(reports: Mapping[str, dict], *, link: str = "{}.md") -> list[str]:
    """Two tables, a column a report.

    Args:
        reports: table -> its report, in the order of the columns.
        link: a page's address, with a place for the table's name.
    """
    columns = [f"[{t}]({link.format(t)}), {_short(r['choose_by'])}" for t, r in reports.items()]
    known = {label for report in reports.values() for label in report["rows"]}
    labels = [label for label in MODELS if label in known]
    lines = [LEGEND, "", *_table(["", *columns])]
    for label in labels:
        lines.append(_line([label, *(_value(r, label) for r in reports.values())]))
    lines.append(_line(["*others*", *(_published(r) for r in reports.values())]))
    lines += ["", ADDED, "", *_table(["", *columns])]
    for label in labels:
        cells = [_added(report, label) for report in reports.values()]
        if any(cells):
            ablation = MODELS[label].ablation
            lines.append(_line([f"{label} (over {ablation})", *cells]))
    return lines


def insert(page: str, lines: list[str]) -> str:
    """The page with `lines` between the marks `BEGIN` and `END`.

    Raises:
        ValueError: if it has not both marks, once each and in this order.
    """
    if page.count(BEGIN) != 1 or page.count(END) != 1 or page.index(END) < page.index(BEGIN):
        raise ValueError(f"The page should hold {BEGIN} and then {END}, once each.")
    before, after = page.split(BEGIN)[0], page.split(END)[1]
    return "\n".join([before + BEGIN, "", *lines, "", END + after])


def write(page: str | os.PathLike, reports: Mapping[str, dict], *, link: str) -> None:
    """`insert` the overview into a file."""
    path = Path(page)
    path.write_text(insert(path.read_text(), markdown(reports, link=link)))


def _value(report: dict, label: str) -> str:
    row = report["rows"].get(label)
    if row is None:
        return ""
    few = MODELS[label].seeded and row["seeds"] < USUAL_SEEDS
    return _figure(row["mean"][report["choose_by"]]) + f" ({row['seeds']})" * few


def _published(report: dict) -> str:
    name = report["choose_by"]
    learned = [f for who, f in report["references"].items() if "(NumPy)" not in who and name in f]
    return _figure(max(f[name] for f in learned)) if learned else ""


def _added(report: dict, label: str) -> str:
    row = report["rows"].get(label, {})
    test = row.get("paired", {}).get("ablation")
    if test is None or MODELS[label].ablation not in report["rows"]:
        return ""
    name = report["choose_by"]
    found = test[name]
    ablation = report["rows"][test["against"]]["mean"][name]
    text = f"{100 * found['difference'] / ablation:+.1f}"
    return f"**{text}**" if abs(found["difference"]) > found["half_width"] else text


def _short(metric: str) -> str:
    return metric.replace("ndcg", "NDCG")


def _figure(value: float) -> str:
    return f"{value:.4f}".lstrip("0")


def _table(head: list[str]) -> list[str]:
    return [_line(head), _line(["---"] * len(head))]


def _line(cells) -> str:
    return "| " + " | ".join(cells) + " |"
