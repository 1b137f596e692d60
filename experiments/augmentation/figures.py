"""Plots of the augmentation job: a row of bars a part, and both players of a sequence game."""

from __future__ import annotations

from collections.abc import Mapping

from matplotlib import pyplot as plt

from advrec_tf.pipelines.recommend.plots import draw_players
from experiments.augmentation.evaluation import MONITOR
from experiments.augmentation.page import TITLES

_OTHER, _BASE, _GENERATED = "#9a9a9a", "#4c78a8", "#e45756"


def draw(reports: list[Mapping], title: str) -> dict:
    """Name -> figure."""
    figures = {}
    for report in reports:
        part = report["part"]
        if part == "sequences":
            figures[part] = _bars(
                {label: row["mean"] for label, row in report["rows"].items()},
                {"AUC of telling from real": "auc", "NDCG@10, next item": "next item"},
                f"{TITLES[part]}, {title}",
                None,
            )
            history = report["rows"]["GAN, Gumbel-softmax"]["history"]
            if history:
                figures["sequence_players"] = draw_players(history)
                figures["sequence_players"].suptitle("sequence GAN: both players")
            continue
        tests = report["tests"]
        columns = {f"NDCG@10, {test}": (test, MONITOR) for test in tests}
        columns["share of the long tail"] = (tests[-1], "long_tail_share@10")
        means = {
            label: {name: row["mean"][test][figure] for name, (test, figure) in columns.items()}
            for label, row in report["rows"].items()
        }
        figures[part] = _bars(
            means, {name: name for name in columns}, f"{TITLES[part]}, {title}", report["base"]
        )
    return figures


def _bars(means: Mapping, columns: Mapping[str, str], title: str, base: str | None):
    labels = list(means)
    figure, axes = plt.subplots(
        1,
        len(columns),
        figsize=(3.6 * len(columns) + 2.5, 0.34 * len(labels) + 1.6),
        layout="constrained",
        sharey=True,
    )
    for ax, (name, key) in zip(axes, columns.items(), strict=True):
        ax.spines[["top", "right"]].set_visible(False)
        values = [means[label].get(key, 0.0) for label in labels]
        colors = [
            _BASE if label == base else _GENERATED if "GAN" in label else _OTHER for label in labels
        ]
        bars = ax.barh(labels, values, color=colors)
        shown = [f"{v:.3f}" if key in means[label] else "" for label, v in zip(labels, values)]
        ax.bar_label(bars, labels=shown, padding=3, fontsize=8)
        if base is not None:
            ax.axvline(means[base][key], color=_BASE, linewidth=0.8, linestyle="--")
        ax.set_xlim(0, 1.2 * max(values))
        ax.set_xlabel(name)
    axes[0].invert_yaxis()
    figure.suptitle(title)
    return figure
