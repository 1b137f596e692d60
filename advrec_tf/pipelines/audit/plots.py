"""The plots of an audit, as PNG in data URIs: each takes (model name, section) pairs.

Figures are made without pyplot, so that nothing is left open and no backend is chosen.
"""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

COLORS = ("#4c78a8", "#f58518")
GRAY, RED = "#9a9a9a", "#e45756"
Sections = Sequence[tuple[str, dict]]


def accuracy(sections: Sections) -> str:
    """NDCG of the models and the baselines, with intervals; all, short histories, the tail."""
    figure, axes = _figure(3, height=2.9)
    titles = {"all": "all measured users", "short": "shortest histories", "tail": "tail items"}
    metric = sections[0][1]["metric"]
    for ax, (part, title) in zip(axes, titles.items(), strict=True):
        bars = [
            (_short(name), found["tables"][part]["model"], COLORS[place])
            for place, (name, found) in enumerate(sections)
            if found["tables"][part]
        ]
        rows = sections[0][1]["tables"][part]
        bars += [(name, row, GRAY) for name, row in rows.items() if name != "model"]
        names = [name for name, _, _ in bars]
        values = [row[metric][0] or 0.0 for _, row, _ in bars]
        errors = [row[metric][1] or 0.0 for _, row, _ in bars]
        places = np.arange(len(bars))
        ax.barh(places, values, xerr=errors, color=[color for *_, color in bars], capsize=2)
        ax.set_yticks(places, names, fontsize=8)
        ax.invert_yaxis()
        ax.set_title(title, fontsize=10)
        ax.set_xlim(left=0)  # an interval may reach below
        ax.set_xlabel(_called(metric))
    return _uri(figure)


def exposure(sections: Sections) -> str:
    """How much of all list places the most listed items take."""
    figure, (ax,) = _figure(1, height=2.9, width=5.2)
    for place, (name, found) in enumerate(sections):
        curve = found["exposure"]
        share = np.linspace(0, 100, len(curve))
        ax.plot(share, 100 * np.array(curve), color=COLORS[place], label=_short(name))
    ax.plot([0, 100], [0, 100], color=GRAY, linestyle="--", linewidth=0.8, label="all alike")
    ax.set(xlabel="most listed items, % of the catalog", ylabel="their list places, %")
    ax.legend(frameon=False, fontsize=8)
    return _uri(figure)


def evasion(sections: Sections) -> str:
    """Loss over radius for each kind of attack, and the metric over the steps of PGD."""
    figure, (left, right) = _figure(2, height=3.1)
    styles = {"pgd": "-", "fgsm": "--", "random": ":"}
    for place, (name, found) in enumerate(sections):
        for kind, losses in found["loss"].items():
            label = f"{_short(name)}, {'noise' if kind == 'random' else kind}"
            radii = [0.0, *found["radii"]]
            values = [0.0, *(100 * loss for loss in losses)]
            left.plot(radii, values, styles[kind], color=COLORS[place], label=label, marker=".")
        steps = [int(step) for step in found["by_steps"]]
        right.plot(
            steps,
            list(found["by_steps"].values()),
            color=COLORS[place],
            marker=".",
            label=f"{_short(name)}, radius {found['radius']:g}",
        )
    metric = sections[0][1]["metric"]
    left.set(xlabel="radius, of each vector's norm", ylabel=f"{_called(metric)} lost, %")
    right.set(xlabel="steps of PGD", ylabel=_called(metric))
    right.set_ylim(0, 1.25 * max(max(found["by_steps"].values()) for _, found in sections))
    for ax in (left, right):
        ax.legend(frameon=False, fontsize=7)
    return _uri(figure)


def poisoning(sections: Sections) -> str:
    """Gain in the target's hit rate of each kind, and how well its profiles are found."""
    kinds = list(dict.fromkeys(kind for _, found in sections for kind in found["kinds"]))
    figure, axes = _figure(2, height=0.6 + 0.28 * len(kinds) * max(1, len(sections) * 0.7))
    height = 0.8 / len(sections)
    places = np.arange(len(kinds))
    for place, (name, found) in enumerate(sections):
        rows = [found["kinds"].get(kind) for kind in kinds]
        lifts = [100 * row["lift"] if row else 0.0 for row in rows]
        precision = [max(row["found"].values()) if row else 0.0 for row in rows]
        at = places + (place - (len(sections) - 1) / 2) * height
        for ax, values in zip(axes, (lifts, precision), strict=True):
            ax.barh(at, values, height, color=COLORS[place], label=_short(name))
    for ax in axes:
        ax.set_yticks(places, kinds, fontsize=8)
        ax.invert_yaxis()
    axes[0].set_xlabel("gain in the target's hit rate@10, points")
    axes[1].set_xlabel("average precision of the better detector")
    axes[1].set_xlim(0, 1)
    if len(sections) > 1:
        axes[0].legend(frameon=False, fontsize=8)
    return _uri(figure)


def fairness(sections: Sections) -> str:
    """The metric of each group of users, with intervals."""
    labels = [
        (column, group)
        for column, row in sections[0][1]["columns"].items()
        for group in row["groups"]
    ]
    figure, (ax,) = _figure(1, height=0.9 + 0.3 * len(labels), width=7.0)
    places = np.arange(len(labels))
    for place, (name, found) in enumerate(sections):
        values = [
            found["columns"].get(column, {"groups": {}})["groups"].get(group, {"value": [0, 0]})
            for column, group in labels
        ]
        means = [row["value"][0] or 0.0 for row in values]
        errors = [row["value"][1] or 0.0 for row in values]
        at = places + 0.2 * (place - (len(sections) - 1) / 2)
        ax.errorbar(means, at, xerr=errors, fmt="o", color=COLORS[place], label=_short(name))
    ax.set_yticks(places, [f"{column}: {group}" for column, group in labels], fontsize=8)
    ax.invert_yaxis()
    ax.set_xlim(left=0)
    ax.set_xlabel(_called(sections[0][1]["metric"]))
    if len(sections) > 1:
        ax.legend(frameon=False, fontsize=8)
    return _uri(figure)


def _figure(columns: int, *, height: float, width: float = 10.0):
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, columns, squeeze=False)[0]
    for ax in axes:
        ax.spines[["top", "right"]].set_visible(False)
        ax.tick_params(labelsize=8)
    return figure, axes


def _short(name: str) -> str:
    """The end of a long name, which tells it from others."""
    text = name if len(name) <= 24 else f"...{name[-21:]}"
    return text.replace("$", r"\$")  # a dollar sign would begin a formula


def _called(metric: str) -> str:
    """A metric as the captions call it."""
    return metric.replace("ndcg", "NDCG")


def _uri(figure: Figure) -> str:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"
