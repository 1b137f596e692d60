"""The report of the grid as a Markdown page, from the report alone."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

MEASURES = (
    ("target_hit_rate@10", "target HR@10"),
    ("target_hit_rate@50", "HR@50"),
    ("target_ndcg@10", "target NDCG@10"),
    ("target_rank", "target rank"),
    ("score_shift", "score shift"),
    ("list_overlap@10", "list overlap@10"),
    ("ndcg@10", "NDCG@10, honest users"),
)
STEALTH = (
    ("pca_auc", "PCA AUC"),
    ("pca_ap", "PCA AP, 1 %"),
    ("rating_distance", "rating distance"),
    ("popularity_distance", "popularity distance"),
    ("generation_seconds", "seconds to write"),
)
DEFENCES_TEXT = (
    "*Accuracy kept*: NDCG@10 of honest users over that of the victim without attack and defence. "
    "Target HR@10. Trimming and median weigh an item's raters: they help while the honest ones "
    "outnumber the fakes, and serve the fakes where these are the majority."
)
ADAPTIVE_TEXT = (
    "The adaptive attacker knows the defence and the victim. He tries average, segment, average "
    "over popular items, AUSH and copies of four users each against a copy of both, and, where the "
    "defence has a detector, the two best once more with the least suspicious of four times as "
    "many profiles; he plays what works best there, which another seed of the defence may foil. "
)
TRADE_OFF_TEXT = (
    "One defence made stricter and laxer: a profile is left out where its overlap lies further "
    "than this many deviations above that of honest users (3 where no number stands). Stricter "
    "leaves the attacker less and costs honest users theirs. Target HR@10."
)
HARDENING_TEXT = (
    "A victim trained by gradients, with an adversary on its vectors in training (APR, PGD, VAT); "
    "noise of the same size is the control, scrubbing the rows for comparison. Target HR@10."
)


def markdown(report: dict, command: str, figures: Sequence[str] = ()) -> str:
    """Protocol, attacks on victims, stealth, defences, sizes, epsilon, what was left out."""
    settings = report["settings"]
    lines = [
        f"# Robustness on {report['data']}",
        "",
        f"Made by `{command}`. Writing fakes and training on them took "
        f"{report['seconds'] / 60:.0f} minutes.",
        "",
        f"{report['users']:,} users, {report['items']:,} items, {report['rows']:,} training rows. "
        f"{report['profiles']} fake profiles ({100 * settings['size']:g} %), each rating "
        f"{report['fillers']} items beside its target; every target is attacked alone. A table "
        f"says of how many targets and seeds its figures are means; of several seeds the "
        "deviation stands in brackets. Measured over real "
        "users who have not rated the target, over the full ranking of what they have not rated; "
        "ties count against the target. *Clean*: the same victim without fakes. List overlap "
        "leaves the targets out; score shift is in deviations of a user's clean scores. The random "
        "attack is the control of every other, and an ablation that of what it is the ablation of.",
        "",
    ]
    if report.get("shift"):
        lines += [
            f"Ratings were shifted by {report['shift']:+g}, so that the lowest is 1: in a fake "
            "profile 0 is an item that is not rated.",
            "",
        ]
    for name in figures:
        lines += [f"![{Path(name).stem.replace('_', ' ')}]({name})", ""]
    parts = report["parts"]
    for group in dict.fromkeys(row["group"] for row in parts["attacks"]):
        items = ", ".join(map(str, report["targets"].get(group, ())))
        lines += [f"## Attacks, {group} targets ({items})", ""]
        rows = [r for r in parts["attacks"] if r["group"] == group]
        for victim in dict.fromkeys(row["victim"] for row in rows):
            own = [row for row in rows if row["victim"] == victim]
            lines += [f"### {victim}", "", _counts(own), ""]
            lines += [*_table(own, ("attack",), MEASURES), ""]
        attacked = {r["attack"]: r for r in rows if "pca_auc" in r}
        if attacked:
            lines += ["### How far fakes lie from real users", ""]
            lines += [*_table(list(attacked.values()), ("attack",), STEALTH), ""]
    if parts["transfer"]:
        lines += [
            "## Transfer",
            "",
            "The same fakes against victims that their writer never thought of: target HR@10 "
            f"(HR@50). {_counts(parts['transfer'])}",
            "",
            *_matrix(parts["transfer"], "victim", "attack"),
            "",
        ]
    if parts["knowledge"]:
        lines += [
            "## What the attacker knows",
            "",
            "*White*: all rows, and a surrogate of the victim's kind where the attack has one. "
            "*Gray*: the rows of a fifth of the users. *Black*: these, and a surrogate of the "
            "other kind (implicit for a victim of ratings, and the other way round); attacks "
            "without a surrogate are the same as gray. Target HR@10 (HR@50). "
            f"{_counts(parts['knowledge'])}",
            "",
        ]
        for victim in dict.fromkeys(row["victim"] for row in parts["knowledge"]):
            own = [row for row in parts["knowledge"] if row["victim"] == victim]
            lines += [f"### {victim}", "", *_matrix(own, "attack", "knowledge"), ""]
    adaptive = any(row["attack"] == "adaptive" for row in parts["defences"])
    for part, title, text in (
        ("defences", "Defences", ADAPTIVE_TEXT * adaptive + DEFENCES_TEXT),
        ("trade_off", "Trade-off", TRADE_OFF_TEXT),
        ("hardening", "Adversarial training", HARDENING_TEXT),
    ):
        if parts[part]:
            lines += [f"## {title}", "", f"{text} {_counts(parts[part])}", ""]
            for group, victim in dict.fromkeys((r["group"], r["victim"]) for r in parts[part]):
                own = [r for r in parts[part] if (r["group"], r["victim"]) == (group, victim)]
                lines += [f"### {victim}, {group} targets", "", *_defences(own), ""]
    if report["parts"]["sizes"]:
        lines += ["## Attack size", "", f"Target HR@10. {_counts(report['parts']['sizes'])}", ""]
        lines += [*_sizes(report["parts"]["sizes"]), ""]
    if report["curves"]:
        lines += [
            "## Perturbed vectors",
            "",
            "NDCG@10 of honest users with every vector moved by at most epsilon of its own length: "
            "FGSM one step, BIM ten of a tenth, PGD ten longer ones, CW the same up the margin "
            "instead of the loss; random noise of the same size is the control. Length is that of "
            "the norm.",
            "",
            *_curves(report["curves"]),
            "",
        ]
    missing = [part for part, rows in (*parts.items(), ("curves", report["curves"])) if not rows]
    if missing:
        lines += [f"Not asked for, so not on this page: {', '.join(missing)}.", ""]
    for why, count in report["left_out"].items():
        lines.append(f"Left out: {count} cells, since {why}.")
    return "\n".join(lines).rstrip() + "\n"


def _cell(row: dict, name: str) -> str:
    if name not in row:
        return ""
    places = 1 if name in ("target_rank", "generation_seconds") else 4
    deviation = row.get("deviation", {}).get(name)
    spread = "" if deviation is None else f" ({deviation:.{places}f})"
    return f"{row[name]:.{places}f}{spread}"


def _table(rows: Sequence[dict], keys: Sequence[str], measures) -> list[str]:
    shown = [(name, title) for name, title in measures if any(name in row for row in rows)]
    head = [*keys, *(title for _, title in shown)]
    body = [
        [*(str(row[key]) for key in keys), *(_cell(row, name) for name, _ in shown)] for row in rows
    ]
    return [_line(head), _line(["---"] * len(head)), *map(_line, body)]


def _counts(rows: Sequence[dict]) -> str:
    """Over how many targets and seeds rows are means; those without a spread have one seed."""
    targets, seeds = (sorted({row[name] for row in rows}) for name in ("targets", "seeds"))
    text = f"Means over {' or '.join(map(str, targets))} target{'s' * (targets[-1] > 1)}, "
    text += f"{' or '.join(map(str, seeds))} seed{'s' * (seeds[-1] > 1)}"
    return text + (", one where no deviation stands." if len(seeds) > 1 else ".")


def _matrix(rows: Sequence[dict], down: str, across: str) -> list[str]:
    """HR@10 (HR@50) of rows, by two of their keys."""
    columns = list(dict.fromkeys(row[across] for row in rows))
    lines = [_line([down, *columns]), _line(["---"] * (1 + len(columns)))]
    for name in dict.fromkeys(row[down] for row in rows):
        own = {row[across]: row for row in rows if row[down] == name}
        cells = [
            f"{own[c]['target_hit_rate@10']:.4f} ({own[c]['target_hit_rate@50']:.4f})"
            if c in own
            else ""
            for c in columns
        ]
        lines.append(_line([name, *cells]))
    return lines


def _defences(rows: Sequence[dict]) -> list[str]:
    attacks = list(dict.fromkeys(row["attack"] for row in rows))
    head = ["defence", *(f"HR@10, {attack}" for attack in attacks)]
    head += ["worst over clean", "accuracy kept, no attack", "accuracy kept, attacked"]
    lines = [_line(head), _line(["---"] * len(head))]
    for defence in dict.fromkeys(row["defence"] for row in rows):
        own = {row["attack"]: row for row in rows if row["defence"] == defence}
        cells = [_cell(own[a], "target_hit_rate@10") if a in own else "" for a in attacks]
        attacked = [row for name, row in own.items() if name != "none"]
        clean = next(iter(own.values()))["target_hit_rate@10, clean"]
        worst = max((row["target_hit_rate@10"] for row in attacked), default=0.0)
        cells.append(f"{worst / clean:.1f} x" if clean > 0 else f"{worst:.4f} over 0")
        kept = [_kept(own["none"])] if "none" in own else [None]
        kept.append(min((_kept(row) for row in attacked), default=None))
        cells += ["" if value is None else f"{100 * value:.1f} %" for value in kept]
        lines.append(_line([defence, *cells]))
    return lines


def _kept(row: dict) -> float:
    return row["ndcg@10"] / row["ndcg@10, clean"]


def _sizes(rows: Sequence[dict]) -> list[str]:
    sizes = sorted({row["size"] for row in rows})
    head = ["victim", "attack", *(f"{100 * size:g} %" for size in sizes)]
    lines = [_line(head), _line(["---"] * len(head))]
    for victim, attack in dict.fromkeys((row["victim"], row["attack"]) for row in rows):
        own = {r["size"]: r for r in rows if (r["victim"], r["attack"]) == (victim, attack)}
        cells = [_cell(own[size], "target_hit_rate@10") if size in own else "" for size in sizes]
        lines.append(_line([victim, attack, *cells]))
    return lines


def _curves(curves: dict) -> list[str]:
    epsilons = sorted({p["epsilon"] for curve in curves.values() for p in curve["points"]})
    head = ["victim", "norm", "attack", "0", *(f"{epsilon:g}" for epsilon in epsilons)]
    lines = [_line(head), _line(["---"] * len(head))]
    for victim, curve in curves.items():
        for norm, kind in dict.fromkeys((p["norm"], p["kind"]) for p in curve["points"]):
            found = {
                p["epsilon"]: p["ndcg@10"]
                for p in curve["points"]
                if (p["norm"], p["kind"]) == (norm, kind)
            }
            cells = [f"{found[e]:.4f}" if e in found else "" for e in epsilons]
            lines.append(_line([victim, norm, kind, f"{curve['clean']:.4f}", *cells]))
    return lines


def _line(cells: Sequence[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def one_cell(row: dict) -> list[str]:
    """Lines of one aggregated cell: each measure with its clean value beside it."""
    lines = [
        f"{row['attack']} on {row['victim']}, defence {row['defence']}: {row['targets']} targets, "
        f"{row['seeds']} seed{'s' if row['seeds'] > 1 else ''}",
        f"  {'':<26}{'clean':>12}{'now':>12}",
    ]
    for name in row:
        if isinstance(row[name], float) and name != "size" and not name.endswith(", clean"):
            clean = row.get(f"{name}, clean")
            before = "" if clean is None else f"{clean:.4f}"
            lines.append(f"  {name:<26}{before:>12}{row[name]:>12.4f}")
    return lines
