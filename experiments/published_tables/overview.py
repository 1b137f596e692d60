"""All reproduced tables in one overview, from their reports alone.

It is written into a page between two marks, so that no figure of a reproduced table is ever typed
by hand.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from experiments.harness.markdown import table
from experiments.published_tables.models import MODELS

BEGIN, END = "<!-- overview: begin -->", "<!-- overview: end -->"
USUAL_SEEDS = 5  # of means of fewer the number is shown
LEGEND = (
    "The metric that settings were chosen by, full ranking, means over five seeds (where fewer, "
    "the number in brackets); *published*: the highest published figure of a learned model, where "
    "there is one."
)
ADDED = (
    "What an ingredient adds to its ablation, in percent of the ablation's metric: **bold** where "
    "the paired 95 % interval over users excludes 0, not corrected for the number of comparisons."
)


def markdown(reports: Mapping[str, dict], *, link: str = "{}.md") -> list[str]:
    """Two tables, a column a report.

    Args:
        reports: table -> its report, in the order of the columns.
        link: a page's address, with a place for the table's name.
    """
    columns = [f"[{t}]({link.format(t)}), {_short(r['choose_by'])}" for t, r in reports.items()]
    known = {label for report in reports.values() for label in report["entries"]}
    labels = [label for label in MODELS if label in known]
    values = [[label, *(_value(r, label) for r in reports.values())] for label in labels]
    values.append(["*published*", *(_published(r) for r in reports.values())])
    added = [
        [f"{label} (over {MODELS[label].ablation})", *cells]
        for label in labels
        if any(cells := [_added(report, label) for report in reports.values()])
    ]
    head = ["model", *columns]
    return [LEGEND, *table(head, values), "", ADDED, *table(head, added)]


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
    entry = report["entries"].get(label)
    if entry is None:
        return ""
    fewer = MODELS[label].seeded and entry["seeds"] < USUAL_SEEDS
    return _figure(entry["mean"][report["choose_by"]]) + f" ({entry['seeds']})" * fewer


def _published(report: dict) -> str:
    name = report["choose_by"]
    learned = [f for who, f in report["references"].items() if "(NumPy)" not in who and name in f]
    return _figure(max(f[name] for f in learned)) if learned else ""


def _added(report: dict, label: str) -> str:
    entries, ablation = report["entries"], MODELS[label].ablation
    test = entries.get(label, {}).get("against", {}).get(ablation)
    if test is None or ablation not in entries:
        return ""
    found = test[report["choose_by"]]
    before = entries[ablation]["mean"][report["choose_by"]]
    text = f"{100 * found['difference'] / before:+.1f}"
    return f"**{text}**" if abs(found["difference"]) > found["half_width"] else text


def _short(metric: str) -> str:
    return metric.replace("ndcg", "NDCG")


def _figure(value: float) -> str:
    return f"{value:.4f}".lstrip("0")
