"""The report of the cold-start study as a Markdown page."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from experiments.harness import markdown
from experiments.harness.entries import settings_text

TITLES = {
    "items": "Items without any interaction",
    "missing": "Items without interactions and without text",
    "finetuned": "Fine-tuning the language model, with and without an adversary",
    "users": "Users with 0, 1, 3 and 5 interactions",
    "warm": "Items and users with history",
}
EXPLANATIONS = {
    "items": (
        "A fifth of the items with a text, rare and popular ones alike, lost every interaction; "
        "epochs and settings were chosen on half of them, and the other half is tested. *All "
        "items*: the whole catalogue is ranked, without the user's training items. All relevant "
        "items are cold ones there, so a model that has learned which warm items a user avoids "
        "ranks the cold ones higher for that reason alone; *cold items* ranks the tested items "
        "alone, and shows what a model knows of the user's taste."
    ),
    "missing": (
        "As above, and every other cold item has no text; those are the ones tested. The text "
        "vector of such an item is imputed from its attributes, by the means named."
    ),
    "finetuned": (
        "The cold items of the first table. Every entry continues from the same text tower, with "
        "the same number of steps on the same batches. FGM, FreeLB and VAT (virtual adversarial "
        "training) perturb the token vectors; the number is the radius as a fraction of their norm "
        "over the whole text. Text noise drops, mistypes or replaces words; *worst of four* trains "
        "on the variant with the highest loss."
    ),
    "users": (
        "A fifth of the users was cut to so many interactions, chosen at random; NDCG@10 on half "
        "of the interactions taken away, settings from the other half. People rate popular items "
        "more often, which favors popularity here. A tower has an id for users with an "
        "interaction, real or generated; without any, a tower by ids or histories alone ranks "
        "nothing for those cut to 0."
    ),
    "warm": "The last item of each user, full ranking.",
}
ROBUSTNESS = (
    "Fraction of NDCG@10 (cold items) lost when the texts of the tested items are disturbed: that "
    "fraction of the words dropped, mistyped or replaced by the nearest ones in the token "
    "embedding; or the token vectors moved by a fraction of their norm, along the gradient that "
    "turns the item's vector away, in one step (fgsm) or five (pgd), until the item is ranked as "
    "another tested item (cw), or at random."
)


def markdown_page(report: Mapping, path: Path) -> str:
    """The tables of all scenarios of a report."""
    text = (
        "Means over the training seeds, with the standard deviation over seeds in brackets. "
        "*Against ablation*: the difference in NDCG@10 to the entry named in brackets, paired over "
        "users, with half of the 95 % interval and the p-value of the paired t-test, not corrected "
        "for the number of comparisons. Settings were chosen on validation among the values shown. "
        "Seconds are those of one training on a machine that may have been busy."
    )
    name = path.stem.removeprefix("cold-start-")
    sections = [markdown.facts(report["about"]), ["", text]]
    sections += [_section(scenario) for scenario in report["scenarios"]]
    return markdown.page(f"{name}: cold start", report["command"], *sections)


def _section(report: Mapping) -> list[str]:
    name = report["scenario"]
    notes = ", ".join(f"{key.replace('_', ' ')} {n}" for key, n in report["notes"].items())
    lines = ["", f"## {TITLES[name]}", "", EXPLANATIONS[name], "", f"Counted: {notes}."]
    tests, groups = report["tests"], report["groups"]
    head = ["model", "seeds"]
    head += [f"{metric}, {test}" for test in tests for metric in ("NDCG@10", "hit rate@10")]
    head += [*groups, "coverage@10", "setting", "epochs", "seconds"]
    head += [f"against ablation, {test}" for test in tests]
    entries = report["entries"].items()
    lines += markdown.table(head, [[label, *_cells(one, tests, groups)] for label, one in entries])
    for test in tests:
        ablations = {
            label: found[test]
            for label, one in entries
            if (found := one["against"].get(one["ablation"]))
        }
        lines += markdown.corrected(ablations, f"an ablation in {test}")
    attacked = {label: one["robustness"] for label, one in entries if "robustness" in one}
    if attacked:
        kinds = list(next(iter(attacked.values())))
        cells = [
            [label, *(markdown.number(lost[kind], 3) for kind in kinds)]
            for label, lost in attacked.items()
        ]
        lines += ["", ROBUSTNESS, *markdown.table(["model", *kinds], cells)]
    for label, reason in report["left_out"].items():
        lines += ["", f"*{label}* was not trained: {reason}."]
    if report["not_run"]:
        lines += ["", f"Not run: {'; '.join(report['not_run'])}."]
    return lines


def _cells(entry: Mapping, tests: list[str], groups: list[str]) -> list[str]:
    mean, deviation = entry["mean"], entry["deviation"]

    def spread(test, metric):
        return markdown.spread(mean[test].get(metric), deviation[test].get(metric))

    cells = [str(entry["seeds"])]
    for test in tests:
        cells += [spread(test, "ndcg@10"), markdown.number(mean[test]["hit_rate@10"])]
    cells += [spread(tests[0], group) for group in groups]
    cells.append(markdown.number(mean[tests[0]]["coverage@10"], 3))
    tried = ", ".join(point.split()[-1] for point in entry["tried"])
    cells.append(settings_text(entry["settings"]) + (f" of {tried}" if tried else ""))
    cells.append(", ".join(str(epoch) for epoch in sorted(set(entry["epochs"]))))
    cells.append(f"{entry['seconds']:.0f}")
    against = entry["against"].get(entry["ablation"])
    for test in tests:
        cells.append(
            f"{markdown.difference(against[test])} ({entry['ablation']})" if against else ""
        )
    return cells
