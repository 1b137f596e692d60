"""Markdown of every results page: tables, numbers, spreads over seeds, and differences."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence


def table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> list[str]:
    """A table, a line of cells each; with an empty line before it, so that it stands alone.

    Raises:
        ValueError: if a line has another number of cells than the head.
    """
    lines = [list(line) for line in lines]
    for line in lines:
        if len(line) != len(head):
            raise ValueError(
                f"`lines` should have {len(head)} cells, as the head. Received {len(line)}: {line}."
            )
    return ["", *map(_line, [head, ["---"] * len(head), *lines])]


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def number(value: float | None, digits: int = 4) -> str:
    """With so many digits behind the point; nothing for None and NaN."""
    return "" if value is None or math.isnan(value) else f"{value:.{digits}f}"


def spread(mean: float | None, deviation: float | None = None, digits: int = 4) -> str:
    """A mean over seeds, and the standard deviation over seeds in brackets where there is one."""
    text = number(mean, digits)
    return f"{text} ({number(deviation, digits)})" if text and number(deviation, digits) else text


def p_value(value: float) -> str:
    """`p .012`, `p < .001`."""
    return "p < .001" if value < 0.001 else f"p {value:.3f}".replace("0.", ".", 1)


def difference(test: Mapping | None, digits: int = 4) -> str:
    """A paired comparison, see `significance.paired`: `+0.0121 ± 0.0060, p < .001`."""
    if test is None:
        return ""
    interval = f"{test['difference']:+.{digits}f} ± {test['half_width']:.{digits}f}"
    return f"{interval}, {p_value(test['p_value'])}"


NAMES_OF_CORRECTIONS = {"holm": "Holm", "benjamini-hochberg": "FDR"}


def compared(test: Mapping | None, adjusted: Mapping[str, float]) -> str:
    """A paired comparison and its p-value after each correction: `+0.0121 ± 0.0060, p < .001 (Holm
    p .012, FDR p .003)`; nothing for None."""
    if test is None:
        return ""
    values = ", ".join(f"{NAMES_OF_CORRECTIONS[how]} {p_value(p)}" for how, p in adjusted.items())
    return f"{difference(test)} ({values})"


def corrected(tests: Mapping[str, Mapping], against: str, level: float = 0.05) -> list[str]:
    """The differences that stay below `level` after correction, in a paragraph.

    After Holm's, which bounds the chance of any false one; and, of the others, after Benjamini and
    Hochberg's, which bounds the share of false ones.

    Args:
        tests: label -> paired comparison, see `significance.paired`; without any there is no
            paragraph.
        against: what the labels are compared with, such as "an ablation".
    """
    # TensorFlow, which the other helpers do without
    from experiments.harness.compare import corrected as adjusted

    if not tests:
        return []
    found = adjusted({label: test["p_value"] for label, test in tests.items()})
    sure, likely = (
        {label: tests[label]["difference"] > 0 for label, p in found[how].items() if p < level}
        for how in ("holm", "benjamini-hochberg")
    )
    likely = {label: more for label, more in likely.items() if label not in sure}
    text = f"After Holm's correction for {len(tests)} comparisons with {against}, "
    text += f"these differ at p < {f'{level:g}'.lstrip('0')}. {_sides(sure)}"
    text += f" At a false discovery rate of {level:.0%} (Benjamini and Hochberg) these differ, too."
    return ["", f"{text} {_sides(likely)}"]


def _sides(differing: Mapping[str, bool]) -> str:
    higher = "; ".join(label for label, more in differing.items() if more) or "none"
    lower = "; ".join(label for label, more in differing.items() if not more) or "none"
    return f"Higher: {higher}. Lower: {lower}."


def facts(values: Mapping[str, object]) -> list[str]:
    """A list of names and values."""
    return ["", *(f"- {name}: {value}" for name, value in values.items())]


def page(title: str, command: str, *sections: Sequence[str]) -> str:
    """A results page: its title, the command that makes it, and the sections."""
    lines = [f"# {title}", "", f"Made by `{command}`."]
    return "\n".join([*lines, *(line for section in sections for line in section)]) + "\n"
