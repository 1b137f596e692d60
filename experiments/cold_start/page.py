"""The report of the cold-start job as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping

TITLES = {
    "items": "Items without any interaction",
    "missing": "Items without interactions and without text",
    "finetuned": "Fine-tuning the language model, plainly and adversarially",
    "users": "Users with 0, 1, 3 and 5 interactions",
    "warm": "Items and users with history",
}
EXPLANATIONS = {
    "items": (
        "A fifth of the items with a text, rare and popular ones alike, lost every row; half of "
        "them served for choosing epochs and settings, the other half is tested. *All items*: the "
        "whole catalogue less what the user has is ranked. The cold items hold all that a user "
        "can still be found to like, so whoever learns by heart what is not liked among the "
        "warm ones pushes cold ones up; *cold items* ranks the tested items alone, and shows "
        "what is known of taste."
    ),
    "missing": (
        "As above, and every other cold item has no text: only those are searched for. What "
        "stands in for the text is generated from the attributes."
    ),
    "finetuned": (
        "The cold items of the first table. Every row goes on from the same text tower with the "
        "same number of steps on the same batches; the perturbation is of the token vectors, as a "
        "share of their norm over the whole text."
    ),
    "users": (
        "A fifth of the users was cut to so many rows, chosen at random; NDCG@10 on half of the "
        "rows taken away, settings from the other half. What people rated favors popular items. "
        "A tower has an id for users with a row, real or generated; without any, a tower by ids or "
        "histories alone ranks nothing for those cut to 0."
    ),
    "warm": "The last item of each user, full ranking.",
}


def markdown(reports: list[Mapping], title: str, command: str, about: Mapping) -> str:
    """Tables of all scenarios; `about` is printed as it is, a line each."""
    lines = [f"# {title}: cold start", "", f"Made by `{command}`.", ""]
    lines += [f"- {key}: {value}" for key, value in about.items()]
    lines += [
        "",
        "Means over the training seeds (deviation); *against ablation* is the difference in "
        "NDCG@10 to "
        "the row named in brackets, paired over users, with half of the 95 % interval. Where a row "
        "has a setting, validation chose it among the values shown. Seconds are those of one "
        "training on a machine that may have been busy.",
    ]
    for report in reports:
        lines += ["", f"## {TITLES[report['scenario']]}", "", EXPLANATIONS[report["scenario"]], ""]
        notes = ", ".join(f"{k.replace('_', ' ')} {v}" for k, v in report["notes"].items())
        lines += [f"Counted: {notes}.", ""]
        lines += _table(report)
        lines += _robustness(report)
        for label, reason in report["left_out"].items():
            lines += ["", f"No row *{label}*: {reason}."]
        if report["not_run"]:
            lines += ["", f"Not run: {'; '.join(report['not_run'])}."]
    return "\n".join(lines) + "\n"


def _table(report: Mapping) -> list[str]:
    tests, groups = report["tests"], report["groups"]
    head = ["model", "seeds"]
    for test in tests:
        head += [f"NDCG@10, {test}", f"hit rate@10, {test}"]
    head += [*groups, "coverage@10", "setting", "epochs", "seconds"]
    head += [f"against ablation, {test}" for test in tests]
    body = []
    for label, row in report["rows"].items():
        cells = [label, str(row["seeds"])]
        for test in tests:
            cells += [_value(row, test, "ndcg@10"), f"{row['mean'][test]['hit_rate@10']:.4f}"]
        cells += [_value(row, tests[0], group) for group in groups]
        cells.append(f"{row['mean'][tests[0]]['coverage@10']:.3f}")
        cells.append(_setting(row))
        cells.append(", ".join(map(str, sorted(set(row["epochs"])))))
        cells.append(f"{row['seconds']:.0f}")
        for test in tests:
            compared = row.get("against_ablation")
            cells.append(
                f"{compared[test]['difference']:+.4f} ± {compared[test]['half_width']:.4f} "
                f"({compared['ablation']})"
                if compared
                else ""
            )
        body.append(cells)
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *body)]
    return [lines[0], "|" + "---|" * len(head), *lines[1:]]


def _robustness(report: Mapping) -> list[str]:
    rows = {
        label: row["robustness"] for label, row in report["rows"].items() if "robustness" in row
    }
    if not rows:
        return []
    kinds = list(next(iter(rows.values())))
    lines = [
        "",
        "Share of NDCG@10 (cold items) lost when the texts of the tested items are disturbed: a "
        "share of the words dropped, mistyped or exchanged for the nearest ones in the token "
        "embedding; the token vectors moved by a share of their norm, along the gradient that "
        "turns the item's vector away, in one step (fgsm) or five (pgd), until it is taken for "
        "another tested item's (cw), or at random.",
        "",
        "| model | " + " | ".join(kinds) + " |",
        "|" + "---|" * (len(kinds) + 1),
    ]
    return lines + [
        f"| {label} | " + " | ".join(f"{found[kind]:.3f}" for kind in kinds) + " |"
        for label, found in rows.items()
    ]


def _value(row: Mapping, test: str, metric: str) -> str:
    text = f"{row['mean'][test][metric]:.4f}"
    if test in row["deviation"]:
        text += f" ({row['deviation'][test][metric]:.4f})"
    return text


def _setting(row: Mapping) -> str:
    if row["point"] is None:
        return ""
    tried = f" of {', '.join(row['tried'])}" if row["tried"] else ""
    return f"{row['setting']} {row['point']:g}{tried}"
