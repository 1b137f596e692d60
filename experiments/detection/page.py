"""The results page of the benchmark of detectors, and its plots, from the report alone."""

from __future__ import annotations

import numpy as np

GOAL = 0.8


def markdown(report: dict, command: str) -> str:
    """The page."""
    lines = [
        "# Finding fake profiles",
        "",
        f"Made by `{command}`.",
        "",
        "Average precision (AP) at a base rate of 1 %: a detector that guesses has .010. With "
        "true-positive rate T and false-positive rate F precision is .01 T / (.01 T + .99 F), so "
        "it does not depend on how many fakes a test set holds.",
        "",
    ]
    for name, found in report.get("unseen", {}).items():
        lines += _unseen(name, found, report["settings"], report["kinds"])
    if report.get("labeled"):
        lines += _labeled(report["labeled"], report["kinds"])
    if report.get("clicks"):
        lines += _clicks(report["clicks"], report["settings"])
    missing = [part for part in ("unseen", "labeled", "clicks") if not report.get(part)]
    if missing:
        lines += [f"Not asked for, so not on this page: {', '.join(missing)}."]
    return "\n".join(lines) + "\n"


def _unseen(name: str, found: dict, settings: dict, kinds: dict) -> list[str]:
    attacks = attacks_of(found)
    by_rule = [a for a in attacks if a not in settings["learned"]]
    repetitions = next(iter(next(iter(found.values())).values()))["repetitions"]
    lines = [
        f"## Attacks unseen in training: shilling/{name}",
        "",
        f"Half of the honest users and attacks of one group are for fitting, the other half with "
        f"fakes (1 % of them) of one attack of the other group, on one target, is judged; "
        f"halvings: {settings['seeds']}, targets: {settings['targets']}, repetitions a figure: "
        f"{repetitions}. Groups: random, segment, popular, probe; average (also over popular "
        "items, with noise, with the target shifted), bandwagon, love-hate. Learned and "
        "optimized attacks are judged by detectors fitted on all attacks by rule. A detector "
        "marked * is transductive: "
        "fitted, without labels, on the very profiles it judges; all others never see them. The "
        "simulated-attack-forest simulates the attacks of the fitting group only.",
        "",
        _row(["detector", "kind", *attacks, "mean by rule"]),
        _row(["---"] * (len(attacks) + 3)),
    ]
    for detector, figures in found.items():
        mark = "*" if next(iter(figures.values()))["transductive"] else ""
        cells = [f"{figures[a]['average_precision']:.3f}" if a in figures else "" for a in attacks]
        mean = np.mean([figures[a]["average_precision"] for a in by_rule])
        lines.append(_row([detector + mark, kinds[detector], *cells, f"{mean:.3f}"]))
    lines += [
        "",
        f"![Average precision of every detector on every attack](../images/fraud_{name}_map.png)",
        "",
        f"![Precision and recall](../images/fraud_{name}.png)",
        "",
        "Curves of the best detector of each kind, of the classic, and of what this suite adds; "
        "the dotted line is a guess.",
        "",
        "At the threshold that 1 % of the honest users of the fitting half exceed (for * the 1 % "
        "of judged users with the highest scores); mean over attacks by rule:",
        "",
        _row(["detector", "recall", "false-positive rate", "precision at 1 %"]),
        _row(["---"] * 4),
    ]
    for detector, figures in found.items():
        cells = [
            f"{np.mean([figures[a][key] for a in by_rule]):.3f}"
            for key in ("recall", "false_positive_rate", "precision")
        ]
        lines.append(_row([detector, *cells]))
    if settings["learned"]:
        lines += ["", *_learned(found, settings["learned"])]
    best = max(found, key=lambda d: np.mean([found[d][a]["average_precision"] for a in by_rule]))
    reached = [a for a in by_rule if found[best][a]["average_precision"] >= GOAL]
    missed = [a for a in by_rule if a not in reached]
    lines += [
        "",
        f"The best over attacks by rule is {best}: AP of {GOAL} or more on "
        f"{len(reached)} of {len(by_rule)} attacks"
        + (f"; below it on {', '.join(missed)}." if missed else "."),
        "",
    ]
    return lines


def _learned(found: dict, learned: list[str]) -> list[str]:
    """Mean average precision over learned attacks, beside PCA-VarSelect's."""
    mean = {
        detector: np.mean([figures[a]["average_precision"] for a in learned])
        for detector, figures in found.items()
        if all(a in figures for a in learned)
    }
    lines = [
        f"Learned attacks ({', '.join(learned)}), mean AP; a detector that is missing was not run:",
        "",
        _row(["detector", "mean AP", "over PCA-VarSelect"]),
        _row(["---"] * 3),
    ]
    classic = mean.get("pca-var-select")
    for detector, value in sorted(mean.items(), key=lambda item: -item[1]):
        ratio = "" if not classic else f"{value / classic:.1f} x"
        lines.append(_row([detector, f"{value:.3f}", ratio]))
    return lines


