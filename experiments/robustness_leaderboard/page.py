"""The leaderboard as a Markdown page, from the report alone."""

from __future__ import annotations

from pathlib import Path

from experiments.harness.markdown import number, page, spread, table


def render(report: dict, path: Path) -> str:
    """A section a data set: rows, then certificates."""
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
    settings, curve = found["settings"], found["curve"]
    return [
        "",
        "### Certified",
        "",
        f"{settings['num_models']:,} models of EASE on {settings['subset_size']} random users "
        f"each, which vote for {settings['votes_each']} items: NDCG@10 {found['ndcg']:.4f} beside "
        f"{found['ndcg_ease']:.4f} of EASE, {found['seconds']:.0f} seconds beside "
        f"{found['seconds_ease']:.1f}. For each user with a confidence of "
        f"{100 * curve[0]['confidence']:g} %, whatever the fakes do: *kept* are the hits that stay "
        "in their lists, *barred* the unlisted items that cannot enter one; precision, recall and "
        "NDCG are at least these.",
        *table(
            ["fakes", "hits", "kept", "share", "barred", "precision@10", "recall@10", "NDCG@10"],
            [
                [
                    str(one["num_fakes"]),
                    str(one["hits"]),
                    str(one["kept"]),
                    *(number(one[name], 3) for name in ("kept_share", "barred")),
                    *(number(one[name]) for name in ("precision", "recall", "ndcg")),
                ]
                for one in curve
            ],
        ),
    ]
