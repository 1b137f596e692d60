"""The report of an attack on a recommender, as Markdown and as lines of text, from it alone."""

from __future__ import annotations

import textwrap

from advrec_tf.defence.registry import BOUNDS, about, asks_who_is_verified
from advrec_tf.pipelines.attack import bounded, certificates, chosen, summary
from advrec_tf.pipelines.attack.cell import KNOWING, NONE
from advrec_tf.pipelines.attack.measures import explained
from advrec_tf.pipelines.recommend.page import aligned_table, markdown_table

ABOUT_TARGETS = (
    "How much the fake users decide: each target's raters, and how much of its mean score over the "
    "honest users the accounts hold by EASE, exactly, whatever model is attacked; a mean over the "
    "seeds."
)
ABOUT_CERTIFICATES = (
    f"A promise of the defence {certificates.CERTIFIED}, whatever the attack; the model above has "
    "none."
)
ABOUT_BOUNDED = (
    f"A promise of the defence {BOUNDS} with one width, whatever the attack; the model above has "
    "it where that is its defence."
)
ABOUT_MEASURES = "attack.md, the page that --out writes, says what each measure is."
_WIDTH = 100


def markdown(report: dict) -> str:
    """The page."""
    mean, undefended = report["mean"], report.get("undefended")
    most = "at most " if mean["attack"] in KNOWING else ""  # these may spend less
    lines = [
        f"# {summary.title_of(mean)}",
        "",
        f"Made by `{report['command']}`.",
        "",
        f"{report['users']:,} users, {report['items']:,} items, {report['interactions']:,} "
        "training interactions; "
        f"{most}{report['accounts']:,} fake users, each with {most}{report['fillers']:,} items "
        "beside the target.",
        "",
        *(line for said in _abouts(report) for line in (said, "")),
        f"The columns: {summary.legend(undefended)}",
        "",
        *markdown_table(summary.rows_of(mean, undefended)),
        "",
        "The measures, means over targets and seeds:",
        "",
        *(f"- `{name}`: {said}" for name, said in explained(summary.measures_of(mean))),
    ]
    if rows := chosen.rows_of(report["cells"]):
        beside = f" {chosen.UNDEFENDED}" if undefended is not None else ""
        lines += ["", "## What the attacker chose", "", chosen.COLUMNS + beside, ""]
        lines += markdown_table(rows)
    if report["targets"]:
        lines += ["", "## What the targets rest on", "", ABOUT_TARGETS, ""]
        lines += [f"- {target['words']}" for target in report["targets"]]
    if promises := _promises(report):
        lines += ["", "## Certified"]
    for words, rows in promises:
        lines += ["", words, "", *markdown_table(rows)]
    return "\n".join(lines) + "\n"


def lines_of(report: dict) -> list[str]:
    """The same for the console."""
    lines = ["", *summary.lines_of(report["mean"], report.get("undefended"))]
    lines.append(f"  {ABOUT_MEASURES}")
    if rows := chosen.rows_of(report["cells"]):
        lines += ["", "What the attacker chose:", *aligned_table(rows)]
    for target in report["targets"]:
        lines += ["", *textwrap.wrap(target["words"], _WIDTH)]
    for words, rows in _promises(report):
        lines += ["", *textwrap.wrap(f"Certified. {words.replace('*', '')}", _WIDTH)]
        lines += ["", *aligned_table(rows)]
    return lines


def _promises(report: dict) -> list[tuple[str, list[tuple[str, ...]]]]:
    """What is certified: words, and rows of a table."""
    known = (
        ("certificates", ABOUT_CERTIFICATES, certificates),
        ("bounded", ABOUT_BOUNDED, bounded),
    )
    return [
        (f"{about_it} {found.words_of(report[name])}", found.rows_of(report[name]))
        for name, about_it, found in known
        if report.get(name) is not None
    ]


def _abouts(report: dict) -> list[str]:
    """A sentence on an attack that knows the defence, and sentences on the defence."""
    mean = report["mean"]
    said = [chosen.ABOUT[mean["attack"]]] if mean["attack"] in chosen.ABOUT else []
    if mean["defence"] != NONE:
        said.append(f"The defence {mean['defence']}: {about(mean['defence'])}")
    if asks_who_is_verified(mean["defence"]):
        share = report["settings"]["verified_share"]
        said.append(f"{share:.0%} of the real users, drawn at random, are known to be real.")
    return said
