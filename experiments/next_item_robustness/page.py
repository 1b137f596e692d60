"""The report of the study as a Markdown page and its plot, from the report alone."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from pathlib import Path

from advrec_tf.pipelines.next_item_attack.pollution import IGNORES, STAYS_BELOW
from experiments.harness.markdown import facts, page, table
from experiments.harness.plots import save
from experiments.harness.reports import images_of
from experiments.next_item_robustness import answers, promotion, rows, verdict
from experiments.next_item_robustness.measures import AT, SEARCHES, having, points_of, values_of
from experiments.next_item_robustness.promotion import spread_of

INTRO = (
    "SASRec of length 50 on the last item of each user, epochs chosen on validation; every item is "
    "ranked, those of the history left out. In each history items are substituted: at random, by "
    "greedy search (the best of ten edits by the scores of the model that answers, each time), and "
    "by the gradient of the network (behind a defence that is the network it asks). The detector "
    "of the purified row is transition surprise, learned from one half of the training users, who "
    "are trusted, with a threshold that 5 % of the other half pass; two attackers know it, one who "
    f"{IGNORES} and attacks the answers as they are given, through the purification, and one who "
    f"{STAYS_BELOW}. The row has the worst of those measured."
)
ABOUT_SETTINGS = (
    f"The setting of a row is the strongest that keeps {1 - rows.PRICE:.0%} of the plain network's "
    "NDCG@10 on the validation items; from the weakest on they are tried until one does not. A "
    "network with a setting goes on from the plain one, for as many epochs as are best on "
    "validation histories with a tenth of the items exchanged at random: clean histories would "
    f"always ask for the fewest. Smoothing asks about {answers.SAMPLES} histories. The noise has "
    f"the radius of FGSM, to be compared with it; mixtures, with {rows.NEIGHBORS} neighbors, and "
    "purification have no setting that was chosen."
)
ABOUT_SEEDS = (
    "Of several seeds a figure is the mean, with the standard deviation in brackets; one without "
    "brackets is of the first seed alone. The other seeds train anew, with the settings that the "
    f"first chose; their greedy and gradient searches make {AT} edits at most."
)


def markdown(report: dict, path: Path) -> str:
    """A section for polluted histories, one for fake users; `note`, where the report has one, says
    what the reader of its figures should know."""
    everything = report["pollution"]
    found = [{label: row for label, row in seed.items() if "curves" in row} for seed in everything]
    save({"curves": lambda: draw(found)}, path)
    sections = [
        ["", "## Substituted items", "", INTRO],
        _settings(everything),
        _about_seeds(everything),
        ["", report["note"]] if "note" in report else [],
        ["", f"![NDCG@10 against substituted items]({images_of(path)}curves.png)"],
        ["", f"NDCG@10 with {AT} of the last 50 items substituted:", *_at_one_budget(found)],
        *(["", f"NDCG@10, {search}:", *_curve(found, search)] for search in SEARCHES),
        ["", *verdict.lines_of(found)],
        verdict.tests_of(report.get("tests", {})),
        _attackers(found),
        _not_run(everything),
    ]
    if report["promotion"]:
        about = promotion.ABOUT.format(size=report["fake_users"])
        sections += [
            ["", "## Fake users", "", about, "", f"Targets: {', '.join(report['targets'])}."],
            promotion.table_of(report["promotion"]),
            promotion.absent(report["promotion"]),
        ]
    title = f"{report['name']}: a next-item model under attack"
    return page(title, report["command"], facts(report["about"]), *sections)


def _attackers(found: Sequence[dict]) -> list[str]:
    """A line an attacker of the purified row, with the histories that were edited; an attacker who
    was not measured is named."""
    if rows.PURIFIED not in found[0]:
        return []
    lines = ["", f"Behind purification, with {AT} items substituted:", ""]
    for attacker in (IGNORES, STAYS_BELOW):
        shown = []
        for search in SEARCHES:
            points = [
                point
                for seed in having(found, rows.PURIFIED)
                for point in points_of(seed[rows.PURIFIED], search, AT, attacker)
            ]
            if points:
                edited = [point["edited"] for point in points if "edited" in point]
                share = f", {statistics.fmean(edited):.1%} edited" if edited else ""
                shown.append(f"{spread_of([p['ndcg'] for p in points])} ({search}{share})")
        missing = "not measured, so that the row is an upper bound of what is left"
        lines.append(f"- attacker {attacker}: {', '.join(shown) or missing}")
    return lines


def _at_one_budget(found: Sequence[dict]) -> list[str]:
    head = ["row", "seeds", "clean", *SEARCHES, "epochs", "seconds"]
    lines = [
        [
            label,
            str(len(having(found, label))),
            spread_of(values_of(found, label, "random", 0)),
            *(spread_of(values_of(found, label, search, AT)) for search in SEARCHES),
            _epochs([seed[label] for seed in having(found, label)]),
            _seconds([seed[label] for seed in having(found, label)]),
        ]
        for label in found[0]
    ]
    return table(head, lines)


def _epochs(seeds: Sequence[dict]) -> str:
    """A number a seed; of a network that goes on from the plain one, those after it."""
    after = "+" if "strength" in seeds[0] else ""
    return ", ".join(f"{after}{row['epochs']}" for row in seeds if "epochs" in row)


def _seconds(seeds: Sequence[dict]) -> str:
    """The mean."""
    found = [row["seconds"] for row in seeds if "seconds" in row]
    return f"{statistics.fmean(found):.0f}" if found else ""


def _about_seeds(found: Sequence[dict]) -> list[str]:
    """What several seeds share, and how a reader tells their figures."""
    return ["", ABOUT_SEEDS] if len(found) > 1 else []


def _settings(found: Sequence[dict]) -> list[str]:
    """A table of the settings that were tried, those of the first seed; nothing without any."""
    tuned = {label: row for label, row in found[0].items() if "tried" in row}
    if not tuned:
        return []
    plain = found[0][rows.PLAIN]["validation"]
    lines = []
    for label, row in tuned.items():
        tried = ", ".join(f"{at:g}: {value / plain - 1.0:+.1%}" for at, value in row["tried"])
        chosen = f"{row['strength']:g}" + ("" if row["within"] else ", over the price")
        meaning = rows.MEANING.get(label, f"as of {rows.FOLLOWS.get(label)}")
        lines.append([label, meaning, tried, chosen])
    head = ["row", "setting", "NDCG@10 on validation beside the plain network", "chosen"]
    return ["", ABOUT_SETTINGS, "", *table(head, lines)]


def _budgets(found: Sequence[dict]) -> list[int]:
    return [point["budget"] for point in found[0][rows.PLAIN]["curves"][0]["points"]]


def _curve(found: Sequence[dict], search: str) -> list[str]:
    budgets = _budgets(found)
    lines = [
        [label, *(spread_of(values_of(found, label, search, budget)) for budget in budgets)]
        for label in found[0]
        if values_of(found, label, search, 0)
    ]
    return table(["row", *map(str, budgets)], lines)


def _not_run(found: Sequence[dict]) -> list[str]:
    said = {
        "Not attacked, since this run was to price them alone": [
            label for label, row in found[0].items() if "curves" not in row
        ],
        "Not run": [label for label in rows.LABELS if label not in found[0]],
    }
    return [
        text
        for what, labels in said.items()
        if labels
        for text in ("", f"{what}: {'; '.join(labels)}.")
    ]


def _mean(values: Sequence[float]) -> list[float]:
    """One value, or none of none."""
    return [statistics.fmean(values)] if values else []


def draw(found: Sequence[dict]):
    """NDCG@10 against the number of substituted items: a panel a search, a color a row."""
    from matplotlib import colormaps

    from advrec_tf.pipelines.next_item_attack import plots

    figure, axes = plots.panels(len(SEARCHES))
    for ax, search in zip(axes, SEARCHES, strict=True):
        for color, label in zip(colormaps["tab20"].colors, found[0], strict=False):
            points = [
                {"budget": budget, "ndcg": value}
                for budget in _budgets(found)
                for value in _mean(values_of(found, label, search, budget))
            ]
            if points:
                plots.draw_curve(ax, points, "ndcg", color=color, search="gradient", label=label)
        ax.set(title=search, xlabel="substituted items of each history")
    return plots.finished(figure, axes, "NDCG@10", legend_of=0)
