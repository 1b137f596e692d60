"""The report of the grid as a Markdown page, from the report alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from experiments.harness.markdown import number, page, spread, table
from experiments.harness.plots import save
from experiments.harness.reports import images_of
from experiments.robustness_grid import figures
from experiments.robustness_grid.figures import levels

MEASURES = {
    "target_hit_rate@10": "target HR@10",
    "target_hit_rate@50": "HR@50",
    "target_ndcg@10": "target NDCG@10",
    "target_rank": "target rank",
    "score_shift": "score shift",
    "list_overlap@10": "list overlap@10",
    "ndcg@10": "NDCG@10, honest users",
}
STEALTH = {
    "pca_auc": "PCA AUC",
    "pca_ap": "PCA AP, 1 %",
    "rating_distance": "rating distance",
    "popularity_distance": "popularity distance",
    "generation_seconds": "seconds to generate",
}
HEADINGS = {
    "transfer": "Transfer",
    "knowledge": "What the attacker knows",
    "defences": "Defences",
    "trade_off": "Trade-off",
    "hardening": "Adversarial training",
    "sizes": "Attack size",
}
TEXTS = {
    "transfer": (
        "The same profiles against victims that they were not made for: target HR@10 (HR@50)."
    ),
    "knowledge": (
        "*White*: all interactions, and a surrogate of the victim's kind where the attack has one. "
        "*Gray*: the interactions of a fifth of the users. *Black*: these, and a surrogate of the "
        "other kind (implicit for a victim of ratings, and the other way round); attacks without "
        "a surrogate are the same as gray. Target HR@10 (HR@50)."
    ),
    "adaptive": (
        "The adaptive attacker knows the defence and the victim: average, segment, average over "
        "popular items, AUSH and copies of four users are each tried against a copy of both, and, "
        "where the defence has a detector, the two best once more with the least suspicious of "
        "four times as many profiles; the one that works best there is injected. Another seed of "
        "the defence may stop it. "
    ),
    "defences": (
        "*Accuracy kept*: NDCG@10 of honest users over that of the victim without attack and "
        "defence. Target HR@10. Least trimmed squares weigh an item's raters: they help while the "
        "honest ones outnumber the fakes, and help the fakes where these are the majority."
    ),
    "trade_off": (
        "One defence made stricter and laxer: a profile is left out where its overlap lies further "
        "than this many deviations above that of honest users (3 where no number stands). Stricter "
        "leaves the attacker less and costs honest users accuracy. Target HR@10."
    ),
    "hardening": (
        "A victim trained by gradients, with an adversary on its vectors in training (apr, pgd, "
        "vulnerability-aware); noise of the same size is the control, a defence that removes "
        "suspicious profiles stands for comparison. Target HR@10."
    ),
    "sizes": "Target HR@10.",
    "curves": (
        "NDCG@10 of honest users with every vector moved by at most epsilon of its own length: "
        "FGSM one step, BIM ten of a tenth, PGD ten longer ones, CW the same up the margin instead "
        "of the loss; random noise of the same size is the control. Length is that of the norm."
    ),
}


def render(report: dict, path: Path) -> str:
    """The page, whose plots are drawn where it shows them."""
    save(figures.plots(report), path)
    return markdown(report, path)


def markdown(report: dict, path: Path) -> str:
    """Protocol, attacks on victims, stealth, defences, sizes, epsilon, and what was left out."""
    parts, curves = report["parts"], report["curves"]
    absent = [part for part, found in {**parts, "curves": curves}.items() if not found]
    images = {name: f"{images_of(path)}{name}.png" for name in figures.plots(report)}
    left_out = report["left_out"].items()
    return page(
        f"Robustness on {report['data']}",
        report["command"],
        _protocol(report),
        *(["", f"![{name.replace('_', ' ')}]({image})"] for name, image in images.items()),
        _attacks(report),
        _matrices("transfer", parts["transfer"], "victim", "attack"),
        _matrices("knowledge", parts["knowledge"], "attack", "knowledge"),
        *(_defences(part, parts[part]) for part in ("defences", "trade_off", "hardening")),
        _sizes(parts["sizes"]),
        _curves(curves),
        ["", f"Not asked for, so not on this page: {', '.join(absent)}."] if absent else [],
        *(["", f"Left out: {count} cells, since {why}."] for why, count in left_out),
    )


def _protocol(report: dict) -> list[str]:
    lines = [
        "",
        f"Making fake profiles and training on them took {report['seconds'] / 60:.0f} minutes.",
        "",
        f"{report['users']:,} users, {report['items']:,} items, {report['interactions']:,} "
        f"training interactions. {report['profiles']} fake profiles "
        f"({100 * report['settings']['size']:g} %), each rating {report['fillers']} items beside "
        "its target; every target is attacked alone. A table says of how many targets and seeds "
        "its figures are means; of several seeds the deviation stands in brackets. Measured over "
        "real users who have not rated the target, over the full ranking of what they have not "
        "rated; ties count against the target. *Clean*: the same victim without fakes. List "
        "overlap leaves the targets out; score shift is in deviations of a user's clean scores. "
        "The random attack is the control of every other one; an ablation is the attack without "
        "its adversary.",
    ]
    if report["shift"]:
        lines += [
            "",
            f"Ratings were shifted by {report['shift']:+g}, so that the lowest is 1: in a fake "
            "profile 0 is an item that is not rated.",
        ]
    return lines


def _attacks(report: dict) -> list[str]:
    lines = []
    for group in levels(report["parts"]["attacks"], "group"):
        records = [r for r in report["parts"]["attacks"] if r["group"] == group]
        items = ", ".join(map(str, report["targets"].get(group, ())))
        lines += ["", f"## Attacks, {group} targets ({items})"]
        for victim in levels(records, "victim"):
            own = [r for r in records if r["victim"] == victim]
            lines += ["", f"### {victim}", "", _counts(own), *_measures(own, MEASURES)]
        attacked = {r["attack"]: r for r in records if "pca_auc" in r}
        if attacked:
            lines += ["", "### How far fake profiles lie from real users"]
            lines += _measures(list(attacked.values()), STEALTH)
    return lines


def _cell(record: dict | None, name: str) -> str:
    if record is None or name not in record:
        return ""
    digits = 1 if name in ("target_rank", "generation_seconds") else 4
    return spread(record[name], record.get("deviation", {}).get(name), digits)


def _measures(records: Sequence[dict], measures: dict[str, str]) -> list[str]:
    shown = {n: title for n, title in measures.items() if any(n in record for record in records)}
    return table(
        ["attack", *shown.values()],
        [[record["attack"], *(_cell(record, name) for name in shown)] for record in records],
    )


def _counts(records: Sequence[dict]) -> str:
    """Over how many targets and seeds the figures are means; without a spread it is one seed."""
    targets, seeds = (sorted(set(levels(records, name))) for name in ("targets", "seeds"))
    text = f"Means over {' or '.join(map(str, targets))} target{'s' * (targets[-1] > 1)}, "
    text += f"{' or '.join(map(str, seeds))} seed{'s' * (seeds[-1] > 1)}"
    return text + (", one where no deviation stands." if len(seeds) > 1 else ".")


def _heading(part: str, records: Sequence[dict]) -> list[str]:
    adaptive = TEXTS["adaptive"] * (part == "defences" and "adaptive" in levels(records, "attack"))
    return ["", f"## {HEADINGS[part]}", "", f"{adaptive}{TEXTS[part]} {_counts(records)}"]


def _matrices(part: str, records: list, down: str, across: str) -> list[str]:
    """HR@10 (HR@50) by two keys, a table for each value of the victim unless it is one of them."""
    if not records:
        return []
    lines = _heading(part, records)
    for victim in levels(records, "victim") if down != "victim" else [None]:
        own = [r for r in records if victim in (None, r["victim"])]
        found = {(r[down], r[across]): r for r in own}
        columns = levels(own, across)
        lines += ["", f"### {victim}"] if victim else []
        lines += table(
            [down, *columns],
            [[key, *(_rates(found.get((key, c))) for c in columns)] for key in levels(own, down)],
        )
    return lines


def _rates(record: dict | None) -> str:
    if record is None:
        return ""
    return f"{record['target_hit_rate@10']:.4f} ({record['target_hit_rate@50']:.4f})"


def _defences(part: str, records: list) -> list[str]:
    if not records:
        return []
    lines = _heading(part, records)
    for group, victim in dict.fromkeys((r["group"], r["victim"]) for r in records):
        own = [r for r in records if (r["group"], r["victim"]) == (group, victim)]
        attacks = levels(own, "attack")
        lines += ["", f"### {victim}, {group} targets"]
        lines += table(
            [
                *("defence", *(f"HR@10, {attack}" for attack in attacks), "worst over clean"),
                *("accuracy kept, no attack", "accuracy kept, attacked"),
            ],
            [
                _defence(name, attacks, {r["attack"]: r for r in own if r["defence"] == name})
                for name in levels(own, "defence")
            ],
        )
    return lines


def _defence(name: str, attacks: list[str], found: dict[str, dict]) -> list[str]:
    attacked = [record for attack, record in found.items() if attack != "none"]
    clean = next(iter(found.values()))["target_hit_rate@10, clean"]
    worst = max((record["target_hit_rate@10"] for record in attacked), default=0.0)
    kept = [
        min((100 * r["ndcg@10"] / r["ndcg@10, clean"] for r in records), default=None)
        for records in ([found["none"]] if "none" in found else [], attacked)
    ]
    return [
        name,
        *(_cell(found.get(attack), "target_hit_rate@10") for attack in attacks),
        f"{worst / clean:.1f} x" if clean > 0 else f"{worst:.4f} over 0",
        *("" if value is None else f"{number(value, 1)} %" for value in kept),
    ]


def _sizes(records: list) -> list[str]:
    if not records:
        return []
    found = {(r["victim"], r["attack"], r["size"]): r for r in records}
    sizes = sorted(set(levels(records, "size")))
    return [
        *_heading("sizes", records),
        *table(
            ["victim", "attack", *(f"{100 * size:g} %" for size in sizes)],
            [
                [*key, *(_cell(found.get((*key, size)), "target_hit_rate@10") for size in sizes)]
                for key in dict.fromkeys((r["victim"], r["attack"]) for r in records)
            ],
        ),
    ]


def _curves(curves: dict) -> list[str]:
    if not curves:
        return []
    found = {
        (victim, p["norm"], p["kind"], p["epsilon"]): p["ndcg@10"]
        for victim, curve in curves.items()
        for p in curve["points"]
    }
    epsilons = sorted({epsilon for *_, epsilon in found})
    return [
        *("", "## Perturbed vectors", "", TEXTS["curves"]),
        *table(
            ["victim", "norm", "attack", "0", *(f"{epsilon:g}" for epsilon in epsilons)],
            [
                [
                    *(victim, norm, kind, number(curves[victim]["clean"])),
                    *(number(found.get((victim, norm, kind, epsilon))) for epsilon in epsilons),
                ]
                for victim, norm, kind in dict.fromkeys(key[:3] for key in found)
            ],
        ),
    ]
