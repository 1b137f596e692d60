"""Figures without pyplot: they are drawn into files, and the notebook's backend stays as it is."""

from __future__ import annotations

from matplotlib.figure import Figure


def subplots(rows: int = 1, columns: int = 1, *, figsize: tuple[float, float], **settings):
    """As `pyplot.subplots` with a constrained layout: (figure, its axes).

    Args:
        rows, columns: how many axes.
        figsize: width and height in inches.
        **settings: of `Figure.subplots`.
    """
    figure = Figure(figsize=figsize, layout="constrained")
    return figure, figure.subplots(rows, columns, **settings)
