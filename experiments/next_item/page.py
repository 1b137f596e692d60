"""The report of one data set as a Markdown page, from the report alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from experiments.harness import earlier
from experiments.harness.compare import corrected
from experiments.harness.entries import settings_text
from experiments.harness.markdown import compared, difference, facts, page, spread, table
from experiments.next_item.entries import CHOSEN

INTRO = (
    "Every item of the catalogue is ranked, those of the history left out unless the protocol says "
    "otherwise; equal scores count against the target. Rows in italics are figures that others "
    f"published for the protocol. *Against {CHOSEN}*: the difference in the last metric, paired "
    "over queries, with half of its 95 % interval, the p-value, and that value after Holm's "
    "correction and after Benjamini and Hochberg's (false discovery rate) for all rows of the "
    "table; queries of one session are not independent, so that theirs are too small. "
    f"*{CHOSEN[0].upper()}{CHOSEN[1:]}*: of window, symmetry and damping by popularity validation "
    "chose the setting shown."
)
NAMES = {"hit_rate": "HR", "recall": "recall", "ndcg": "NDCG", "map": "MRR"}
REFIT = {
    True: "Closed forms are fitted on all that precedes the test part, once settings are chosen.",
    False: "Models are fitted without the validation items, which are in the history.",
}


def markdown(report: dict, path: Path) -> str:
    """A section a protocol; `note`, where the report has one, says what the reader of its figures
    should know."""
    sections = [_section(label, found) for label, found in report["protocols"].items()]
    return page(
        f"Next items: {report['name']}",
        report["command"],
        facts(report["about"]),
        ["", INTRO],
        ["", report["note"]] if "note" in report else [],
        *sections,
    )


def continued(report: dict, before: Mapping) -> dict:
    """The report of a run with what an earlier one holds beside it, see `with_others`, and the note
    of that."""
    return earlier.noted({**report, "protocols": with_others(report["protocols"], before)}, before)


def with_others(found: Mapping[str, dict], before: Mapping) -> dict[str, dict]:
    """What a run found, among what an earlier report holds that it has not measured again.

    Args:
        found: label -> the protocol, of the run.
        before: the earlier report.

    Returns:
        label -> the protocol, see `earlier.with_others`. What an earlier row stands for is not left
        out.
    """
    joined = earlier.with_others(
        found,
        before["protocols"],
        earlier.maker(before),
        rows="entries",
        same_data=lambda one, other: one["facts"] == other["facts"],
    )
    for protocol in joined.values():
        protocol["left_out"] = {
            name: why
            for name, why in protocol["left_out"].items()
            if name not in protocol["entries"]
        }
    return joined


def _section(label: str, found: Mapping) -> list[str]:
    metrics, entries = found["metrics"], found["entries"]
    adjusted = _corrected(entries)
    lines = []
    for name, entry in entries.items():
        mean, deviation = entry["mean"]["test"], entry["deviation"]["test"]
        deviation = deviation if deviation is not None else {}
        lines.append(
            [
                name,
                *(spread(mean[metric], deviation.get(metric)) for metric in metrics),
                compared(_against_chosen(entry), adjusted.get(name, {})),
                settings_text(entry["settings"]),
                f"{entry['seconds']:.1f}",
            ]
        )
    for row in found["published"]:
        values = [spread(row["metrics"].get(metric)) for metric in metrics]
        lines.append([f"*{row['model']}* ({row['source']})", *values, "", "", ""])
    head = ["model", *map(_column, metrics), f"against {CHOSEN}", "setting", "seconds"]
    notes = _left_out(found["left_out"])
    return [
        *("", f"## {label[0].upper()}{label[1:]}", "", f"{found['text']} {REFIT[found['refit']]}"),
        *earlier.section_lines(found),
        *facts(found["facts"]),
        *table(head, lines),
        *earlier.row_lines(entries),
        *_ingredients(entries, metrics[-1]),
        *(text for note in notes for text in ("", note)),
    ]


def _ingredients(entries: Mapping, metric: str) -> list[str]:
    """What each ingredient bought over its ablation and its control, paired over queries."""
    lines = [
        f"- {name} against {other}: {difference(tests['test'])}"
        for name, entry in entries.items()
        for other, tests in entry["against"].items()
        if other != CHOSEN
    ]
    return ["", f"What an ingredient changed in {_column(metric)}:", "", *lines] if lines else []


def _left_out(why_of: Mapping[str, str]) -> list[str]:
    """A sentence a reason."""
    names: dict[str, list[str]] = {}
    for name, why in why_of.items():
        names.setdefault(why, []).append(name)
    return [f"Not in the table: {'; '.join(rows)} ({why})." for why, rows in names.items()]


def _column(metric: str) -> str:
    kind, _, cut = metric.partition("@")
    return f"{NAMES[kind]}@{cut}"


def _against_chosen(entry: Mapping) -> Mapping | None:
    return entry["against"].get(CHOSEN, {}).get("test")


def _corrected(entries: Mapping) -> dict[str, dict[str, float]]:
    """Label -> correction -> p-value, over the rows that are compared."""
    tests = {
        name: entry["against"][CHOSEN]["test"]["p_value"]
        for name, entry in entries.items()
        if CHOSEN in entry["against"]
    }
    found = corrected(tests)
    return {name: {how: values[name] for how, values in found.items()} for name in tests}
