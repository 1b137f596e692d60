"""The plots of an attack on a next-item model: curves against the budget, as PNG files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from matplotlib.figure import Figure

from advrec_tf.ops.figures import subplots, whole_ticks
from advrec_tf.pipelines.next_item_attack.page import LOWER, RAISE, curves_of

COLORS = (
    *("#4c78a8", "#f58518", "#59a14f", "#e45756", "#b279a2"),
    *("#e3a008", "#76b7b2", "#6b6b6b", "#c0c0c0"),
)
STYLES = {"random": ":", "greedy": "--", "gradient": "-"}


def draw_all(report: dict, folder: Path) -> list[str]:
    """Every plot that the report has figures for; the names of the files in `folder`."""
    figures = {}
    if lowered := curves_of(report, LOWER):
        title = f"Goal: lower the next item; n = {report['asked_users']} users"
        figures["pollution"] = draw_pollution(lowered, "ndcg", "NDCG@10", title=title)
    if raised := curves_of(report, RAISE):
        users = raised[0]["points"][0]["target_users"]
        title = f"Goal: raise a target ({_few(report['targets'])}); n = {users} users without it"
        figures["pollution_target"] = draw_pollution(
            raised, "target_hit_rate", "share shown the target", title=title
        )
    if report["promotion"]:
        figures["promotion"] = draw_promotion(report["promotion"])
    paths = []
    for name, figure in figures.items():
        (folder / "plots").mkdir(parents=True, exist_ok=True)
        paths.append(f"plots/{name}.png")
        figure.savefig(folder / paths[-1], dpi=110)
    return paths


def _few(names: Sequence[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")


def draw_pollution(curves: Sequence[Mapping], value: str, label: str, *, title: str) -> Figure:
    """`value` against the number of edits: a panel a kind, a line a search, a color a defence and
    attacker."""

    def name_of(curve: Mapping) -> str:
        attacker = curve.get("attacker")
        return f"{curve['defence']}, attacker {attacker}" if attacker else curve["defence"]

    kinds = list(dict.fromkeys(curve["kind"] for curve in curves))
    names = list(dict.fromkeys(map(name_of, curves)))
    figure, axes = panels(len(kinds))
    for ax, kind in zip(axes, kinds, strict=True):
        for curve in curves:
            if curve["kind"] == kind:
                draw_curve(
                    ax,
                    curve["points"],
                    value,
                    color=COLORS[names.index(name_of(curve)) % len(COLORS)],
                    search=curve["search"],
                    label=f"{name_of(curve)}, {curve['search']}",
                )
        ax.set(title=f"items {_DONE[kind]}", xlabel="edits of each history")
    figure.suptitle(title, fontsize=10)
    return finished(figure, axes, label)


_DONE = {"substitute": "exchanged", "insert": "put in", "delete": "taken out"}


def draw_curve(ax, points: Sequence[Mapping], value: str, *, color, search: str, label: str):
    """One curve of `pollution_curves`; ticks of the x axis are whole edits."""
    whole_ticks(ax)
    ax.plot(
        [point["budget"] for point in points],
        [point.get(value, float("nan")) for point in points],
        STYLES[search],
        color=color,
        marker=".",
        label=label,
    )


def draw_promotion(records: Sequence[Mapping]) -> Figure:
    """Users who are shown a target against the fake users: a panel a defence, a color an attack."""
    names = list(dict.fromkeys(record["defence"] for record in records))
    attacks = [a for a in dict.fromkeys(record["attack"] for record in records) if a != "none"]
    clean = {r["defence"]: r["target_hit_rate"] for r in records if r["attack"] == "none"}
    figure, axes = panels(len(names))
    for ax, name in zip(axes, names, strict=True):
        for color, attack in zip(COLORS, attacks, strict=False):
            points = {
                record["size"]: record["target_hit_rate"]
                for record in records
                if record["defence"] == name and record["attack"] == attack
            }
            points = {0.0: clean.get(name, clean["none"]), **points}
            ax.plot(
                [100 * size for size in points],
                [100 * rate for rate in points.values()],
                color=color,
                marker=".",
                label=attack,
            )
        ax.set(title=f"defence {name}", xlabel="fake users, % of the real ones")
    return finished(figure, axes, "users shown a target, %")


def panels(count: int):
    """(figure, its axes), beside one another, with one scale."""
    figure, axes = subplots(1, count, figsize=(4.0 * count + 2.0, 3.4), sharey=True, squeeze=False)
    for ax in axes[0]:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", alpha=0.25)
    return figure, axes[0]


def finished(figure: Figure, axes, label: str, *, legend_of: int = -1) -> Figure:
    """With the label, from zero, and the legend of one panel beside the last."""
    axes[0].set_ylabel(label)
    axes[0].set_ylim(bottom=0)
    axes[-1].legend(
        *axes[legend_of].get_legend_handles_labels(),
        frameon=False,
        fontsize=8,
        loc="center left",
        bbox_to_anchor=(1.02, 0.5),
    )
    return figure
