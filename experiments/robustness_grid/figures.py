"""Plots of the grid: strength beside stealth, groups of targets, sizes, epsilon, defences and what
they cost."""

from __future__ import annotations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt

from advrec_tf.defence.registry import DEFENCES

COLORS = (
    "#9a9a9a",
    "#4c78a8",
    "#e45756",
    "#59a14f",
    "#b279a2",
    "#f58518",
    "#72b7b2",
    "#9c755f",
)
TITLES = {
    "biased_mf": "biased matrix factorization (ratings)",
    "wrmf": "weighted factorization (implicit)",
    "mf_bpr": "matrix factorization, BPR",
    "apr": "the same with adversarial training (APR)",
}


def draw(report: dict) -> dict[str, plt.Figure]:
    """Name -> figure, of every part the report has."""
    parts, figures = report["parts"], {}
    attacked = [row for row in parts["attacks"] if "pca_ap" in row]
    if attacked:
        figures["strength_and_stealth"] = _strength_and_stealth(attacked)
    if len({row["group"] for row in attacked}) > 1:
        figures["groups"] = _groups(attacked)
    if parts["sizes"]:
        figures["attack_size"] = _sizes(parts["sizes"])
    if parts["defences"]:
        figures["defences"] = _defences(parts["defences"])
    if parts["trade_off"]:
        figures["trade_off"] = _trade_off(parts["trade_off"], parts["defences"])
    if report["curves"]:
        figures["epsilon"] = _epsilon(report["curves"])
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


def _strength_and_stealth(rows: list[dict]):
    """The first group's targets: what an attack does, beside how easily its fakes are found."""
    rows = [row for row in rows if row["group"] == rows[0]["group"]]
    victims = list(dict.fromkeys(row["victim"] for row in rows))
    attacks = list(dict.fromkeys(row["attack"] for row in rows))
    figure, axes = plt.subplots(
        1,
        len(victims) + 1,
        figsize=(4 * (len(victims) + 1) + 1, 0.27 * len(attacks) + 1.2),
        layout="constrained",
        sharey=True,
        squeeze=False,
    )
    places = range(len(attacks))[::-1]
    shown = [(victim, "target_hit_rate@10", TITLES.get(victim, victim)) for victim in victims]
    for ax, (victim, measure, title) in zip(
        axes[0], [*shown, (victims[0], "pca_ap", "how easily found")], strict=True
    ):
        own = {row["attack"]: row for row in rows if row["victim"] == victim}
        values = [own[attack].get(measure, 0.0) if attack in own else 0.0 for attack in attacks]
        spread = [own.get(a, {}).get("deviation", {}).get(measure, 0.0) for a in attacks]
        color = COLORS[2] if measure == "pca_ap" else COLORS[1]
        ax.barh(places, values, xerr=spread, color=color, error_kw={"capsize": 2, "lw": 1})
        for place, value, more in zip(places, values, spread, strict=True):
            text = f"{value:.3f}" if measure == "pca_ap" else f"{value:.4f}"
            at = {"xytext": (4, 0), "textcoords": "offset points"}
            ax.annotate(text, (value + more, place), va="center", fontsize=7, **at)
        if measure != "pca_ap":
            clean = own[attacks[0]]["target_hit_rate@10, clean"]
            ax.axvline(clean, color="black", linestyle="--", lw=1)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel(
            "average precision of PCA-VarSelect, base rate 1 %"
            if measure == "pca_ap"
            else "target hit rate@10 (dashed: clean)"
        )
        ax.set_xlim(0, max([*values, 1e-3]) * 1.25)
        ax.spines[["top", "right"]].set_visible(False)
    axes[0][0].set_yticks(places, attacks)
    return figure


