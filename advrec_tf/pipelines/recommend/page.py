"""A report as text: the table on the console, and the Markdown page beside `report.json`.

It reads the report's dictionary only, so that a page can be made again without a run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from advrec_tf.gan.health import is_healthy

LEGEND = (
    "coverage: share of the catalogue in some list; longtail: share of places for items outside "
    "the most popular fifth; sparsest: NDCG@10 of the fifth of users with the fewest interactions"
)
CUT_LEGEND = (
    "cut to n: NDCG@10 of users cut to n interactions, on half of the history taken away (another "
    "task than the test items, so not comparable with the first column)"
)
SEEDS_LEGEND = (
    "in brackets the deviation over seeds, which leaves out that of what was generated: GAN and "
    "ablation are trained once, with the first seed"
)


def legend(report: dict) -> str:
    """What the columns of the table say that it has, and which models read more than others."""
    said = [LEGEND]
    if report.get("cold_start", {}).get("users"):
        said.append(CUT_LEGEND)
    if any("deviation_over_seeds" in row for row in report["models"].values()):
        said.append(SEEDS_LEGEND)
    read = report["protocol"].get("histories")
    return "; ".join(said) + "." + ("" if read is None else f" Note: {read}.")


def _cells(report: dict) -> list[tuple[str, ...]]:
    """The results as a table: all users, the sparsest fifth, and users with cut histories."""
    cut = list(report.get("cold_start", {}).get("users", {}))
    columns = [
        "ndcg@10",
        "hit_rate@10",
        "capped_recall@20",
        "mrr",
        "coverage@10",
        "long_tail_share@10",
    ]
    heads = ["ndcg@10", "hit@10", "capped recall@20", "mrr", "coverage", "longtail", "sparsest"]
    heads += [name.replace("cut_to_", "cut to ") for name in cut] + ["seconds"]
    rows = [("model", *heads)]
    for name, row in report["models"].items():
        if "ndcg@10" not in row:
            continue
        cells = [f"{row[c]:.4f}" for c in columns]
        if "deviation_over_seeds" in row:
            cells[0] += f" ({row['deviation_over_seeds']['ndcg@10']:.4f})"
        cells.append(f"{row['sparsest_fifth']['ndcg@10']:.4f}")
        cells += [f"{row[c]['ndcg@10']:.4f}" if c in row else "" for c in cut]
        cells.append(f"{row['seconds']:.1f}" if "seconds" in row else "")
        rows.append((name, *cells))
    return rows


_GAN_HEADS = {
    "d_loss": "loss of the discriminator",
    "g_loss": "adversarial loss of the generator",
    "reconstruction_loss": "reconstruction loss",
    "d_accuracy": "accuracy of the discriminator",
    "diversity": "diversity",
}


def generator_cells(report: dict) -> list[tuple[str, ...]]:
    """The GAN and its ablation as a table of the figures of the last epoch; [] where none was
    trained."""
    rows = []
    for label, row in _generators(report):
        figures = [f"{row[key]:.4f}" if key in row else "" for key in _GAN_HEADS]
        rows.append((label, f"{row['epochs']} (best {row['best_epoch']})", *figures))
    return [("generator", "epochs", *_GAN_HEADS.values()), *rows] if rows else []


def generator_verdicts(report: dict) -> dict[str, str]:
    """What is said of the training of each row of `generator_cells`, where anything is."""
    return {label: row["verdict"] for label, row in _generators(report) if row["verdict"]}


def _generators(report: dict) -> list[tuple[str, dict]]:
    return [
        (name if setting == "whole" else f"{name}, users cut", row)
        for setting, models in report.get("generators", {}).items()
        for name, row in models.items()
    ]


def generator_lines(report: dict) -> list[str]:
    """The same for the console: the figures in columns, below them a line for each verdict."""
    cells = generator_cells(report)
    if not cells:
        return []
    heads = ("generator", "epochs", *_GAN_HEADS)
    said = generator_verdicts(report)
    return aligned_table([heads, *cells[1:]]) + [f"{label}: {text}" for label, text in said.items()]


def table_lines(report: dict) -> list[str]:
    """The results as aligned text; a deviation over seeds stands in brackets."""
    rows = _cells(report)
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        row[0].ljust(widths[0])
        + "".join(f"  {cell.rjust(width)}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    ]


def markdown(report: dict, command: str) -> str:
    """The report as a page: what was run, every model, every comparison."""
    data, choices = report["data"], report["choices"]
    lines = [
        f"# {Path(data['read']['source']).name}: {data['users']} users, {data['items']} items, "
        f"{data['rows']} interactions",
        "",
        f"Made by `{command}`.",
        "",
        f"Split `{report['protocol']['split']}`; {report['protocol']['ranking']}; "
        f"{report['protocol']['users_evaluated']} users evaluated; {report['seeds']} "
        f"seed{'s' if report['seeds'] > 1 else ''}. "
        f"{report['audit']['never_seen']:.1%} of the test interactions are with items that are in "
        "no other part. "
        f"Data SHA-256 `{report['data_sha256'][:16]}`.",
        "",
    ]
    if "shipped_model" in choices:
        lines += [
            _chosen(choices),
            "",
            verdict(choices),
            "",
        ]
    lines += markdown_table(_cells(report))
    lines += ["", legend(report)]
    generators = generator_cells(report)
    of_generators = generator_verdicts(report)
    if generators:
        lines += ["", "## GAN and its ablation without the adversary, last epoch", ""]
        lines += markdown_table(generators)
    if of_generators:
        lines += ["", *(f"- {label}: {text}" for label, text in of_generators.items())]
    for plot in report.get("plots", ()):
        lines += ["", f"![{Path(plot).stem.replace('_', ' ')}]({plot})"]
    lines += [
        f"\nThe training of `{stage}` was not healthy: {said}"
        for stage, said in report.get("training_health", {}).items()
        if not is_healthy(said) and said not in of_generators.values()
    ]
    comparisons = {"All users, test interactions": report["comparisons"]}
    for test, rows in report.get("cold_start", {}).get("comparisons", {}).items():
        where = {"withheld": "withheld history", "next_item": "next item"}[test]
        comparisons[f"Users cut to 1, 3 or 5 interactions, {where}"] = rows
    for title, rows in comparisons.items():
        if not rows:
            continue
        lines += ["", f"## {title}: difference in NDCG@10, paired over users", ""]
        lines += markdown_table(
            [
                (
                    *("model", "against", "value", "ablation", "difference", "95 % +-", "p"),
                    *("p, Holm", "p, false discovery rate"),
                )
            ]
            + [
                (
                    row["model"],
                    row["ablation"],
                    f"{row['value']:.4f}",
                    f"{row['value_of_ablation']:.4f}",
                    f"{row['difference']:+.4f}",
                    f"{row['half_width']:.4f}",
                    f"{row['p_value']:.3f}",
                    *(f"{row[f'p_value_{name}']:.3f}" for name in ("holm", "benjamini-hochberg")),
                )
                for row in rows
            ]
        )
    extra = [
        (name, kind.replace("_", " "), "  ".join(f"{k} {v:.4f}" for k, v in row[kind].items()))
        for name, row in report["models"].items()
        for kind in ("classification", "ratings", "ratings_of_the_mean")
        if kind in row
    ]
    if extra:
        lines += ["", "## Ranking tower", ""]
        lines += markdown_table([("model", "kind", "test interactions"), *extra])
    return "\n".join(lines) + "\n"


def _chosen(choices: dict) -> str:
    """What was chosen on validation, in a sentence."""
    text = f"Shipped: `{choices['shipped_model']}`, chosen on validation."
    if "epsilon" in choices:
        text += (
            f" Sizes chosen there: epsilon {choices['epsilon']:g} (looked-up vectors), "
            f"{choices['autoencoder_epsilon']:g} (item vectors)."
        )
    if choices.get("refit"):
        text = f"Shipped: `{choices['shipped_model']}`, refitted on all interactions."
    if "id_table" in choices:
        text += f" Ids are composed by `{choices['id_table']}`."
    if "parameters" in choices:
        text += f" It has {choices['parameters']:,} trained parameters."
    scale = choices["shipped"]["prior_scale"]
    text += f" Popularity prior for users with few interactions: scale {scale or 'off'}"
    if "tower+prior" in choices:
        text += f" (plain tower: {choices['tower+prior']['prior_scale'] or 'off'})"
    return f"{text}."


def markdown_table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A head and its rows -> the lines of a table."""
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return [head, "|" + "---|" * len(rows[0]), *body]


