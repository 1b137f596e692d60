"""The part of the page that says what each row costs, what it loses, and which reach the goal."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence

from experiments.harness.compare import corrected
from experiments.harness.markdown import compared, table
from experiments.next_item_robustness import rows
from experiments.next_item_robustness.measures import (
    AT,
    SEARCHES,
    costs_of,
    having,
    losses_of,
    percent,
)

GOAL_LOSS = 0.5
"""A defence should lose at most so much of what the plain network loses."""

CLEAN = "clean"
"""The measure without an attack, beside those of the searches."""

ABOUT_TESTS = (
    f"NDCG@10 less that of the plain network, clean and with {AT} items substituted, paired over "
    "users, each with the mean over the seeds of the row, with half of the 95 % interval, the "
    "p-value, and that value after Holm's correction and after Benjamini and Hochberg's (false "
    "discovery rate) for all cells of the table:"
)


def lines_of(found: Sequence[dict]) -> list[str]:
    """For each row but the plain one: what it costs, and the loss under attack beside that of the
    plain row of the same seeds."""
    lines = [
        f"Of its clean NDCG@10 the plain network loses {_losses(found, rows.PLAIN)} with {AT} "
        "items substituted. The others, and what they cost without an attack:",
        "",
    ]
    others = [label for label in found[0] if label != rows.PLAIN]
    costs = {label: statistics.fmean(costs_of(found, label, rows.PLAIN)) for label in others}
    for label in others:
        cost = percent(costs_of(found, label, rows.PLAIN), "+")
        lines.append(f"- {label}: clean {cost}; loses {_losses(found, label)}")
    dearer = [
        label for label in others if found[0][label].get("within") and costs[label] < -rows.PRICE
    ]
    if dearer:
        lines.append(f"- within the price on validation, over it here: {'; '.join(dearer)}")
    for search in SEARCHES:
        most = statistics.fmean(losses_of(found, rows.PLAIN, search)) * GOAL_LOSS
        kept = [
            label
            for label in others
            if costs[label] >= -rows.PRICE and _halves(having(found, label), label, search)
        ]
        goal = f"- at most {most:.1%}, half of it, at {rows.PRICE:.0%} of the clean NDCG@10 or less"
        lines.append(f"{goal} ({search}): {'; '.join(kept) or 'no row'}")
    return lines


def _halves(seeds: Sequence[dict], label: str, search: str) -> bool:
    """Whether a row loses half of what the plain network of its seeds loses, in the mean."""
    own = losses_of(seeds, label, search)
    plain = losses_of(seeds, rows.PLAIN, search)
    return bool(own) and statistics.fmean(own) <= GOAL_LOSS * statistics.fmean(plain)


def _losses(found: Sequence[dict], label: str) -> str:
    values = {search: losses_of(found, label, search) for search in SEARCHES}
    shown = [f"{percent(losses)} ({search})" for search, losses in values.items() if losses]
    return ", ".join(shown) or "nothing, since it has nothing"


def tests_of(tests: Mapping[str, Mapping[str, Mapping]]) -> list[str]:
    """The table of the paired tests; nothing without any."""
    p_values = {
        (label, measure): test["p_value"]
        for label, measures in tests.items()
        for measure, test in measures.items()
    }
    if not p_values:
        return []
    adjusted = corrected(p_values)
    lines = [
        [
            label,
            *(
                compared(
                    measures.get(measure),
                    {how: values.get((label, measure)) for how, values in adjusted.items()},
                )
                for measure in (CLEAN, *SEARCHES)
            ),
        ]
        for label, measures in tests.items()
    ]
    return ["", ABOUT_TESTS, *table(["row", CLEAN, *SEARCHES], lines)]
