"""Plots of the study of detectors: a map of all of them, and precision over recall of the best."""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np
from matplotlib import colormaps
from matplotlib.figure import Figure

from advrec_tf.ops.figures import subplots

ALWAYS_DRAWN = (
    "pca-var-select",
    "gan-discriminator",
    "gan-discriminator-ablation",
    "simulated-attack-forest",
)
"""Detectors whose curves are always drawn: the classic one, and those that this package adds."""
COLUMNS = 4


def attacks_of(found: dict) -> list[str]:
    """Every attack that some detector was tested on, in the order met."""
    return list(dict.fromkeys(attack for of_attack in found.values() for attack in of_attack))


def plots(report: dict) -> dict[str, Callable[[], Figure]]:
    """Name -> function that draws it: a map and curves of each shilling set."""
    drawn = {}
    for name, found in report["unseen"].items():
        drawn[f"map_{name}"] = functools.partial(_map, found)
        drawn[f"curves_{name}"] = functools.partial(_curves, found, report["kinds"])
    return drawn


def _map(found: dict):
    """Average precision, a line a detector, a column an attack."""
    attacks = attacks_of(found)
    values = np.array(
        [
            [of_attack.get(a, {}).get("average_precision", np.nan) for a in attacks]
            for of_attack in found.values()
        ]
    )
    figure, ax = subplots(figsize=(0.75 * len(attacks) + 3.2, 0.36 * len(found) + 1.8))
    image = ax.imshow(values, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for line, column in np.argwhere(~np.isnan(values)):
        value = values[line, column]
        color = "white" if value > 0.6 else "black"
        ax.text(column, line, f"{value:.2f}", ha="center", va="center", color=color, fontsize=7)
    ax.set_xticks(range(len(attacks)), attacks, rotation=35, ha="right", fontsize=8)
    ax.set_yticks(range(len(found)), list(found), fontsize=8)
    figure.colorbar(image, label="average precision, base rate 1 %")
    return figure


def _curves(found: dict, kinds: dict):
    """Precision over recall, a panel an attack: the best of each kind, and `ALWAYS_DRAWN`."""
    attacks = attacks_of(found)
    common = [a for a in attacks if all(a in of_attack for of_attack in found.values())]
    mean = {
        detector: np.mean([of_attack[a]["average_precision"] for a in common])
        for detector, of_attack in found.items()
    }
    best = [
        max((d for d in found if kinds[d] == kind), key=mean.get)
        for kind in dict.fromkeys(kinds[d] for d in found)
    ]
    shown = [d for d in found if d in best or d in ALWAYS_DRAWN]
    height = -(-len(attacks) // COLUMNS)
    figure, axes = subplots(
        height,
        COLUMNS,
        figsize=(3.1 * COLUMNS, 2.5 * height + 0.6),
        sharey=True,
        squeeze=False,
    )
    palette, recall = colormaps["tab10"], np.linspace(0.0, 1.0, 101)
    for ax, attack in zip(axes.flat, attacks):
        for i, detector in enumerate(shown):
            if attack in found[detector]:
                curve = found[detector][attack]["curve"]
                ax.plot(recall, curve, label=detector, color=palette(i), lw=1.6)
        ax.axhline(0.01, color="black", lw=0.8, ls=":")
        ax.set_title(attack, fontsize=9)
        ax.set_ylim(0, 1.03)
        ax.set_xlabel("recall", fontsize=8)
        ax.spines[["top", "right"]].set_visible(False)
    for ax in axes.flat[len(attacks) :]:
        ax.axis("off")
    for ax in axes[:, 0]:
        ax.set_ylabel("precision at 1 %", fontsize=8)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize=8, frameon=False)
    return figure
