"""Plots of a quality report, as PNG bytes: for the page, for files and for TensorBoard."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.patches import Rectangle

from advrec_tf.ops.figures import plot_epochs, subplots
from advrec_tf.tabular.columns import Column, Date
from advrec_tf.tabular.fidelity import Binning, features_of
from advrec_tf.tabular.schema import TableSchema

REAL, SYNTHETIC = "#4c78a8", "#e45756"
_POINTS = 1500
_BARS = 15


def all_plots(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    schema: TableSchema,
    history: dict[str, list[float]] | None = None,
) -> tuple[dict[str, bytes], list[str]]:
    """Name -> PNG: training where there is a history, columns, components, correlations; and a
    sentence for each of them that cannot be drawn, since a report never ends a run."""
    drawings = {
        "columns": lambda: draw_columns(real, synthetic, schema),
        "components": lambda: draw_components(real, synthetic, schema),
        "correlations": lambda: draw_correlations(real, synthetic, schema),
    }
    if history and "d_loss" in history:
        drawings = {"networks": lambda: draw_training(history), **drawings}
    plots, notes = {}, []
    with rc_context({"text.parse_math": False}):  # "$" in a name is a character
        for name, draw in drawings.items():
            try:
                plots[name] = _png(draw())
            except Exception as error:
                notes.append(f"the plot {name!r} could not be drawn: {error}")
    return plots, notes


def write_plots(plots: dict[str, bytes], run_dir: Path) -> list[Path]:
    """PNG files in `run_dir`/plots, and the same as images in its TensorBoard folder."""
    import tensorflow as tf

    folder = run_dir / "plots"
    folder.mkdir(parents=True, exist_ok=True)
    writer = tf.summary.create_file_writer(str(run_dir / "tensorboard" / "plots"))
    paths = []
    with writer.as_default():
        for name, content in plots.items():
            paths.append(folder / f"{name}.png")
            paths[-1].write_bytes(content)
            tf.summary.image(name, tf.io.decode_png(content, channels=3)[None], step=0)
    writer.close()
    return paths


def _png(figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=100)
    return buffer.getvalue()


def _tidy(ax) -> None:
    ax.spines[["top", "right"]].set_visible(False)


def draw_training(history: dict[str, list[float]]):
    """Losses of discriminator and generator, and distance to held-out rows, over rounds."""
    figure, (left, right) = subplots(1, 2, figsize=(11, 3.8))
    plot_epochs(left, history["d_loss"], color=SYNTHETIC, label="discriminator")
    plot_epochs(left, history["g_loss"], color=REAL, label="generator")
    left.set(xlabel="round", ylabel="loss", title="discriminator and generator")
    left.legend(frameon=False)
    plot_epochs(right, history["val_distance"], color="black", label="distance (stops early)")
    plot_epochs(right, history["val_columns"], color=REAL, label="of columns")
    plot_epochs(right, history["val_pairs"], color=SYNTHETIC, label="of pairs of columns")
    right.set(
        xlabel="round", ylabel="mean total variation", title="distance to held-out rows", ylim=0
    )
    right.legend(frameon=False)
    for ax in (left, right):
        _tidy(ax)
    return figure


def draw_columns(real: pd.DataFrame, synthetic: pd.DataFrame, schema: TableSchema):
    """A histogram a column, real beside generated; shares of the rows."""
    columns = schema.learned
    across = min(3, len(columns))
    down = -(-len(columns) // across)
    figure, axes = subplots(down, across, figsize=(4.2 * across, 2.7 * down), squeeze=False)
    for ax in axes.flat[len(columns) :]:
        ax.axis("off")
    for ax, column in zip(axes.flat, columns):
        values = [column.raw(frame[column.name]) for frame in (real, synthetic)]
        _draw_column(ax, column, values)
        ax.set_title(column.name, fontsize=10)
        ax.tick_params(labelsize=8)
        _tidy(ax)
    handles = [Rectangle((0, 0), 1, 1, color=c, alpha=0.6) for c in (REAL, SYNTHETIC)]
    figure.legend(handles, ["real", "generated"], loc="outside upper right", ncols=2, frameon=False)
    return figure


def _draw_column(ax, column: Column, values: list[np.ndarray]) -> None:
    present = [v[~pd.isna(v)] for v in values]
    distinct = pd.Series(present[0]).value_counts().index
    if not column.continuous or len(distinct) <= _BARS:
        names = list(distinct[:_BARS])
        if not column.categorical:
            names = sorted(names)
        for shift, side, color in ((-0.2, values[0], REAL), (0.2, values[1], SYNTHETIC)):
            fraction = [float((side == name).mean()) for name in names]
            ax.bar(np.arange(len(names)) + shift, fraction, 0.4, color=color, alpha=0.8)
        texts = [column.choice_text(name)[:14] for name in names]
        slanted = max(map(len, texts), default=0) * len(texts) > 36
        ax.set_xticks(
            np.arange(len(names)),
            texts,
            rotation=60 if slanted else 0,
            ha="right" if slanted else "center",
            rotation_mode="anchor" if slanted else "default",
        )
    else:
        low, high = np.quantile(present[0], [0.0, 0.995])
        edges = np.linspace(low, max(high, low + 1e-9), 31)
        for side, color in zip(present, (REAL, SYNTHETIC), strict=True):
            weights = np.full(len(side), 1 / max(len(side), 1))
            clipped = np.clip(side, edges[0], edges[-1])
            ax.hist(clipped, edges, weights=weights, color=color, alpha=0.5)
        if isinstance(column, Date):
            ticks = np.linspace(edges[0], edges[-1], 4)
            days = [column.choice_text(tick)[:10] for tick in ticks]
            ax.set_xticks(ticks, days, rotation=20, ha="right", rotation_mode="anchor")
    missing = [float(pd.isna(v).mean()) for v in values]
    if max(missing):
        ax.set_xlabel(f"missing: {missing[0]:.1%} real, {missing[1]:.1%} generated", fontsize=8)


def principal_components(real: np.ndarray, synthetic: np.ndarray):
    """Both projected onto the two leading components of the real rows, and their shares of
    the variance."""
    mean, deviation = real.mean(0), real.std(0)
    deviation[deviation == 0] = 1.0
    scaled = [(x - mean) / deviation for x in (real, synthetic)]
    _, sizes, axes = np.linalg.svd(scaled[0], full_matrices=False)
    return *(x @ axes[:2].T for x in scaled), (sizes**2 / (sizes**2).sum())[:2]


def draw_components(real: pd.DataFrame, synthetic: pd.DataFrame, schema: TableSchema):
    """Real and generated rows on the two leading principal components of the real ones."""
    rng = np.random.default_rng(0)
    frames = [f.iloc[rng.permutation(len(f))[:_POINTS]] for f in (real, synthetic)]
    binning = Binning.of(real, schema)
    first, second, fraction = principal_components(
        *(features_of(frame, real, binning)[0] for frame in frames)
    )
    figure, axes = subplots(1, 3, figsize=(12.5, 4.1), sharex=True, sharey=True)
    for ax, sides, title in (
        (axes[0], [(first, REAL)], "real"),
        (axes[1], [(second, SYNTHETIC)], "generated"),
        (axes[2], [(first, REAL), (second, SYNTHETIC)], "both"),
    ):
        for points, color in sides:
            ax.scatter(*points.T, s=7, color=color, alpha=0.35, linewidths=0)
        ax.set(title=title, xlabel=f"component 1 ({fraction[0]:.0%} of variance)")
        _tidy(ax)
    axes[0].set_ylabel(f"component 2 ({fraction[1]:.0%})")
    return figure


def draw_correlations(real: pd.DataFrame, synthetic: pd.DataFrame, schema: TableSchema):
    """Strength of the association of each pair of columns, real, generated, and apart."""
    binning = Binning.of(real, schema)
    names = [column.name for column in schema.learned]
    tables = []
    for frame in (real, synthetic):
        features, blocks = features_of(frame, real, binning)
        with np.errstate(invalid="ignore", divide="ignore"):
            correlation = np.nan_to_num(np.atleast_2d(np.corrcoef(features.T)))
        tables.append(
            np.array(
                [
                    [
                        np.abs(correlation[np.ix_(blocks == i, blocks == j)]).max(initial=0)
                        for j in range(len(names))
                    ]
                    for i in range(len(names))
                ]
            )
        )
    size = 2.0 + 0.28 * len(names)
    figure, axes = subplots(1, 3, figsize=(3 * size + 1.5, size + 0.8))
    tables.append(np.abs(tables[0] - tables[1]))
    titles = ("real", "generated", "difference")
    for i, (ax, table, title) in enumerate(zip(axes, tables, titles, strict=True)):
        image = ax.imshow(table, vmin=0, vmax=1, cmap="Blues" if i < 2 else "Reds")
        ax.set_xticks(
            range(len(names)), names, rotation=60, ha="right", fontsize=8, rotation_mode="anchor"
        )
        ax.set_yticks(range(len(names)), names if i == 0 else [], fontsize=8)
        ax.set_title(f"largest correlation, {title}" if i < 2 else title, fontsize=10)
        figure.colorbar(image, ax=ax, fraction=0.046)
    return figure
