"""The report of an attack on a recommender, as Markdown and as lines of text, from it alone."""

from __future__ import annotations

import textwrap

from advrec_tf.defence.evidence.verified_bounds import VerifiedBounds
from advrec_tf.defence.registry import BOUNDS, DEFENCES, about, asks_who_is_verified
from advrec_tf.ops.words import counted
from advrec_tf.pipelines.attack import bounded, certificates, chosen, summary
from advrec_tf.pipelines.attack.cell import KNOWING, NONE
from advrec_tf.pipelines.attack.measures import explained
from advrec_tf.pipelines.recommend.page import aligned_table, markdown_table

ABOUT_TARGETS = (
    "How much the fake users decide: each target's raters, and how much of its mean score over the "
    "honest users the accounts hold by EASE, exactly, whatever model is attacked; a mean over the "
    "seeds."
)
ABOUT_MEASURES = "attack.md, the page that --out writes, says what each measure is."
_WIDTH = 100


def markdown(report: dict) -> str:
    """The page."""
    mean, beside = report["mean"], _beside(report)
    most = "at most " if mean["attack"] in KNOWING else ""  # these may spend less
    accounts = (
        "no fake users"
        if mean["attack"] == NONE
        else f"{most}{counted(report['accounts'], 'fake user')}, each with {most}"
        f"{counted(report['fillers'], 'item')} beside the target"
    )
    lines = [
        f"# {summary.title_of(mean)}",
        "",
        f"Made by `{report['command']}`.",
        "",
        f"{report['users']:,} users, {report['items']:,} items, {report['interactions']:,} "
        f"training interactions; {accounts}.",
        "",
        *(line for said in _abouts(report) for line in (said, "")),
        f"The columns: {summary.legend(mean, **beside)}",
        "",
        *markdown_table(summary.rows_of(mean, **beside)),
        "",
        "The measures, means over targets and seeds:",
        "",
        *(f"- `{name}`: {said}" for name, said in explained(summary.measures_of(mean))),
    ]
    if rows := chosen.rows_of(report["cells"]):
        same = f" {chosen.UNDEFENDED}" if beside["undefended"] is not None else ""
        lines += ["", "## What the attacker chose", "", chosen.COLUMNS + same, ""]
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
    lines = ["", *summary.lines_of(report["mean"], **_beside(report))]
    lines.append(f"  {ABOUT_MEASURES}")
    if rows := chosen.rows_of(report["cells"]):
        lines += ["", "What the attacker chose:", *aligned_table(rows)]
    for target in report["targets"]:
        lines += ["", *textwrap.wrap(target["words"], _WIDTH)]
    for words, rows in _promises(report):
        lines += ["", *textwrap.wrap(f"Certified. {words.replace('*', '')}", _WIDTH)]
        lines += ["", *aligned_table(rows)]
    return lines


def _beside(report: dict) -> dict[str, dict | None]:
    """The records that stand beside that of an attack on a defended model, as `summary` takes
    them."""
    return {"undefended": report.get("undefended"), "alone": report.get("defence_alone")}


def _about_certificates(defence: str) -> str:
    """Whose promise the certificates are, and whether the attacked model makes it."""
    if defence == certificates.CERTIFIED:
        own = (
            f"it is the defence of the model above, with {DEFENCES[defence].num_models:,} models, "
            "and is certified here with as many as were asked for."
        )
    else:
        own = "the model above has none."
    return f"A promise of the defence {certificates.CERTIFIED}, whatever the attack; {own}"


def _about_bounded(defence: str) -> str:
    """The same of bounds, of which a defence with several widths chooses one."""
    bounds = DEFENCES[defence]
    if isinstance(bounds, VerifiedBounds):
        several = "that it chooses" * (len(bounds.widths) > 1)
        own = f"the model above has it, with the width {several or f'{bounds.widths[0]:g}'}."
    elif BOUNDS in defence:
        own = "in the model above it is joined to another defence, which the figures are not of."
    else:
        own = "the model above has none."
    return f"A promise of the defence {BOUNDS} with one width, whatever the attack; {own}"


def _promises(report: dict) -> list[tuple[str, list[tuple[str, ...]]]]:
    """What is certified: words, and rows of a table."""
    defence = report["mean"]["defence"]
    known = (
        ("certificates", _about_certificates(defence), certificates),
        ("bounded", _about_bounded(defence), bounded),
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
