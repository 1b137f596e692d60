"""A reproduced table as Markdown, from its report alone."""

from __future__ import annotations


def markdown(report: dict, command: str, settings_file: str) -> str:
    """The page: protocol, rows with spread, comparisons, settings, what is missing."""
    metrics = report["metrics"]
    users = max((row["users"] for row in report["rows"].values()), default=0)
    decides = report["choose_by"] if report["choose_by"] in metrics else metrics[-1]
    lines = [
        f"# {report['table']}",
        "",
        f"Made by `{command}`; settings in `{settings_file}`.",
        "",
        f"Protocol: {report['protocol']}. Settings and epochs were chosen by "
        f"{report['choose_by']} on rows hidden from training, in the trials shown (a row that "
        "takes the settings of another model has one, or none where it takes the epochs too; any "
        "other row without a trial has the first settings of its space); the test rows were ranked "
        "once a seed, at the end. Means over seeds, the deviation over "
        f"seeds in brackets. *against EASE* and *against ablation*: difference in {decides}, "
        f"paired "
        "over users (values averaged over seeds first), with half of the 95 % interval and the "
        "p-value of the paired t-test, not corrected for the number of rows; the ablation is the "
        "same model without its ingredient. "
        f"{users:,} users are ranked. Coverage: share of the catalogue in some list of ten; long "
        "tail: share of places for items outside the fifth with the most training rows. Seconds "
        "are those of training; memory is the peak of the process, with TensorFlow's own share.",
        "",
    ]
    for machine in report["machines"]:
        lines += ["Seconds on " + ", ".join(f"{n} {v}" for n, v in machine.items()) + ".", ""]
    head = ["model", "seeds", *metrics, "coverage@10", "long tail", "seconds", "peak MB"]
    head += ["against EASE", "against ablation"]
    rows = [_row(label, row, metrics, decides) for label, row in report["rows"].items()]
    for who, figures in report["references"].items():
        cells = [f"{figures[m]:.4f}" if m in figures else "" for m in metrics]
        rows.append([f"*{who}*", "", *cells, *[""] * 6])
    lines += [_line(head), _line(["---"] * len(head)), *map(_line, rows), ""]
    lines.append(
        "*In italics: figures of others, published or worked out from what they released, and EASE "
        "by a plain NumPy script on the same files.*"
    )
    for label, why in report["left_out"].items():
        lines.append(f"\n{label} has no row: {why}.")
    if report.get("kept"):
        lines.append(
            "\nTrained by an earlier run with the same settings and kept, with the comparisons "
            f"measured then: {'; '.join(report['kept'])}."
        )
    if report.get("unpaired"):
        lines.append(
            "\nWithout a comparison with the ablation, which was not trained in the same run: "
            f"{'; '.join(report['unpaired'])}."
        )
    if report["not_run"]:
        lines.append(f"\nNot run yet: {'; '.join(report['not_run'])}.")
    lines += _robustness(report["rows"])
    lines += ["", "## Chosen on validation", ""]
    head = ["model", "settings", "epochs", report["choose_by"], "trials"]
    lines += [_line(head), _line(["---"] * len(head))]
    for label, row in report["rows"].items():
        settings = ", ".join(f"{name} {_shown(value)}" for name, value in row["settings"].items())
        value = "" if row["validation"] is None else f"{row['validation']:.4f}"
        lines.append(_line([label, settings, str(row["epochs"]), value, str(row["trials"])]))
    return "\n".join(lines) + "\n"


def _row(label: str, row: dict, metrics: list[str], decides: str) -> list[str]:
    mean, deviation = row["mean"], row["deviation"]

    def cell(name):
        spread = f" ({deviation[name]:.4f})" if name in deviation else ""
        return f"{mean[name]:.4f}{spread}"

    cells = [label, str(row["seeds"]), *map(cell, metrics)]
    cells += [f"{mean['coverage@10']:.3f}", f"{mean['long_tail_share@10']:.3f}"]
    cells += [f"{mean['seconds']:.1f}", f"{mean['peak_mb']:.0f}"]
    for kind in ("EASE", "ablation"):
        against = row["paired"].get(kind)
        if against is None:
            cells.append("")
            continue
        test = against[decides]
        text = f"{test['difference']:+.4f} +- {test['half_width']:.4f}, {_p(test['p_value'])}"
        cells.append(text if kind == "EASE" else f"{text} ({against['against']})")
    return cells


def _p(value: float) -> str:
    return "p < .001" if value < 0.001 else f"p {value:.3f}".replace("0.", ".")


def _robustness(rows: dict) -> list[str]:
    """What attacks on the vectors cost; nothing where no row was attacked."""
    attacked = {label: row["robustness"] for label, row in rows.items() if "robustness" in row}
    if not attacked:
        return []
    attacks = list(next(iter(attacked.values())))
    lines = [
        "",
        "## Share of NDCG@10 lost when the vectors are attacked",
        "",
        "Every user and item vector is moved within a ball so that the training rows rank worse "
        "(FGSM: one step; PGD: ten; random: noise of the same size), of radius .5 or of half the "
        "vector's own norm. The attack raises the training loss, which need not lower the ranking "
        "of held-out rows: PGD may cost less than FGSM, and a negative share is a gain. Test rows.",
        "",
        _line(["model", *attacks]),
        _line(["---"] * (1 + len(attacks))),
    ]
    for label, losses in attacked.items():
        cells = [
            f"{losses[a]['mean']:.3f}"
            + ("" if losses[a]["deviation"] is None else f" ({losses[a]['deviation']:.3f})")
            for a in attacks
        ]
        lines.append(_line([label, *cells]))
    return lines


def _line(cells) -> str:
    return "| " + " | ".join(cells) + " |"


def _shown(value) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