def _labeled(found: dict, kinds: dict) -> list[str]:
    detectors = [d for d in next(iter(found.values()))]
    names = list(found)
    lines = [
        "## Labeled sets (SDLib)",
        "",
        "AP at the set's own share of fakes, five folds of users, means over seeds (deviation). A "
        "detector that needs labels has those of the other folds; one that needs none ranks the "
        "whole set. `amazon` are reviewers judged spammers by people, `averageattack` an "
        "injected average attack. The classic detectors are those of SDLib.",
        "",
        _row(["detector", "kind", *names]),
        _row(["---"] * (len(names) + 2)),
    ]
    for detector in detectors:
        cells = []
        for name in names:
            figure = found[name][detector]
            spread = "" if figure.get("deviation") is None else f" ({figure['deviation']:.3f})"
            cells.append(f"{figure['average_precision']:.3f}{spread}")
        lines.append(_row([detector, kinds.get(detector, ""), *cells]))
    not_run = [name for name in kinds if name not in detectors]
    if not_run:
        lines += ["", f"Not run on these: {'; '.join(not_run)}."]
    return [*lines, ""]


def _clicks(found: dict, settings: dict) -> list[str]:
    kinds = list(next(iter(found.values())))
    lines = [
        "## Click fraud (synthetic world, times in sessions)",
        "",
        "Eight fraudulent accounts of one kind among 800 people; detectors were fitted on the "
        f"other kinds (the unsupervised on people alone). {settings['click_seeds']} worlds.",
        "",
        _row(["detector", *kinds]),
        _row(["---"] * (len(kinds) + 1)),
    ]
    for detector, figures in found.items():
        cells = [f"{figures[k]['average_precision']:.3f}" for k in kinds]
        lines.append(_row([detector, *cells]))
    return [*lines, ""]


def _row(cells) -> str:
    return "| " + " | ".join(cells) + " |"


def attacks_of(found: dict) -> list[str]:
    """Every attack that some detector judged, in the order met."""
    return list(dict.fromkeys(attack for one in found.values() for attack in one))


LINES = (
    "pca-var-select",
    "gan-discriminator",
    "gan-discriminator-ablation",
    "simulated-attack-forest",
)
"""Detectors whose curves are always drawn: the classic, and what this suite adds."""


def draw(report: dict) -> dict:
    """Name -> figure: a map of all detectors and attacks, and curves of the best detectors."""
    figures = {}
    for name, found in report.get("unseen", {}).items():
        figures[f"fraud_{name}_map"] = _map(found)
        figures[f"fraud_{name}"] = _curves(found, report["kinds"])
    return figures


def _map(found: dict):
    """Average precision, a row a detector, a column an attack."""
    from advrec_tf.pipelines.recommend.plots import plt

    attacks = attacks_of(found)
    values = np.array(
        [
            [one[a]["average_precision"] if a in one else np.nan for a in attacks]
            for one in found.values()
        ]
    )
    figure, ax = plt.subplots(
        figsize=(0.75 * len(attacks) + 3.2, 0.36 * len(found) + 1.8), layout="constrained"
    )
    image = ax.imshow(values, vmin=0, vmax=1, cmap="Blues", aspect="auto")
    for row, column in np.ndindex(values.shape):
        value = values[row, column]
        if np.isnan(value):
            continue
        color = "white" if value > 0.6 else "black"
        ax.text(column, row, f"{value:.2f}", ha="center", va="center", color=color, fontsize=7)
    ax.set_xticks(range(len(attacks)), attacks, rotation=35, ha="right", fontsize=8)
    ax.set_yticks(range(len(found)), list(found), fontsize=8)
    figure.colorbar(image, label="average precision, base rate 1 %")
    return figure


def _curves(found: dict, kinds: dict):
    """Precision over recall, a panel an attack: the best of each kind, and `LINES`."""
    from advrec_tf.pipelines.recommend.plots import plt

    attacks = attacks_of(found)
    common = [a for a in attacks if all(a in one for one in found.values())]
    mean = {d: np.mean([one[a]["average_precision"] for a in common]) for d, one in found.items()}
    best = [
        max((d for d in found if kinds[d] == kind), key=mean.get)
        for kind in dict.fromkeys(kinds[d] for d in found)
    ]
    shown = [d for d in found if d in best or d in LINES]
    columns = 4
    rows = -(-len(attacks) // columns)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(3.1 * columns, 2.5 * rows + 0.6),
        sharey=True,
        squeeze=False,
        layout="constrained",
    )
    palette = plt.get_cmap("tab10")
    recall = np.linspace(0.0, 1.0, 101)
    for ax, attack in zip(axes.flat, attacks):
        for i, detector in enumerate(shown):
            if attack not in found[detector]:
                continue
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