def aligned_table(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """A head and its rows -> lines of text whose columns begin at the same places."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def verdict(choices: dict) -> str:
    """What was shipped and why, with a warning where a baseline is better, or a next-item model,
    which `advrec compare` trains beside the others and does not ship."""
    name = choices["shipped_model"]
    value = choices["validation_of_candidates"][name]
    beside = choices.get("validation_of_next_item") or {name: value}
    sequence = max(beside, key=beside.get)
    better = beside[sequence] > value
    models = "models that end as vectors" if better else "trained models"
    text = f"shipped: {name} (validation ndcg@10 {value:.4f}, the best of the {models})"
    if choices.get("shipped", {}).get("prior_scale"):
        text += ", with a popularity prior for users with few interactions"
    if better:
        text += (
            f"\nNOTE: {sequence} is better on validation ({beside[sequence]:.4f}). It reads "
            f"histories: `advrec train --model {sequence.split('+')[0]}` exports such a model."
        )
    baseline, best = max(choices["validation_of_baselines"].items(), key=lambda pair: pair[1])
    if best > value:
        text += (
            f"\nNOTE: {baseline} is better on validation ({best:.4f}). The trained models need "
            "more epochs, other settings or more data before they earn their place."
        )
    return text


def comparison_lines(rows: list[dict]) -> list[str]:
    """One line a comparison: the difference, its 95 % interval and p."""
    return [
        f"{row['model']:<30} against {row['ablation']:<28} {row['difference']:+.4f} "
        f"+- {row['half_width']:.4f}  p {row['p_value']:.3f}"
        for row in rows
    ]


def image_folder(out: Path) -> Path:
    """Where the plots of a page in `out` go: docs/images beside docs/results."""
    return out.parent / "images"
