"""Curves of the grid: hit rate against attack size, NDCG against epsilon, what defences cost."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

COLOURS = ("#9a9a9a", "#4c78a8", "#e45756", "#59a14f", "#b279a2", "#f58518", "#72b7b2", "#54a24b")


def draw(report: dict) -> dict[str, plt.Figure]:
    """Name -> figure, of every part the report has."""
    figures = {}
    if report["parts"]["sizes"]:
        figures["attack_size"] = _sizes(report["parts"]["sizes"])
    if report["curves"]:
        figures["epsilon"] = _epsilon(report["curves"])
    if report["parts"]["defences"]:
        figures["defences"] = _defences(report["parts"]["defences"])
    return figures


def _panels(count: int):
    figure, axes = plt.subplots(
        1, count, figsize=(5 * count + 1, 4), layout="constrained", squeeze=False
    )
    for ax in axes[0]:
        ax.spines[["top", "right"]].set_visible(False)
        ax.grid(axis="y", alpha=0.25)
        ax.set_axisbelow(True)
    return figure, axes[0]


def _sizes(rows: list[dict]):
    victims = list(dict.fromkeys(row["victim"] for row in rows))
    figure, axes = _panels(len(victims))
    for ax, victim in zip(axes, victims, strict=True):
        own = [row for row in rows if row["victim"] == victim]
        for colour, attack in zip(COLOURS, dict.fromkeys(row["attack"] for row in own)):
            points = sorted((row["size"], row) for row in own if row["attack"] == attack)
            sizes = [100 * size for size, _ in points]
            rates = [row["target_hit_rate@10"] for _, row in points]
            spread = [row.get("deviation", {}).get("target_hit_rate@10", 0) for _, row in points]
            ax.errorbar(
                sizes, rates, yerr=spread, marker="o", capsize=3, color=colour, label=attack
            )
        ax.axhline(
            own[0]["target_hit_rate@10, clean"], color="black", linestyle="--", label="clean"
        )
        ax.set_title(victim)
        ax.set_xlabel("fake users, % of real ones")
        ax.set_ylabel("target hit rate@10")
        ax.set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    return figure


def _epsilon(curves: dict):
    figure, axes = _panels(len(curves))
    for ax, (victim, curve) in zip(axes, curves.items(), strict=True):
        for colour, kind in zip(COLOURS[1:], dict.fromkeys(p["kind"] for p in curve["points"])):
            points = sorted(
                (p["epsilon"], p["ndcg@10"]) for p in curve["points"] if p["kind"] == kind
            )
            ax.plot(
                [0, *(p[0] for p in points)],
                [curve["clean"], *(p[1] for p in points)],
                marker="o",
                color=colour,
                label=kind,
            )
        ax.set_title(victim)
        ax.set_xlabel("epsilon, share of each vector's length")
        ax.set_ylabel("NDCG@10")
        ax.set_ylim(bottom=0)
    axes[0].legend(frameon=False)
    return figure


def _defences(rows: list[dict]):
    victims = list(dict.fromkeys(row["victim"] for row in rows))
    figure, axes = _panels(len(victims))
    for ax, victim in zip(axes, victims, strict=True):
        own = [row for row in rows if row["victim"] == victim and row["attack"] != "none"]
        names = list(dict.fromkeys(row["defence"] for row in own))
        attacks = list(dict.fromkeys(row["attack"] for row in own))
        for i, attack in enumerate(attacks):
            found = {r["defence"]: r["target_hit_rate@10"] for r in own if r["attack"] == attack}
            ax.bar(
                [n + 0.8 * (i + 0.5) / len(attacks) - 0.4 for n in range(len(names))],
                [found.get(name, 0) for name in names],
                width=0.8 / len(attacks),
                color=COLOURS[i % len(COLOURS)],
                label=attack,
            )
        ax.set_xticks(range(len(names)), names, rotation=40, ha="right")
        ax.set_title(victim)
        ax.set_ylabel("target hit rate@10 after the attack")
    axes[0].legend(frameon=False)
    return figure
