"""The report of an attack on a next-item model as Markdown and as lines of text, from it alone."""

from __future__ import annotations

from collections.abc import Sequence

from advrec_tf.pipelines.next_item_attack.pollution import IGNORES, STAYS_BELOW
from advrec_tf.pipelines.recommend.page import aligned_table, markdown_table

ABOUT_POLLUTION = (
    "Each history is edited up to that many times: an item substituted, inserted or deleted. "
    "random: an edit drawn at random, the control. greedy: the best of ten by the scores of what "
    "answers, defence included. gradient: the best to first order, by the gradients of the network "
    "behind the defence. Purification acts on a detector, so two attackers meet it. The attacker "
    f"who {IGNORES} fears only a lower score: the greedy search asks for the answers as they are "
    "given, through the purification, and so does the search by gradient, of the best ten to first "
    "order, a stronger search than that of the other lines. "
    f"The attacker who {STAYS_BELOW} must not be noticed, and makes no edit that brings a "
    "history over its threshold. The figure of a defence is the worst of its lines. edited: the "
    "share of the histories that differ from the clean ones at the last budget; flagged: the share "
    "that the detector finds suspicious there."
)
ABOUT_PROMOTION = (
    "Fake users push the targets, each its share of them; the model is trained again with them in "
    "its data, for as many epochs as before. removal: without the users that the detector flags. "
    "camouflage copies real histories and puts the target where that detector minds it least: the "
    "adaptive attacker. shown: the mean over targets of the share of users, among those without it "
    "in their history, who get it in a list of ten. fakes flagged: by the detector of the removal, "
    "transition surprise; beside it the area under the curve of every detector, for telling "
    "fake users from real ones."
)

LOWER, RAISE = "lower", "raise"
MEASURED = (
    ("Polluted histories, NDCG@10", LOWER, "ndcg"),
    ("A target pushed up, share of users", RAISE, "target_hit_rate"),
)
"""Title, how the goal of the curves begins, and what is measured."""


def markdown(report: dict, plots: Sequence[str]) -> str:
    """The page, with the plots by their names."""
    beside = ", ".join(f"{name} {found['ndcg']:.4f}" for name, found in report["beside"].items())
    lines = [
        f"# {report['model']} under attack",
        "",
        f"Made by `{report['command']}`, of the run `{report['run']}`.",
        "",
        f"{report['asked_users']} of {report['users']:,} users, {report['items']:,} items. The "
        "model is that which was trained without validation and test part. NDCG@10 without an "
        f"attack, beside it: {beside}. A model that ignores histories cannot be polluted: one that "
        "only keeps the level of popularity has not been defended.",
        "",
        detector_line(report["detector"], report["asked_users"]),
    ]
    for name in plots:
        lines += ["", f"![{name}]({name})"]
    for title, goal, value in MEASURED:
        rows = pollution_rows(report, goal, value)
        if rows:
            lines += ["", f"## {title}", "", ABOUT_POLLUTION, "", users_line(report, goal), ""]
            lines += ["The worst that was found:", "", *markdown_table(worst_rows(report, goal))]
            lines += ["", "Every line:", "", *markdown_table(rows)]
    if report["promotion"]:
        lines += ["", "## Fake users", "", ABOUT_PROMOTION, ""]
        lines += [f"Targets ({report['group']}): {', '.join(report['targets'])}.", ""]
        lines += markdown_table(promotion_rows(report["promotion"]))
    return "\n".join(lines) + "\n"


def lines_of(report: dict) -> list[str]:
    """The tables as aligned text."""
    found = []
    for _, goal, value in MEASURED:
        rows = pollution_rows(report, goal, value)
        if rows:
            found += ["", users_line(report, goal), *aligned_table(rows)]
            found += ["", *aligned_table(worst_rows(report, goal))]
    if report["promotion"]:
        found += ["", *aligned_table(promotion_rows(report["promotion"]))]
    return found[1:]


