"""Plots of the grid: strength and stealth, groups of targets, sizes, defences and what they cost,
and epsilon."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence

from matplotlib import colormaps
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from advrec_tf.defence.registry import DEFENCES
from advrec_tf.ops.figures import subplots
from experiments.harness.plots import BLUE, GRAY, RED

COLORS = (GRAY, BLUE, RED, "#59a14f", "#b279a2", "#f58518", "#72b7b2", "#9c755f")
HIT_RATE, CLEAN = "target_hit_rate@10", "target_hit_rate@10, clean"
TITLES = {
    "biased_mf": "biased matrix factorization (ratings)",
    "wrmf": "weighted factorization (implicit)",
    "mf_bpr": "matrix factorization, BPR",
    "apr": "the same with adversarial training (APR)",
}


def plots(report: dict) -> dict[str, Callable[[], Figure]]:
    """Name -> function that draws it, of every plot that the report has figures for."""
    parts, curves = report["parts"], report["curves"]
    attacked = [record for record in parts["attacks"] if "pca_ap" in record]
    several_groups = len({record["group"] for record in attacked}) > 1
    possible = {
        "strength_and_stealth": (attacked, _strength_and_stealth, attacked),
        "groups": (several_groups, _groups, attacked),
        "attack_size": (parts["sizes"], _sizes, parts["sizes"]),
        "defences": (parts["defences"], _defences, parts["defences"]),
        "trade_off": (parts["trade_off"], _trade_off, parts["trade_off"], parts["defences"]),
        "epsilon": (curves, _epsilon, curves),
    }
    return {
        name: functools.partial(draw, *arguments)
        for name, (there, draw, *arguments) in possible.items()
        if there
    }


def _panels(titles: Sequence[str], *, rows: int = 1, size=(5.0, 4.0), grid: str = "y", **kwargs):
    """Axes side by side, `rows` times over, in the style of all plots here."""
    columns = len(titles) // rows
    figure, axes = subplots(
        rows,
        columns,
        figsize=(size[0] * columns + 1, size[1] * rows),
        squeeze=False,
        **kwargs,
    )
    for ax, title in zip(axes.flat, titles, strict=True):
        ax.set_title(title, fontsize=10)
        ax.spines[["top", "right"]].set_visible(False)
        if grid:
            ax.grid(axis=grid, alpha=0.25)
        ax.set_axisbelow(True)
    return figure, axes


def levels(records: Sequence[dict], key: str) -> list:
    """The different values of a key, in the order met."""
    return list(dict.fromkeys(record[key] for record in records))


def _title(victim: str) -> str:
    return TITLES.get(victim, victim)


def _deviation(record: dict, measure: str) -> float:
    return record.get("deviation", {}).get(measure, 0.0)


def _strength_and_stealth(records: list[dict]):
    """The first group's targets: what an attack does, beside how easily its fakes are found."""
    records = [record for record in records if record["group"] == records[0]["group"]]
    victims, attacks = levels(records, "victim"), levels(records, "attack")
    shown = [(victim, HIT_RATE, _title(victim)) for victim in victims]
    shown.append((victims[0], "pca_ap", "how easily found"))
    figure, axes = _panels(
        [title for *_, title in shown],
        size=(4.0, 0.27 * len(attacks) + 1.2),
        grid="",
        sharey=True,
    )
    places = range(len(attacks))[::-1]
    for ax, (victim, measure, _) in zip(axes[0], shown, strict=True):
        own = {record["attack"]: record for record in records if record["victim"] == victim}
        values = [own.get(attack, {}).get(measure, 0.0) for attack in attacks]
        spread = [_deviation(own.get(attack, {}), measure) for attack in attacks]
        found = measure == "pca_ap"
        ax.barh(
            places,
            values,
            xerr=spread,
            color=RED if found else BLUE,
            error_kw={"capsize": 2, "lw": 1},
        )
        for place, value, more in zip(places, values, spread, strict=True):
            _label(ax, f"{value:.{3 if found else 4}f}", (value + more, place), (4, 0), fontsize=7)
        if not found:
            ax.axvline(own[attacks[0]][CLEAN], color="black", linestyle="--", lw=1)
        ax.set_xlabel(
            "average precision of PCA-VarSelect, base rate 1 %"
            if found
            else "target hit rate@10 (dashed: clean)"
        )
        ax.set_xlim(0, max([*values, 1e-3]) * 1.25)
        ax.xaxis.set_major_locator(MaxNLocator(5, steps=[1, 2, 5, 10]))
    axes[0][0].set_yticks(places, attacks)
    return figure