def _groups(rows: list[dict]):
    """Target hit rate by group of targets, of the attacks that every group has."""
    groups = list(dict.fromkeys(row["group"] for row in rows))
    victims = list(dict.fromkeys(row["victim"] for row in rows))
    of_group = [{row["attack"] for row in rows if row["group"] == group} for group in groups]
    attacks = [
        a for a in dict.fromkeys(r["attack"] for r in rows) if all(a in one for one in of_group)
    ]
    figure, axes = _panels(len(victims))
    width = 0.8 / (len(attacks) + 1)
    for ax, victim in zip(axes, victims, strict=True):
        found = {(r["attack"], r["group"]): r for r in rows if r["victim"] == victim}
        clean = [found[attacks[0], group]["target_hit_rate@10, clean"] for group in groups]
        bars = [("clean", clean)]
        bars += [
            (attack, [found[attack, group]["target_hit_rate@10"] for group in groups])
            for attack in attacks
        ]
        for i, (name, values) in enumerate(bars):
            color = "black" if not i else COLORS[(i - 1) % len(COLORS)]
            places = [n + width * (i + 0.5) - 0.4 for n in range(len(groups))]
            ax.bar(places, values, width=width, color=color, label=name)
        ax.set_xticks(range(len(groups)), groups)
        ax.set_title(TITLES.get(victim, victim), fontsize=10)
        ax.set_xlabel("targets")
        ax.set_ylabel("target hit rate@10")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=7, frameon=False
    )
    return figure


def _sizes(rows: list[dict]):
    victims = list(dict.fromkeys(row["victim"] for row in rows))
    figure, axes = _panels(len(victims))
    for ax, victim in zip(axes, victims, strict=True):
        own = [row for row in rows if row["victim"] == victim]
        for color, attack in zip(COLORS, dict.fromkeys(row["attack"] for row in own)):
            points = sorted((row["size"], row) for row in own if row["attack"] == attack)
            sizes = [100 * size for size, _ in points]
            rates = [row["target_hit_rate@10"] for _, row in points]
            spread = [row.get("deviation", {}).get("target_hit_rate@10", 0) for _, row in points]
            ax.errorbar(sizes, rates, yerr=spread, marker="o", capsize=3, color=color, label=attack)
        ax.axhline(
            own[0]["target_hit_rate@10, clean"], color="black", linestyle="--", label="clean"
        )
        ax.set_title(TITLES.get(victim, victim), fontsize=10)
        ax.set_xlabel("fake users, % of real ones")
        ax.set_ylabel("target hit rate@10")
        ax.set_ylim(bottom=0)
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def _epsilon(curves: dict):
    """A row a norm, a panel a victim; the colors of kinds are the same in all."""
    norms = list(dict.fromkeys(p["norm"] for curve in curves.values() for p in curve["points"]))
    kinds = list(dict.fromkeys(p["kind"] for curve in curves.values() for p in curve["points"]))
    colors = dict(zip(kinds, COLORS[1:])) | {"random": COLORS[0]}
    figure, axes = plt.subplots(
        len(norms),
        len(curves),
        figsize=(5 * len(curves) + 1, 3.2 * len(norms) + 0.6),
        layout="constrained",
        sharex=True,
        sharey=True,
        squeeze=False,
    )
    for row, norm in zip(axes, norms, strict=True):
        for ax, (victim, curve) in zip(row, curves.items(), strict=True):
            for kind in kinds:
                points = sorted(
                    (p["epsilon"], p["ndcg@10"])
                    for p in curve["points"]
                    if (p["norm"], p["kind"]) == (norm, kind)
                )
                style = "--" if kind == "random" else "-"
                epsilons = [0, *(p[0] for p in points)]
                values = [curve["clean"], *(p[1] for p in points)]
                ax.plot(epsilons, values, style, marker="o", color=colors[kind], label=kind)
            ax.set_title(f"{TITLES.get(victim, victim)}, {norm}", fontsize=10)
            ax.spines[["top", "right"]].set_visible(False)
            ax.grid(axis="y", alpha=0.25)
        row[0].set_ylabel("NDCG@10 of honest users")
    for ax in axes[-1]:
        ax.set_xlabel("epsilon, share of each vector's length")
    axes[0][0].set_ylim(0, 1.05 * max(curve["clean"] for curve in curves.values()))
    axes[0][0].legend(frameon=False)
    return figure


def _of_panels(rows: list[dict]) -> dict[str, list[dict]]:
    """Title of a panel -> its rows: one of each victim and group of targets."""
    found: dict[str, list[dict]] = {}
    for row in rows:
        victim = TITLES.get(row["victim"], row["victim"])
        found.setdefault(f"{victim}, {row['group']} targets", []).append(row)
    return found