def detector_line(detector: dict, asked: int) -> str:
    """What the detector was set to, on whom, and what came out."""
    return (
        f"The detector, transition surprise, learned from {detector['learned_users']:,} training "
        "users, who are trusted. Its threshold was set to flag at most "
        f"{detector['false_alarms']:.0%} of {detector['set_users']:,} others by their training "
        f"histories, and flags {detector['set_flagged']:.1%} of those. Of the {asked:,} histories "
        "that are attacked here, which go on to the item before the test item, it flags "
        f"{detector['honest_flagged']:.1%} as they are, each a false alarm."
    )


def users_line(report: dict, goal: str) -> str:
    """Who the figures of a goal are means over, and of which targets."""
    if goal == LOWER:
        return f"NDCG@10, the mean over n = {report['asked_users']} users."
    point = curves_of(report, goal)[0]["points"][0]
    return (
        f"Targets ({report['group']}): {', '.join(report['targets'])}. Each user is shown one of "
        f"them in turn. The share is of n = {point['target_users']} users, those of the "
        f"{report['asked_users']} who do not have theirs in their clean history; they are the same "
        "at every budget."
    )


def curves_of(report: dict, goal: str) -> list[dict]:
    """The curves of polluted histories with that goal, `LOWER` or `RAISE`."""
    return [curve for curve in report["pollution"] if curve["goal"].startswith(goal)]


def pollution_rows(report: dict, goal: str, value: str) -> list[tuple[str, ...]]:
    """A head and a row a curve of that goal; nothing where there is none."""
    curves = curves_of(report, goal)
    if not curves:
        return []
    budgets = [str(point["budget"]) for point in curves[0]["points"]]
    head = ("edits of", "search", "defence", "attacker", *budgets, "edited", "flagged")
    rows: list[tuple[str, ...]] = [head]
    for curve in curves:
        values = [f"{point.get(value, float('nan')):.4f}" for point in curve["points"]]
        last = curve["points"][-1]
        about = (curve["kind"], curve["search"], curve["defence"], curve.get("attacker", ""))
        rows.append((*about, *values, f"{last['edited']:.1%}", f"{last['flagged']:.1%}"))
    return rows


def worst_rows(report: dict, goal: str) -> list[tuple[str, ...]]:
    """A head and, for each kind of edit and defence, the curve that ends worst for its users."""
    (value,) = (value for _, known, value in MEASURED if known == goal)
    worst: dict[tuple[str, str], dict] = {}
    for curve in curves_of(report, goal):
        key = curve["kind"], curve["defence"]
        worst[key] = min(worst.get(key, curve), curve, key=lambda one: harm(one, value, goal))
    budget = next(iter(worst.values()))["points"][-1]["budget"]
    head = ("edits of", "defence", f"{budget} edits, worst", "search", "attacker", "edited")
    rows: list[tuple[str, ...]] = [head]
    for (kind, defence), curve in worst.items():
        last = curve["points"][-1]
        figure = f"{last.get(value, float('nan')):.4f}"
        about = (curve["search"], curve.get("attacker", ""), f"{last['edited']:.1%}")
        rows.append((kind, defence, figure, *about))
    return rows


def harm(curve: dict, value: str, goal: str) -> float:
    """What is least for the worst curve: what is left at its last budget, or minus what is won."""
    last = curve["points"][-1].get(value, float("nan"))
    return last if goal == LOWER else -last


def promotion_rows(records: Sequence[dict]) -> list[tuple[str, ...]]:
    """A head and a row a record."""
    names = list(dict.fromkeys(name for record in records for name in record.get("auc", {})))
    head = ("attack", "fake users", "defence", "shown", "NDCG@10", "fakes flagged")
    rows: list[tuple[str, ...]] = [(*head, *(f"AUC, {name}" for name in names))]
    for record in records:
        found = record.get("auc", {})
        rows.append(
            (
                record["attack"],
                f"{record.get('fake_users', 0)}",
                record["defence"],
                f"{record['target_hit_rate']:.2%}",
                f"{record['ndcg']:.4f}",
                f"{record['fakes_flagged']:.1%}" if "fakes_flagged" in record else "",
                *(f"{found[name]:.3f}" if name in found else "" for name in names),
            )
        )
    return rows
