"""The report of an attack on a next-item model as Markdown and as lines of text, from it alone."""

from __future__ import annotations

from collections.abc import Sequence

from advrec_tf.pipelines.recommend.page import markdown_table

ABOUT_POLLUTION = (
    "Each history is edited that many times: an item substituted, inserted or deleted. random: an "
    "edit drawn at random, the control. greedy: the best of ten by the scores of what answers, "
    "defence included. gradient: the best to first order, by the gradients of the network behind "
    "the defence. Behind purification no search makes an edit that the detector would notice. "
    "flagged: the share of the histories that the detector finds suspicious at the last budget; it "
    "learned from one half of the training users, who are trusted, and 5 % of the other half pass "
    "its threshold."
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
        "only keeps the level of popularity has not been defended. The detector flags "
        f"{report['honest_flagged']:.1%} of the histories as they are.",
    ]
    for name in plots:
        lines += ["", f"![{name}]({name})"]
    for title, rows in (
        ("Polluted histories, NDCG@10", pollution_rows(report, "lower", "ndcg")),
        ("A target pushed up, share of users", pollution_rows(report, "raise", "target_hit_rate")),
    ):
        if rows:
            lines += ["", f"## {title}", "", ABOUT_POLLUTION, "", *markdown_table(rows)]
    if report["promotion"]:
        lines += ["", "## Fake users", "", ABOUT_PROMOTION, ""]
        lines += [f"Targets ({report['group']}): {', '.join(report['targets'])}.", ""]
        lines += markdown_table(promotion_rows(report["promotion"]))
    return "\n".join(lines) + "\n"


def lines_of(report: dict) -> list[str]:
    """The tables as aligned text."""
    found = []
    for rows in (
        pollution_rows(report, "lower", "ndcg"),
        pollution_rows(report, "raise", "target_hit_rate"),
        promotion_rows(report["promotion"]) if report["promotion"] else [],
    ):
        if rows:
            found += ["", *_aligned(rows)]
    return found[1:]


def pollution_rows(report: dict, goal: str, value: str) -> list[tuple[str, ...]]:
    """A head and a row a curve of that goal; nothing where there is none."""
    curves = [curve for curve in report["pollution"] if curve["goal"].startswith(goal)]
    if not curves:
        return []
    budgets = [str(point["budget"]) for point in curves[0]["points"]]
    rows: list[tuple[str, ...]] = [("edits of", "search", "defence", *budgets, "flagged")]
    for curve in curves:
        values = [f"{point.get(value, float('nan')):.4f}" for point in curve["points"]]
        flagged = f"{curve['points'][-1]['flagged']:.1%}"
        rows.append((curve["kind"], curve["search"], curve["defence"], *values, flagged))
    return rows


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


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
