"""What a run did not measure again, kept from the report that a page stands on.

A report has sections, such as protocols or data sets, and a section has rows. A run of some rows of
some sections replaces these alone: what it lacks stays, with the command and the version that made
it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping


def maker(report: Mapping) -> dict:
    """What made a report: `command`, and `version` where the report says it."""
    return {"command": report["command"], "version": report.get("about", {}).get("version")}


def with_others(
    found: Mapping[str, Mapping],
    before: Mapping[str, Mapping],
    made_by: Mapping,
    *,
    rows: str,
    same_data: Callable[[Mapping, Mapping], bool],
) -> dict[str, dict]:
    """The sections that a run found, among what an earlier report holds that it lacks.

    Args:
        found, before: label -> section, of the run and of the earlier report.
        made_by: the `maker` of the earlier report.
        rows: the key of a section under which its rows are, label -> row.
        same_data: (section, earlier section) -> whether their rows may stand in one table.

    Returns:
        label -> section, the earlier ones first, with `made_by` where they were not run again. A
        section that both hold on the same data keeps the earlier rows that the run lacks, after
        its own, each with its `made_by`.
    """
    joined = {label: {"made_by": made_by, **section} for label, section in before.items()}
    for label, section in found.items():
        other = joined.get(label)
        own = dict(section)
        if other is not None and same_data(section, other):
            kept = {
                name: {"made_by": other["made_by"], **row}
                for name, row in other[rows].items()
                if name not in section[rows]
            }
            own[rows] = {**section[rows], **kept}
        joined[label] = own
    return joined


def noted(joined: Mapping, before: Mapping) -> dict:
    """A joined report with the note of the earlier one, where it has none of its own."""
    return {"note": before["note"], **joined} if "note" in before else dict(joined)


def section_lines(section: Mapping) -> list[str]:
    """A sentence on a section that was made earlier."""
    made = section.get("made_by")
    return [] if made is None else ["", f"Made earlier, by {_words(made)}."]


def row_lines(rows: Mapping[str, Mapping]) -> list[str]:
    """A sentence for each earlier run of which there are rows."""
    names: dict[str, list[str]] = {}
    for name, row in rows.items():
        if made := row.get("made_by"):
            names.setdefault(_words(made), []).append(name)
    return [
        line
        for words, labels in names.items()
        for line in ("", f"Rows made earlier, by {words}: {'; '.join(labels)}.")
    ]


def _words(made: Mapping) -> str:
    version = made.get("version")
    return f"`{made['command']}`" + (f" of version {version}" if version else "")
