"""Plots of the main job, as PNG files and as images in TensorBoard."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import tensorflow as tf
from matplotlib import colormaps
from matplotlib.ticker import StrMethodFormatter

from advrec_tf.data.augmentation import AugmentedInteractions
from advrec_tf.ops.figures import plot_epochs, subplots
from advrec_tf.pipelines.recommend.job import Outcome
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM

_COLORS = {
    "oracle": "#d0d0d0",
    "popularity": "#9a9a9a",
    "ease": "#6b6b6b",
    "item_knn": "#6b6b6b",
    "transitions": "#6b6b6b",
    "tower": "#4c78a8",
    "autoencoder": "#59a14f",
    **dict.fromkeys(NEXT_ITEM, "#e3a008"),
    "shipped": "#e45756",
    "ranking": "#b279a2",
}


def draw_all(outcome: Outcome, report: dict, run_dir: Path) -> list[Path]:
    """Every plot that the outcome has data for, as PNG and in TensorBoard; the files."""
    figures = {"metrics": draw_metrics(report)}
    if "cold_start" in report:
        figures["cold_users"] = draw_cold_users(report)
    return write_figures(figures, run_dir) + draw_gan(outcome, run_dir)


def draw_gan(outcome: Outcome, run_dir: Path) -> list[Path]:
    """The plots of the GAN: its training, and what was generated."""
    figures = {}
    for setting in ("cold", "whole"):
        if "gan" in outcome.results[setting]:
            history = outcome.results[setting]["gan"][0].summary["history"]
            if "d_loss" in history:  # without an adversary there is none
                figures["gan_training"] = draw_training(history)
            break
    if outcome.generated:
        figures["generated_popularity"] = draw_popularity(outcome.generated)
    return write_figures(figures, run_dir)


def write_figures(figures: dict, run_dir: Path) -> list[Path]:
    """Name -> figure, each as PNG in run_dir/plots and as an image in TensorBoard; the files."""
    folder = run_dir / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    writer = tf.summary.create_file_writer(str(run_dir / "tensorboard" / "plots"))
    with writer.as_default():
        for name, figure in figures.items():
            paths.append(folder / f"{name}.png")
            figure.savefig(paths[-1], dpi=110)
            image = tf.io.decode_png(paths[-1].read_bytes(), channels=3)
            tf.summary.image(name, image[None], step=0)
    writer.close()
    return paths


def _axes(width: float, height: float, columns: int = 1):
    figure, axes = subplots(1, columns, figsize=(width, height))
    for ax in np.atleast_1d(axes):
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", alpha=0.25)
        ax.set_axisbelow(True)
    return figure, axes


def _color(name: str) -> str:
    family = next((key for key in _COLORS if name.startswith(key)), "tower")
    return _COLORS[family]


def draw_metrics(report: dict):
    """NDCG@10 of every model as bars: all users, and the sparsest fifth."""
    rows = {n: r for n, r in report["models"].items() if "ndcg@10" in r}
    names = list(rows)
    figure, axes = _axes(12, 0.36 * len(names) + 1.6, 2)
    titles = ("all users", "sparsest fifth of users")
    values = (
        [rows[n]["ndcg@10"] for n in names],
        [rows[n]["sparsest_fifth"]["ndcg@10"] for n in names],
    )
    for ax, title, value in zip(axes, titles, values, strict=True):
        ax.grid(axis="x", alpha=0.25)
        ax.grid(axis="y", visible=False)
        bars = ax.barh(names, value, color=[_color(n) for n in names])
        ax.bar_label(bars, fmt="%.4f", padding=3, fontsize=8)
        ax.invert_yaxis()
        ax.set_xlim(0, 1.18 * max(value))
        ax.set_title(title)
        ax.set_xlabel("NDCG@10, full ranking")
    axes[1].set_yticklabels([])
    return figure


def draw_training(history: dict[str, list[float]]):
    """Losses of discriminator and generator, accuracy and diversity over epochs."""
    figure, (left, right) = _axes(11, 4, 2)
    for ax, name, color, label in (
        (left, "d_loss", "#e45756", "loss of the discriminator"),
        (left, "g_loss", "#4c78a8", "adversarial loss of the generator"),
        (right, "d_accuracy", "#e45756", "accuracy of the discriminator"),
        (right, "diversity", "#59a14f", "diversity of what is generated"),
    ):
        plot_epochs(ax, history[name], color=color, label=label)
        ax.set_xlabel("epoch")
    left.set_ylabel("loss")
    right.axhline(0.5, color="#9a9a9a", linewidth=0.8, linestyle="--", label="accuracy of guessing")
    right.set_ylabel("accuracy, diversity")
    right.set_ylim(-0.03, 1.05)
    for ax in (left, right):
        ax.legend(frameon=False, loc="lower left", bbox_to_anchor=(0, 1))
    figure.suptitle("GAN: discriminator and generator")
    return figure


def draw_popularity(generated: dict[str, AugmentedInteractions]):
    """Popularity of generated and of real interactions, items ordered by real popularity."""
    figure, ax = _axes(8, 4.5)
    real = next(iter(generated.values())).real
    counts = real.item_counts()
    order = np.argsort(-counts, kind="stable")
    places = np.arange(1, len(order) + 1)
    ax.plot(places, np.cumsum(counts[order]) / counts.sum(), color="black", label="real rows")
    # lines that fall together are told apart: the later ones are thinner and broken
    styles = itertools.cycle([("-", 3.0), ("--", 1.6), (":", 1.6), ("-.", 1.6)])
    for (name, rows), (style, width) in zip(generated.items(), styles, strict=False):
        if not len(rows):
            continue
        written = np.bincount(rows.item_index, minlength=real.num_items)
        share = np.cumsum(written[order]) / written.sum()
        ax.plot(places, share, style, linewidth=width, label=f"generated: {name}")
    # what is generated is often of the first few items
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    ax.set_xlim(1, max(len(order), 2))
    ax.set_ylim(0, 1.03)
    ax.set_xlabel("items, most popular first (logarithmic)")
    ax.set_ylabel("share of the rows")
    ax.set_title("popularity of real and of generated interactions")
    ax.legend(frameon=False, loc="lower right")
    return figure


def draw_cold_users(report: dict):
    """NDCG@10 on the withheld history of users cut to 1, 3 and 5 interactions."""
    models = report["cold_start"]["models"]
    groups = list(report["cold_start"]["users"])
    figure, ax = _axes(13, 4.8)
    width = 0.84 / len(models)
    palette = colormaps["tab20"]
    for i, (name, tests) in enumerate(models.items()):
        row = tests["withheld"]
        ax.bar(
            np.arange(len(groups)) + i * width,
            [row[g]["ndcg@10"] for g in groups],
            width,
            label=name,
            color=palette(i % 20),
        )
    ax.set_xticks(np.arange(len(groups)) + 0.42 - width / 2)
    ax.set_xticklabels([g.replace("_", " ") for g in groups])
    ax.set_ylabel("NDCG@10 on withheld history")
    ax.set_title("users with few interactions")
    ax.legend(frameon=False, fontsize=8, ncols=1, loc="center left", bbox_to_anchor=(1, 0.5))
    return figure