def _defences(rows: list[dict]):
    panels = _of_panels(rows)
    figure, axes = _panels(len(panels))
    for ax, (title, own) in zip(axes, panels.items(), strict=True):
        own = [row for row in own if row["attack"] != "none"]
        names = list(dict.fromkeys(row["defence"] for row in own))
        attacks = list(dict.fromkeys(row["attack"] for row in own))
        for i, attack in enumerate(attacks):
            found = {r["defence"]: r["target_hit_rate@10"] for r in own if r["attack"] == attack}
            ax.bar(
                [n + 0.8 * (i + 0.5) / len(attacks) - 0.4 for n in range(len(names))],
                [found.get(name, 0) for name in names],
                width=0.8 / len(attacks),
                color=COLORS[i % len(COLORS)],
                label=attack,
            )
        ax.set_xticks(range(len(names)), names, rotation=40, ha="right")
        ax.set_title(title, fontsize=10)
        ax.set_ylabel("target hit rate@10")
    figure.legend(
        *axes[0].get_legend_handles_labels(), loc="outside lower center", ncols=4, frameon=False
    )
    return figure


def _trade_off(strict: list[dict], defended: list[dict]):
    """Worst target hit rate over attacks against accuracy kept without one.

    A line through one defence at several thresholds, and the other defences as points.
    """
    panels, others = _of_panels(strict), _of_panels(defended)
    figure, axes = _panels(len(panels))
    for ax, (title, rows) in zip(axes, panels.items(), strict=True):
        at = {DEFENCES[name].threshold: point for name, point in _worst_and_kept(rows).items()}
        ax.plot(*zip(*(at[t] for t in sorted(at))), marker="o", color=COLORS[1], label="threshold")
        rest = _worst_and_kept([r for r in others.get(title, ()) if r["attack"] in _tried(rows)])
        tried = {row["defence"] for row in rows}
        rest = {name: point for name, point in rest.items() if name not in tried}
        for point in rest.values():
            ax.plot(*point, "o", color=COLORS[0])
        # Thresholds stand above their points and names below, those of what loses accuracy to the
        # left: so they keep clear of one another.
        for threshold, point in at.items():
            _label(ax, f"{threshold:g}", point, (5, 4), va="bottom", color=COLORS[1])
        for name, point in rest.items():
            text = name.replace(" by ", "\nby ").replace(", ", ",\n")
            lost = point[0] < 100
            side = {"ha": "right" if lost else "left", "va": "top"}
            _label(ax, text, point, (-5 if lost else 5, -3), **side)
        clean = rows[0]["target_hit_rate@10, clean"]
        ax.axhline(clean, color="black", linestyle="--", lw=1, label="clean")
        ax.axvline(98, color="black", linestyle=":", lw=1, label="2 % lost")
        ax.margins(x=0.2)
        ax.set_ylim(bottom=0)
        ax.set_title(title, fontsize=10)
        ax.set_xlabel("NDCG@10 of honest users kept without attack, %")
        ax.set_ylabel("worst target hit rate@10")
    axes[0].legend(frameon=False, fontsize=8)
    return figure


def _label(ax, text: str, point: tuple[float, float], away: tuple[int, int], **style) -> None:
    ax.annotate(text, point, xytext=away, textcoords="offset points", fontsize=8, **style)


def _tried(rows: list[dict]) -> set[str]:
    return {row["attack"] for row in rows}


def _worst_and_kept(rows: list[dict]) -> dict[str, tuple[float, float]]:
    """Defence -> (NDCG@10 kept without attack in percent, greatest target hit rate@10)."""
    found = {}
    for defence in dict.fromkeys(row["defence"] for row in rows):
        own = {row["attack"]: row for row in rows if row["defence"] == defence}
        attacked = [row["target_hit_rate@10"] for name, row in own.items() if name != "none"]
        if attacked and "none" in own:
            kept = 100 * own["none"]["ndcg@10"] / own["none"]["ndcg@10, clean"]
            found[defence] = (kept, max(attacked))
    return found
