"""Figures without pyplot: they are drawn into files, and the notebook's backend stays as it is."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_DOTS = 20
"""Epochs up to which each has a dot on its curve: a single one has no line."""


def subplots(rows: int = 1, columns: int = 1, *, figsize: tuple[float, float], **settings):
    """As `pyplot.subplots` with a constrained layout: (figure, its axes).

    Args:
        rows, columns: how many axes.
        figsize: width and height in inches.
        **settings: of `Figure.subplots`.
    """
    figure = Figure(figsize=figsize, layout="constrained")
    return figure, figure.subplots(rows, columns, **settings)


def whole_ticks(ax) -> None:
    """Ticks of the x axis at whole numbers alone, such as epochs or edits."""
    ax.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))


def plot_epochs(ax, values: Sequence[float], **style) -> None:
    """A curve over the epochs 1, 2, ...; few of them have dots."""
    marker = "o" if len(values) <= _DOTS else ""
    ax.plot(range(1, len(values) + 1), values, marker=marker, markersize=4, **style)
    ax.set_xlim(0.5, len(values) + 0.5)
    whole_ticks(ax)