def _grouped_bars(figure, panels: Sequence, *, legend_columns: int, across: bool = False):
    """Panels of (axes, names, {series: (values, color)}), with one legend below.

    Bars stand above their names, or lie beside them with `across`.
    """
    for ax, names, series in panels:
        width = 0.8 / len(series)
        for i, (label, (values, color)) in enumerate(series.items()):
            places = [n + width * (i + 0.5) - 0.4 for n in range(len(names))]
            (ax.barh if across else ax.bar)(places, values, width, color=color, label=label)
        if across:
            ax.set_yticks(range(len(names)), [_broken(name) for name in names], fontsize=8)
            ax.set_xlabel("target hit rate@10")
        else:
            ax.set_xticks(range(len(names)), names)
            ax.set_ylabel("target hit rate@10")
    handles = panels[0][0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=legend_columns, frameon=False)
    return figure


def _groups(records: list[dict]):
    """Target hit rate by group of targets, of the attacks that every group has."""
    groups, victims = levels(records, "group"), levels(records, "victim")
    of_group = [{r["attack"] for r in records if r["group"] == group} for group in groups]
    attacks = [a for a in levels(records, "attack") if all(a in one for one in of_group)]
    figure, axes = _panels([_title(victim) for victim in victims])
    panels = []
    for ax, victim in zip(axes[0], victims, strict=True):
        found = {(r["attack"], r["group"]): r for r in records if r["victim"] == victim}
        series = {"clean": ([found[attacks[0], group][CLEAN] for group in groups], "black")}
        series |= {
            attack: ([found[attack, g][HIT_RATE] for g in groups], COLORS[i % len(COLORS)])
            for i, attack in enumerate(attacks)
        }
        panels.append((ax, groups, series))
        ax.set_xlabel("targets")
    return _grouped_bars(figure, panels, legend_columns=7)


def _sizes(records: list[dict]):
    victims = levels(records, "victim")
    figure, axes = _panels([_title(victim) for victim in victims])
    for ax, victim in zip(axes[0], victims, strict=True):
        own = [record for record in records if record["victim"] == victim]
        for color, attack in zip(COLORS, levels(own, "attack")):
            points = sorted((r for r in own if r["attack"] == attack), key=lambda r: r["size"])
            ax.errorbar(
                [100 * r["size"] for r in points],
                [r[HIT_RATE] for r in points],
                yerr=[_deviation(r, HIT_RATE) for r in points],
                marker="o",
                capsize=3,
                color=color,
                label=attack,
            )
        ax.axhline(own[0][CLEAN], color="black", linestyle="--", label="clean")
        ax.set_xlabel("fake users, % of real ones")
        ax.set_ylabel("target hit rate@10")
        ax.set_ylim(bottom=0)
    axes[0][0].legend(frameon=False, fontsize=8)
    return figure


def _epsilon(curves: dict):
    """A line of panels a norm, a panel a victim; the colors of kinds are the same in all."""
    points = [point for curve in curves.values() for point in curve["points"]]
    norms, kinds = levels(points, "norm"), levels(points, "kind")
    colors = dict(zip(kinds, COLORS[1:])) | {"random": COLORS[0]}
    figure, axes = _panels(
        [f"{_title(victim)}, {norm}" for norm in norms for victim in curves],
        rows=len(norms),
        size=(5.0, 3.5),
        sharex=True,
        sharey=True,
    )
    for line, norm in zip(axes, norms, strict=True):
        for ax, curve in zip(line, curves.values(), strict=True):
            for kind in kinds:
                own = sorted(
                    (p["epsilon"], p["ndcg@10"])
                    for p in curve["points"]
                    if (p["norm"], p["kind"]) == (norm, kind)
                )
                style = "--" if kind == "random" else "-"
                values = zip((0, curve["clean"]), *own, strict=True)
                ax.plot(*values, style, marker="o", color=colors[kind], label=kind)
        line[0].set_ylabel("NDCG@10 of honest users")
    for ax in axes[-1]:
        ax.set_xlabel("epsilon, fraction of each vector's length")
    axes[0][0].set_ylim(0, 1.05 * max(curve["clean"] for curve in curves.values()))
    axes[0][0].legend(frameon=False)
    return figure


