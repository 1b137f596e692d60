"""The page of an audit: blocks of tables, notes and plots, rendered by a jinja2 template.

It reads the report of `job`, so a page can be made again from audit.json. Everything that comes
from data or models is escaped by the template. Which rows a section shows is in `tables`.
"""

from __future__ import annotations

import jinja2

from advrec_tf.pipelines.audit import plots, tables
from advrec_tf.pipelines.audit.blocks import note, number
from advrec_tf.pipelines.audit.thresholds import SECTIONS
from advrec_tf.pipelines.audit.verdicts import FAILED, NOT_JUDGED, PASSED

_PLOTS = {
    "accuracy": (plots.accuracy, "NDCG@10 of the model and the baselines, 95 % intervals"),
    "lists": (plots.exposure, "share of list places of the most listed items"),
    "evasion": (plots.evasion, "loss over the radius of the attack, and over its steps"),
    "poisoning": (plots.poisoning, "gain of the target and detection, by kind of profile"),
    "fairness": (plots.fairness, "NDCG@10 by group of users, 95 % intervals"),
}


def render(report: dict) -> str:
    """The HTML of a report, whole: style and plots are inside.

    Args:
        report: of `job.measure`, or the same read from audit.json.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("advrec_tf.pipelines.audit", ""),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    models = report["models"]
    reasons = _reasons(models)
    return environment.get_template("page.html.j2").render(
        report=report,
        models=models,
        counts=[_counts(model["verdicts"]) for model in models],
        verdicts=_verdict_rows(models, reasons),
        reasons=list(reasons),
        sections=[
            {
                "name": name,
                "threat": threat,
                "seconds": [model["seconds"][name] for model in models],
                "blocks": blocks_of(name, models),
            }
            for name, threat in SECTIONS.items()
        ],
    )


def blocks_of(name: str, models: list[dict]) -> list[dict]:
    """The blocks of a section: notes on what was not possible, a plot, tables."""
    found = [(model["name"], model["sections"][name]) for model in models]
    several = len(found) > 1
    shown = [(model, section) for model, section in found if "not_possible" not in section]
    blocks = [
        note(f"{model}: {section['not_possible']}" if several else section["not_possible"])
        for model, section in (found[:1] if name == "data" else found)
        if "not_possible" in section
    ]
    if not shown:
        return blocks
    drawn = [(model, section) for model, section in shown if "no_lift" not in section]
    if name in _PLOTS and drawn:
        draw, caption = _PLOTS[name]
        blocks.append({"kind": "image", "source": draw(drawn), "caption": caption})
    if name == "data":
        return [*blocks, *tables.data(shown[0][1])]
    for model, section in shown:
        if several:
            blocks.append({"kind": "heading", "text": model})
        blocks += getattr(tables, name)(section)
    return blocks


def _counts(verdicts: list[dict]) -> dict[str, int]:
    statuses = [verdict["status"] for verdict in verdicts]
    return {status: statuses.count(status) for status in (PASSED, FAILED, NOT_JUDGED)}


def _reasons(models: list[dict]) -> dict[str, int]:
    """Why verdicts are not judged -> the number that stands for it in the table, each once."""
    said = (verdict["why"] for model in models for verdict in model["verdicts"])
    return {why: place for place, why in enumerate(dict.fromkeys(filter(None, said)), 1)}


def _verdict_rows(models: list[dict], reasons: dict[str, int]) -> list[dict]:
    """A row a check, with the outcome for each model and the number of its reason, if any."""
    return [
        {
            **outcomes[0],
            "section": outcomes[0]["name"].split(".")[0],
            "failed": any(outcome["status"] == FAILED for outcome in outcomes),
            "outcomes": [
                {
                    "status": outcome["status"],
                    "text": number(outcome["value"]),
                    "why": reasons.get(outcome["why"]),
                }
                for outcome in outcomes
            ],
        }
        for outcomes in zip(*(model["verdicts"] for model in models), strict=True)
    ]
