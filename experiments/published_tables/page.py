"""A reproduced table as Markdown, from its report alone."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from experiments.harness import markdown
from experiments.harness.entries import settings_text

ATTACKED = (
    "Every user and item vector is moved within a ball so that the training interactions rank "
    "lower (FGSM: one step; PGD: ten; random: noise of the same size), of radius .5 or of half the "
    "vector's own norm. The attack raises the training loss, which need not lower the ranking of "
    "test interactions: PGD may cost less than FGSM, and a negative fraction is a gain. Test "
    "interactions."
)


def markdown_page(report: Mapping, path: Path) -> str:
    """The page: protocol, models with spread, comparisons, settings, what is missing."""
    metrics, entries = report["metrics"], report["entries"]
    monitor = report["choose_by"] if report["choose_by"] in metrics else metrics[-1]
    users = max((entry["users"] for entry in entries.values()), default=0)
    protocol = (
        f"Protocol: {report['protocol']}. Settings and epochs were chosen by {report['choose_by']} "
        "on interactions hidden from training, in the trials shown (a model that takes the "
        "settings of another one has one trial, or none where it takes the epochs too; any other "
        "model without a trial has the first settings of its space); the test interactions were "
        "ranked once a seed, at the end. Means over seeds, the standard deviation over seeds in "
        f"brackets. *Against EASE* and *against ablation*: difference in {monitor}, paired over "
        "users (values averaged over seeds first), with half of the 95 % interval and the p-value "
        "of the paired t-test, not corrected for the number of models; the ablation is the same "
        f"model without its ingredient. {users:,} users are ranked. Coverage: fraction of the "
        "catalogue in some list of ten; long tail: fraction of places for items outside the fifth "
        "with the most training interactions. Seconds are those of training; memory is the peak of "
        "the process, including TensorFlow itself."
    )
    intro = [f"Settings in `{report['settings_file']}`.", "", protocol]
    for where in report["machines"]:
        intro += [
            "",
            f"Seconds on {', '.join(f'{name} {value}' for name, value in where.items())}.",
        ]
    head = ["model", "seeds", *metrics, "coverage@10", "long tail", "seconds", "peak MB"]
    lines = [
        [label, *_cells(entry, metrics, monitor, "EASE" if label != "EASE" else "")]
        for label, entry in entries.items()
    ]
    for who, figures in report["references"].items():
        cells = [markdown.number(figures.get(metric)) for metric in metrics]
        lines.append([f"*{who}*", "", *cells, *[""] * 6])
    table = markdown.table([*head, "against EASE", "against ablation"], lines)
    ablations = {
        label: test[monitor]
        for label, entry in entries.items()
        if (test := entry["against"].get(entry["ablation"]))
    }
    notes = markdown.corrected(ablations, "an ablation") + _notes(report)
    sections = [["", *intro], table, notes, _robustness(entries), _choices(report)]
    return markdown.page(report["table"], report["command"], *sections)


def _cells(entry: Mapping, metrics: list[str], monitor: str, baseline: str) -> list[str]:
    mean, deviation, against = entry["mean"], entry["deviation"], entry["against"]
    cells = [str(entry["seeds"])]
    cells += [markdown.spread(mean[name], deviation.get(name)) for name in metrics]
    cells += [markdown.number(mean[name], 3) for name in ("coverage@10", "long_tail_share@10")]
    cells += [markdown.number(mean["seconds"], 1), markdown.number(mean["peak_mb"], 0)]
    cells.append(markdown.difference(against.get(baseline, {}).get(monitor)))
    ablation = against.get(entry["ablation"], {}).get(monitor)
    cells.append(f"{markdown.difference(ablation)} ({entry['ablation']})" if ablation else "")
    return cells


def _notes(report: Mapping) -> list[str]:
    lines = [
        "*In italics: published figures, or figures worked out from what the authors released; and "
        "EASE by a plain NumPy script on the same files.*"
    ]
    lines += [f"{label} is not in the table: {why}." for label, why in report["left_out"].items()]
    for name, text in (
        (
            "kept",
            "Trained by an earlier run with the same settings and kept, with the comparisons "
            "measured then",
        ),
        (
            "unpaired",
            "Without a comparison with the ablation, which was not trained in the same run",
        ),
        ("not_run", "Not run yet"),
    ):
        if report.get(name):
            lines.append(f"{text}: {'; '.join(report[name])}.")
    return [text for line in lines for text in ("", line)]


def _robustness(entries: Mapping) -> list[str]:
    """What attacks on the vectors cost; nothing where no model was attacked."""
    found = {
        label: entry["robustness"] for label, entry in entries.items() if "robustness" in entry
    }
    if not found:
        return []
    attacks = list(next(iter(found.values()))["mean"])
    lines = [
        [
            label,
            *(markdown.spread(one["mean"][name], one["deviation"][name], 3) for name in attacks),
        ]
        for label, one in found.items()
    ]
    title = "## Fraction of NDCG@10 lost when the vectors are attacked"
    return ["", title, "", ATTACKED, *markdown.table(["model", *attacks], lines)]


def _choices(report: Mapping) -> list[str]:
    lines = []
    for label, entry in report["entries"].items():
        choice = entry["choice"]
        settings = settings_text(choice["settings"])
        value = markdown.number(choice["validation"])
        lines.append([label, settings, str(choice["epochs"]), value, str(choice["trials"])])
    head = ["model", "settings", "epochs", report["choose_by"], "trials"]
    return ["", "## Chosen on validation", *markdown.table(head, lines)]