def _by_panel(records: Sequence[dict]) -> dict[str, list[dict]]:
    """Title of a panel -> its records: one panel for each victim and group of targets."""
    found: dict[str, list[dict]] = {}
    for record in records:
        title = f"{_title(record['victim'])}, {record['group']} targets"
        found.setdefault(title, []).append(record)
    return found


def _defences(records: list[dict]):
    of_panel = _by_panel([record for record in records if record["attack"] != "none"])
    height = 0.55 * max(len(levels(own, "defence")) for own in of_panel.values()) + 1.5
    figure, axes = _panels(list(of_panel), size=(5.0, height), grid="x", sharey=True)
    panels = []
    for ax, own in zip(axes[0], of_panel.values(), strict=True):
        names, found = levels(own, "defence"), {(r["attack"], r["defence"]): r for r in own}
        series = {
            attack: (
                [found.get((attack, name), {}).get(HIT_RATE, 0) for name in names],
                COLORS[i % len(COLORS)],
            )
            for i, attack in enumerate(levels(own, "attack"))
        }
        panels.append((ax, names, series))
    return _grouped_bars(figure, panels, legend_columns=4, across=True)


def _trade_off(strict: list[dict], defended: list[dict]):
    """Worst target hit rate over attacks against accuracy kept without one.

    A line through one defence at several thresholds, and the other defences as points.
    """
    of_panel, others = _by_panel(strict), _by_panel(defended)
    figure, axes = _panels(list(of_panel), size=(5.0, 5.0))
    thresholds = {record["defence"] for record in strict}
    names = [name for name in levels(defended, "defence") if name not in thresholds]
    # The first color is that of the line.
    colors = dict(zip(names, colormaps["tab10"].colors[1:] + colormaps["Dark2"].colors))
    for ax, (title, records) in zip(axes[0], of_panel.items(), strict=True):
        points = worst_and_kept(records)
        at = dict(sorted((DEFENCES[name].threshold, point) for name, point in points.items()))
        ax.plot(*zip(*at.values()), marker="o", color=BLUE, label="threshold")
        tried = levels(records, "attack")
        rest = worst_and_kept([r for r in others.get(title, ()) if r["attack"] in tried])
        for threshold, point in at.items():
            _label(ax, f"{threshold:g}", point, (5, 4), va="bottom", color=BLUE)
        for name, color in colors.items():
            if name in rest:
                ax.plot(*rest[name], "o", color=color, label=name)
        ax.axhline(records[0][CLEAN], color="black", linestyle="--", lw=1, label="clean")
        ax.axvline(98, color="black", linestyle=":", lw=1, label="2 % lost")
        ax.set_ylim(bottom=0)
        ax.set_xlabel("NDCG@10 of honest users kept without attack, %")
        ax.set_ylabel("worst target hit rate@10")
    handles = axes[0][0].get_legend_handles_labels()
    figure.legend(*handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    return figure


def _broken(name: str) -> str:
    """A long name over several lines."""
    return name.replace("+", "\n+ ")


def _label(ax, text: str, point: tuple[float, float], away: tuple[int, int], **style) -> None:
    style = {"fontsize": 8, "va": "center"} | style
    ax.annotate(text, point, xytext=away, textcoords="offset points", **style)


def worst_and_kept(records: Sequence[Mapping]) -> dict[str, tuple[float, float]]:
    """Defence -> (NDCG@10 kept without attack in percent, greatest target hit rate@10)."""
    found = {}
    for defence in levels(records, "defence"):
        own = {r["attack"]: r for r in records if r["defence"] == defence}
        attacked = [r[HIT_RATE] for attack, r in own.items() if attack != "none"]
        if attacked and "none" in own:
            kept = 100 * own["none"]["ndcg@10"] / own["none"]["ndcg@10, clean"]
            found[defence] = (kept, max(attacked))
    return found
