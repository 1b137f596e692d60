"""The leaderboard as a Markdown page, from the report alone."""

from __future__ import annotations

from pathlib import Path

from advrec_tf.pipelines.attack.certificates import rows_of, words_of
from experiments.harness.markdown import number, page, spread, table


def render(report: dict, path: Path) -> str:
    """A section a data set: rows, then certificates. A `note` says what was measured otherwise."""
    return page(
        "Robustness leaderboard",
        report["command"],
        _protocol(report),
        *(_data_set(found) for found in report["data_sets"]),
    )


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
        "",
        f"{found['users']:,} users, {found['items']:,} items, {found['interactions']:,} training "
        f"interactions; a fake rates {found['fillers']} items beside the target. All cells took "
        f"{found['seconds'] / 60:.0f} minutes.",
    ]
    for group in dict.fromkeys(row["group"] for row in found["rows"]):
        rows = [row for row in found["rows"] if row["group"] == group]
        attacks = list(dict.fromkeys(name for row in rows for name in row["hit_rates"]))
        lines += [
            "",
            f"### {group} targets",
            "",
            f"{rows[0]['targets']} target{'s' * (rows[0]['targets'] > 1)}, "
            f"{rows[0]['seeds']} seed{'s' * (rows[0]['seeds'] > 1)}.",
            *table(
                [
                    *("model", "defence", "NDCG@10", "kept", "clean", "worst", "by"),
                    *attacks,
                    "seconds",
                ],
                [_row(row, attacks) for row in rows],
            ),
        ]
    return lines + _certificates(found["certificates"])


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


def _certificates(found: dict | None) -> list[str]:
    if found is None:
        return []
    head, *rows = rows_of(found)
    return ["", "### Certified", "", words_of(found), *table(head, rows)]
