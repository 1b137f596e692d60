"""The quality report as one HTML file that needs no other: tables, verdicts, plots.

It reads the dictionary of `quality` and PNG bytes, so a page can be made again without a run.
"""

from __future__ import annotations

import base64
import html

from advrec_tf.tabular.quality import AIMS, auc_of, headline, reached

_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1080px;margin:2em auto;padding:0 1em;color:#222}
h1{font-size:1.6em} h2{font-size:1.15em;margin-top:2em}
table{border-collapse:collapse;margin:.8em 0} th,td{padding:.25em .8em;text-align:right;
border-bottom:1px solid #ddd} th:first-child,td:first-child{text-align:left}
.yes{color:#2a7d3f;font-weight:600} .no{color:#b3261e;font-weight:600} .note{color:#666}
img{max-width:100%;margin:.6em 0}
"""

_NAMES = {
    "two_sample_auc": "classifier two-sample test, area under the curve, counted from .5 "
    "both ways (copies of training rows bring the classifier below .5)",
    "worst_total_variation": "total variation of the worst column",
    "train_on_synthetic_ratio": "train on generated / train on real, tested on real",
    "duplicates": "records that copy a training record which is the only one of its kind",
    "nearest_ratio": "distance to the nearest training record / that of real records",
}
_TITLES = {
    "networks": "Training",
    "columns": "Columns",
    "components": "Two principal components",
    "correlations": "Dependence between columns",
}


def _cell(value) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.3f}"
    return html.escape(str(value))


def _table(rows: list[list], raw_last: bool = False) -> str:
    head, *body = rows
    lines = ["<table><tr>" + "".join(f"<th>{_cell(c)}</th>" for c in head) + "</tr>"]
    for row in body:
        cells = [_cell(c) for c in row]
        if raw_last:
            cells[-1] = row[-1]
        lines.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    return "".join(lines) + "</table>"


def verdict_rows(result: dict) -> list[list]:
    """[measure, value, aim, reached] of every aim."""
    rows = []
    for name, value in headline(result).items():
        way, aim = AIMS[name]
        rows.append([_NAMES[name], value, f"{way} {aim:g}", reached(name, result)])
    return rows


def page(
    title: str,
    result: dict,
    plots: dict[str, bytes],
    *,
    notes: list[str] | None = None,
    others: dict[str, dict] | None = None,
) -> str:
    """The page.

    Args:
        result: of `quality`.
        plots: of `quality_plots.all_plots`.
        notes: sentences about the run, shown first.
        others: name -> `quality` of further generators, for a table of comparison.
    """
    marks = {True: '<span class="yes">reached</span>', False: '<span class="no">missed</span>'}
    marks[None] = '<span class="note">not judged</span>'
    counts = result["rows"]
    text = f"{counts['real']:,} real rows, {counts['synthetic']:,} generated"
    if counts["holdout"]:
        text += f", {counts['holdout']:,} real rows that the generator never saw"
    parts = [f"<h1>{html.escape(title)}</h1>", f"<p>{text}.</p>"]
    parts += [
        f'<p class="note">{html.escape(note)}</p>' for note in (*(notes or []), *result["notes"])
    ]
    rows = [[n, v, a, marks[r]] for n, v, a, r in verdict_rows(result)]
    parts.append(_table([["measure", "value", "aim", ""], *rows], raw_last=True))
    parts.append(_more(result))
    if others:
        parts.append("<h2>Beside the controls</h2>" + _comparison(others))
    parts.append("<h2>Distance of each column</h2>" + _columns(result))
    for name, content in plots.items():
        data = base64.b64encode(content).decode()
        parts.append(
            f'<h2>{_TITLES[name]}</h2><img alt="{_TITLES[name]}" '
            f'src="data:image/png;base64,{data}">'
        )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{html.escape(title)}'
        f"</title><style>{_STYLE}</style><body>{''.join(parts)}</body></html>\n"
    )


def _more(result: dict) -> str:
    label, given = result["train_on_synthetic"], result["disclosure"]
    rows = [["more", "value"]]
    if label["ratio"] is not None:
        rows += [[f"label: {label['measure']}, trained on real rows", label["real"]]]
        rows += [[f"label: {label['measure']}, trained on generated rows", label["synthetic"]]]
    unseen = auc_of(result, "two_sample_auc_holdout")
    if unseen is not None:
        rows.append(["two-sample test against unseen real rows", unseen])
    rows += [
        ["difference of correlations, mean", result["correlations"]["mean"]],
        ["values and bins that are reached", result["mode_coverage"]],
        ["nearest over second nearest, against real rows", given["neighbor_ratio"]],
    ]
    if "membership_auc" in given:
        rows.append(["membership inference, area under the curve", given["membership_auc"]])
    why = f'<p class="note">{html.escape(label["why"])}</p>' if "why" in label else ""
    return _table(rows) + why


def _columns(result: dict) -> str:
    heads = ["total_variation", "kolmogorov_smirnov", "wasserstein"]
    rows = [["column", "total variation", "Kolmogorov-Smirnov", "Wasserstein (deviations)"]]
    rows += [[name, *(row.get(h) for h in heads)] for name, row in result["columns"].items()]
    return _table(rows)


def comparison_rows(others: dict[str, dict]) -> list[list]:
    """Head and a row a generator: the figures of `headline`, and membership."""
    rows = [
        [
            "generator",
            "two-sample AUC",
            "against unseen rows",
            "worst column",
            "correlations",
            "train on generated",
            "copies",
            "nearest ratio",
            "membership AUC",
        ]
    ]
    for name, result in others.items():
        figures = headline(result)
        rows.append(
            [
                name,
                figures["two_sample_auc"],
                auc_of(result, "two_sample_auc_holdout"),
                figures["worst_total_variation"],
                result["correlations"]["mean"],
                figures["train_on_synthetic_ratio"],
                figures["duplicates"],
                figures["nearest_ratio"],
                result["disclosure"].get("membership_auc"),
            ]
        )
    return rows


def _comparison(others: dict[str, dict]) -> str:
    return _table(comparison_rows(others))
