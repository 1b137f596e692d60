"""Plots of studies: groups of horizontal bars that several of them draw, and files of plots."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from advrec_tf.ops.figures import subplots
from experiments.harness.reports import images_of

GRAY, BLUE, RED = "#9a9a9a", "#4c78a8", "#e45756"


def bars(
    values: Mapping[str, Mapping[str, float]],
    columns: Sequence[str],
    *,
    title: str,
    colors: Mapping[str, str] | None = None,
    baseline: str | None = None,
):
    """One panel a column and one bar a label; returns the figure.

    Args:
        values: label -> column -> value; a column may be missing.
        colors: label -> color, gray where there is none.
        baseline: label whose value is drawn as a dashed line through every panel.
    """
    labels = list(values)
    figure, axes = subplots(
        1,
        len(columns),
        figsize=(3.6 * len(columns) + 2.5, 0.34 * len(labels) + 1.6),
        sharey=True,
        squeeze=False,
    )
    for ax, column in zip(axes[0], columns, strict=True):
        ax.spines[["top", "right"]].set_visible(False)
        lengths = [values[label].get(column, 0.0) for label in labels]
        colored = [(colors or {}).get(label, GRAY) for label in labels]
        drawn = ax.barh(labels, lengths, color=colored)
        texts = [f"{values[la][column]:.3f}" if column in values[la] else "" for la in labels]
        ax.bar_label(drawn, labels=texts, padding=3, fontsize=8)
        if baseline is not None:
            ax.axvline(values[baseline][column], color=BLUE, linewidth=0.8, linestyle="--")
        ax.set_xlim(0, 1.2 * max(lengths))
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
        ax.set_xlabel(column)
    axes[0][0].invert_yaxis()
    figure.suptitle(title)
    return figure


def save(plots: Mapping[str, Callable[[], Figure]], page: Path) -> None:
    """Draw plots, a function each, into the files that a page shows, see `reports.images_of`."""
    for name, draw in plots.items():
        path = page.parent / f"{images_of(page)}{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        draw().savefig(path, dpi=110)
