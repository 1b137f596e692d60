"""The leaderboard as a Markdown page, from the report alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from advrec_tf.pipelines.attack import bounded, certificates
from experiments.harness import earlier
from experiments.harness.markdown import number, page, spread, table

_EXTENT = ("targets", "seeds")
CERTIFICATES = {"certificates": certificates, "bounded": bounded}
"""Key of a section -> the module that puts what it holds into words and rows."""
_DATA = ("users", "items", "interactions", "fillers")


def render(report: dict, path: Path) -> str:
    """A section a data set: rows, then certificates. A `note` says what was measured otherwise."""
    return page(
        "Robustness leaderboard",
        report["command"],
        _protocol(report),
        *(_data_set(found) for found in report["data_sets"]),
    )


def continued(report: Mapping, before: Mapping) -> dict:
    """The report of a run with the data sets, rows and certificates of an earlier one that it has
    not measured again, and the note of that. Rows stand in the order of the earlier report, new
    ones after them."""
    joined = earlier.with_others(
        _by_name(report),
        _by_name(before),
        earlier.maker(before),
        rows="rows",
        same_data=_same_data,
    )
    for data, found in _by_name(before).items():
        for kind in CERTIFICATES:
            if joined[data].get(kind) is None and _same_data(joined[data], found):
                joined[data][kind] = found.get(kind)
        labels = [*found["rows"], *joined[data]["rows"]]
        joined[data]["rows"] = {
            label: joined[data]["rows"][label]
            for label in dict.fromkeys(labels)
            if label in joined[data]["rows"]
        }
    listed = [{**found, "rows": [*found["rows"].values()]} for found in joined.values()]
    return earlier.noted({**report, "data_sets": listed}, before)


def _by_name(report: Mapping) -> dict[str, dict]:
    """Data set -> what was found, its rows by their labels."""
    return {
        found["data"]: {**found, "rows": {_label(row): row for row in found["rows"]}}
        for found in report["data_sets"]
    }


def _label(row: Mapping) -> str:
    return f"{_model(row)} of {row['group']} targets"


def _named(rows: Sequence[Mapping]) -> dict[str, Mapping]:
    """The rows by their models where one run made those of all groups, else by their labels."""
    makers: dict[str, list] = {}
    for row in rows:
        makers.setdefault(_model(row), []).append(row.get("made_by"))
    return {
        _model(row) if all(one == made[0] for one in made) else _label(row): row
        for row in rows
        for made in [makers[_model(row)]]
    }


def _model(row: Mapping) -> str:
    return f"{row['model']}:{row['defence']}"


def _same_data(one: Mapping, other: Mapping) -> bool:
    return all(one[fact] == other[fact] for fact in _DATA)


def _protocol(report: dict) -> list[str]:
    threat = report["threat"]
    adaptive = (
        " The adaptive attacker knows model and defence: several attacks, and profiles that evade "
        "its detector, are tried on a copy of both, and the best is injected."
        if threat["adaptive"]
        else " " + (threat.get("note") or "No attacker here knows the defence.")
    )
    return [
        "",
        f"Threat model {threat['name']}/{threat['version']}: {threat['accounts']} accounts push "
        f"one item, by {', '.join(threat['attacks'])}.{adaptive}",
        "",
        "*Worst*: the hit rate of the target among the first ten items of real users who have not "
        "rated it, of the attack that works best, a mean over targets and seeds; *clean* is that "
        "of the same model without attack and defence. *NDCG@10* is of honest users without an "
        "attack, *kept* its share of the same model without the defence. *Seconds* are of one "
        "training with the defence, the slowest of a row. All data have one setting.",
        *(["", report["note"]] if "note" in report else []),
    ]


def _data_set(found: dict) -> list[str]:
    lines = [
        "",
        f"## {found['data']}",
        *earlier.section_lines(found),
        "",
        f"{found['users']:,} users, {found['items']:,} items, {found['interactions']:,} training "
        f"interactions; a fake rates {found['fillers']} items beside the target. "
        f"{_time(found)} minutes.",
        *earlier.row_lines(_named(found["rows"])),
    ]
    for group in dict.fromkeys(row["group"] for row in found["rows"]):
        rows = [row for row in found["rows"] if row["group"] == group]
        attacks = list(dict.fromkeys(name for row in rows for name in row["hit_rates"]))
        lines += [
            "",
            f"### {group} targets",
            "",
            _extent(rows),
            *table(
                [
                    *("model", "defence", "NDCG@10", "kept", "clean", "worst", "by"),
                    *attacks,
                    "seconds",
                ],
                [_row(row, attacks) for row in rows],
            ),
        ]
    return lines + _certificates(found)


def _time(found: Mapping) -> str:
    early = any("made_by" in row for row in found["rows"])
    cells = "All cells but those of the rows made earlier" if early else "All cells"
    return f"{cells} took {found['seconds'] / 60:.0f}"


def _extent(rows: Sequence[Mapping]) -> str:
    """Targets and seeds of a table's rows, with the names of the rows where they differ."""
    names: dict[str, list[str]] = {}
    for row in rows:
        targets, seeds = (f"{row[one]} {one[:-1]}{'s' * (row[one] > 1)}" for one in _EXTENT)
        names.setdefault(f"{targets}, {seeds}", []).append(_model(row))
    if len(names) == 1:
        return f"{next(iter(names))}."
    return "; ".join(f"{words} ({', '.join(models)})" for words, models in names.items()) + "."


def _row(row: dict, attacks: list[str]) -> list[str]:
    kept = row["ndcg"] / row["ndcg_undefended"] if row["ndcg_undefended"] else None
    return [
        row["model"],
        row["defence"],
        number(row["ndcg"]),
        "" if kept is None else f"{100 * kept:.1f} %",
        number(row["clean_hit_rate"], 3),
        spread(row["worst"], row["worst_deviation"], 3),
        row["worst_attack"] or "",
        *(number(row["hit_rates"].get(name), 3) for name in attacks),
        number(row["seconds"], 1),
    ]


def _certificates(found: dict) -> list[str]:
    lines = []
    for kind, made in CERTIFICATES.items():
        if found.get(kind) is not None:
            head, *rows = made.rows_of(found[kind])
            lines += ["", made.words_of(found[kind]), *table(head, rows)]
    return ["", "### Certified", *lines] if lines else []
