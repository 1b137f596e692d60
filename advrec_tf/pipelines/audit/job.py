"""What `advrec audit` does: open the models, measure the sections, judge, write page and JSON."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.ops.files import atomic_bytes
from advrec_tf.pipelines.audit import (
    accuracy,
    data,
    evasion,
    fairness,
    lists,
    page,
    poisoning,
    privacy,
    tables,
    verdicts,
)
from advrec_tf.pipelines.audit.opening import open_model
from advrec_tf.pipelines.audit.settings import AuditSettings
from advrec_tf.pipelines.audit.subject import Case, NotPossible, Subject, case_of, measured_users
from advrec_tf.pipelines.progress import stage_done, stages_ahead
from advrec_tf.pipelines.recommend.preparation import versions

PAGE, FIGURES = "audit.html", "audit.json"


def run(
    read: Interactions,
    split: Split,
    settings: AuditSettings,
    models: list[str],
    out: str | os.PathLike,
    *,
    fit: str | None = None,
    command: str = "",
) -> dict:
    """The report, after `audit.html` and `audit.json` were written to the folder `out`.

    Args:
        read: the interactions as they were read.
        split: of what was left after filters.
        models: the audited model, and one beside it or none; see `opening.open_model`.
        fit: `module:name`, interactions -> a trained model, of the first model.
        command: as it was given, for the page.

    Raises:
        ValueError, OSError, ImportError: if a model does not open or does not score the file.
    """
    subjects = [
        open_model(spec, split, fit if place == 0 else None) for place, spec in enumerate(models)
    ]
    report = measure(read, split, settings, subjects) | {"command": command}
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    atomic_bytes(folder / FIGURES, json.dumps(report, indent=2) + "\n", overwrite=True)
    atomic_bytes(folder / PAGE, page.render(report), overwrite=True)
    return report


def measure(
    read: Interactions, split: Split, settings: AuditSettings, subjects: list[Subject]
) -> dict:
    """The report of models that are open, as plain types.

    Returns:
        `models`, each with name, kind, notes, `sections`, `seconds` and `verdicts`; and what they
        were measured on.
    """
    stages_ahead(3 + 6 * len(subjects))
    users = measured_users(split, settings.max_users, split.train.num_items, settings.seed)
    cases = [case_of(subject, split, settings, users) for subject in subjects]
    of_data, data_seconds = _section("data", lambda: data.measure(read, split, seed=settings.seed))
    started = time.perf_counter()
    fitted = accuracy.baselines(split)
    stage_done(f"baselines    {', '.join(fitted)}: {time.perf_counter() - started:.1f} s")
    found, stand_in = [], {}
    for case in cases:
        sections, seconds = {"data": of_data}, {"data": data_seconds}
        for name, section in _sections(case, fitted, stand_in).items():
            sections[name], seconds[name] = _section(name, section, case.subject.name)
        judged = verdicts.judge(sections)
        found.append(
            {
                "name": case.subject.name,
                "kind": case.subject.kind,
                "notes": list(case.subject.notes),
                "sections": sections,
                "seconds": seconds,
                "verdicts": [verdict.as_dict() for verdict in judged],
                "passed_share": verdicts.passed_share(judged),
            }
        )
    return {
        "command": "",
        "settings": settings.as_dict(),
        "split": {"name": split.name, **split.settings},
        "measured_users": len(users),
        "test_users": int((split.test.user_counts() > 0).sum()),
        "users": split.train.num_users,
        "items": split.train.num_items,
        "data_sha256": split.fingerprint(),
        "versions": versions(),
        "models": found,
    }


def _sections(case: Case, fitted: dict, stand_in: dict) -> dict[str, Callable[[], dict]]:
    return {
        "accuracy": lambda: accuracy.measure(case, fitted),
        "lists": lambda: lists.measure(case),
        "evasion": lambda: evasion.measure(case),
        "poisoning": lambda: poisoning.measure(case, stand_in),
        "privacy": lambda: privacy.measure(case),
        "fairness": lambda: fairness.measure(case),
    }


def _section(name: str, compute: Callable[[], dict], of: str = "") -> tuple[dict, float]:
    """(figures, or why there are none; seconds)."""
    started = time.perf_counter()
    try:
        found = compute()
    except NotPossible as error:
        found = {"not_possible": str(error)}
    seconds = round(time.perf_counter() - started, 1)
    said = "not possible" if "not_possible" in found else "done"
    stage_done(f"{name:<12} {said} in {seconds:.1f} s{f' ({of})' if of else ''}")
    return found, seconds


def lines(report: dict) -> list[str]:
    """The failed and unjudged verdicts of the first model and how many passed, for a terminal."""
    first = report["models"][0]
    count = {status: 0 for status in (verdicts.PASSED, verdicts.FAILED, verdicts.NOT_JUDGED)}
    found = []
    for verdict in first["verdicts"]:
        count[verdict["status"]] += 1
        if verdict["status"] == verdicts.FAILED:
            found.append(
                f"failed   {verdict['name']:<24} {verdict['value']:.3f}, {verdict['side']} "
                f"{verdict['threshold']:g}: {verdict['title']}"
            )
            found.append(f"         {verdict['remedy']}")
            if verdict["name"] == "poisoning.lift":
                found.append(f"         {tables.attacked(first['sections']['poisoning'])}")
    reasons: dict[str, list[str]] = {}
    for verdict in first["verdicts"]:
        if verdict["status"] == verdicts.NOT_JUDGED:
            reasons.setdefault(verdict["why"], []).append(verdict["name"])
    found += [f"unjudged {', '.join(names):<24} {why}" for why, names in reasons.items()]
    summary = ", ".join(f"{number} {status}" for status, number in count.items())
    return [*found, f"{first['name']}: {summary}"]
