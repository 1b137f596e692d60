"""From the outcome of the main job to `report.json` and the table on the console.

Means and deviations over seeds; comparisons paired over users, seeds averaged first.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from advrec_tf.evaluation.comparison import paired
from advrec_tf.evaluation.protocols import sparsest_users
from advrec_tf.jobs.recommender import Outcome
from advrec_tf.jobs.stages import StageResult

LEGEND = (
    "All but the last columns: next item, all users. coverage: share of the catalogue in some "
    "list; longtail: share of places for items outside the most popular fifth; sparsest: NDCG@10 "
    "of the fifth of users with the fewest rows; cut to n: NDCG@10 of users cut to n rows, on "
    "half of the history taken away (another task than the next item, so not comparable with "
    "the first column); in brackets the deviation over seeds."
)

METRICS = (
    "ndcg@10",
    "hit_rate@10",
    "recall@20",
    "precision@10",
    "f1@10",
    "mrr",
    "map@10",
    "coverage@10",
    "long_tail_share@10",
)
PER_USER = METRICS[:7]

ROWS = (
    "oracle",
    "popularity",
    "ease",
    "tower",
    "tower+noise",
    "tower+perturbed",
    "tower+generated_random",
    "tower+generated_popularity",
    "tower+generated_ease",
    "tower+generated_gan_twin",
    "tower+generated_gan",
    "tower+perturbed+generated_gan",
    "tower+prior",
    "autoencoder",
    "autoencoder+noise",
    "autoencoder+perturbed",
    "shipped",
)
"""Order of the rows in tables and plots: a twin stands before what it is the twin of."""

COMPARISONS = (
    ("tower", "popularity"),
    ("tower", "ease"),
    ("tower+perturbed", "tower"),
    ("tower+perturbed", "tower+noise"),
    ("tower+generated_gan", "tower"),
    ("tower+generated_gan", "tower+generated_gan_twin"),
    ("tower+generated_gan", "tower+generated_ease"),
    ("tower+generated_gan", "tower+generated_popularity"),
    ("tower+generated_gan", "tower+generated_random"),
    ("tower+perturbed+generated_gan", "tower"),
    ("tower+prior", "tower"),
    ("tower+generated_gan", "tower+prior"),
    ("autoencoder", "ease"),
    ("autoencoder+perturbed", "autoencoder"),
    ("autoencoder+perturbed", "autoencoder+noise"),
    ("autoencoder+perturbed", "ease"),
    ("shipped", "tower"),
    ("shipped", "ease"),
)
"""(model, its twin): what each ingredient bought, whatever the sign."""


def make_report(outcome: Outcome, *, identity: dict, counts: dict, audit: dict) -> dict:
    """Everything the run found, as JSON-able values."""
    train = outcome.split.train
    test_users = np.flatnonzero(outcome.split.test.user_counts())
    groups = {"sparsest_fifth": sparsest_users(train, test_users)}
    whole = outcome.results["whole"]
    models = {name: _row(whole[name], "test", test_users, groups) for name in ROWS if name in whole}
    for objective, result in outcome.ranking.items():
        row = _row([result], "test", test_users, groups) if "tests" in result.summary else {}
        for kind in ("classification", "ratings", "ratings_of_the_mean"):
            if kind in result.summary:
                row[kind] = result.summary[kind]
        models[f"ranking_{objective}"] = row
    report = {
        "protocol": {
            "split": outcome.split.name,
            "split_settings": dict(outcome.split.settings),
            "ranking": "all items; train and validation items of the user masked; ties count "
            "against the relevant item",
            "users_evaluated": len(test_users),
            "users_without_test_row": int(train.num_users - len(test_users)),
        },
        **identity,
        "data": counts,
        "audit": audit,
        "seeds": max(len(of_seeds) for of_seeds in whole.values()),
        "choices": outcome.choices,
        "models": models,
        "comparisons": _comparisons(whole, "test"),
    }
    if outcome.cold is not None:
        cold = outcome.cold
        cold_groups = {f"cut_to_{n}": users for n, users in cold.users_cut_to.items()}
        report["cold_start"] = {
            "protocol": f"{len(cold.users)} users cut to 1, 3 or 5 random training rows; "
            "'withheld': half of the rows taken away (the other half chose the prior and the "
            "blends of generators); 'next_item': their test rows, all of their history masked",
            "users": {name: len(users) for name, users in cold_groups.items()},
            "models": {},
            "comparisons": {},
            "generated_rows": {name: len(rows) for name, rows in outcome.generated.items()},
        }
        for name in ROWS:
            results = outcome.results["cold"].get(name)
            if results is None:
                continue
            report["cold_start"]["models"][name] = {
                test: _row(results, test, _cold_users(outcome, test), cold_groups)
                for test in ("withheld", "next_item")
            }
            if name in models:
                withheld = report["cold_start"]["models"][name]["withheld"]
                for group in cold_groups:
                    models[name][group] = withheld[group]
        for test in ("withheld", "next_item"):
            report["cold_start"]["comparisons"][test] = _comparisons(outcome.results["cold"], test)
    return report


def _cold_users(outcome: Outcome, test: str) -> np.ndarray:
    rows = outcome.cold.withheld if test == "withheld" else outcome.split.test
    return np.intersect1d(outcome.cold.users, rows.user_index)


def _row(
    results: Sequence[StageResult], test: str, users: np.ndarray, groups: dict[str, np.ndarray]
) -> dict:
    row: dict = {}
    per_seed = {m: [r.summary["tests"][test][m] for r in results] for m in METRICS}
    for metric, values in per_seed.items():
        row[metric] = float(np.mean(values))
    if len(results) > 1:
        row["deviation_over_seeds"] = {
            metric: float(np.std(values, ddof=1)) for metric, values in per_seed.items()
        }
    for group, members in groups.items():
        chosen = np.isin(users, members)
        row[group] = {
            metric: float(np.mean([r.arrays[f"{test}/{metric}"][chosen] for r in results]))
            for metric in PER_USER
        }
    for key in ("validation", "seconds", "users_per_second", "best_epoch", "l2"):
        values = [r.summary[key] for r in results if r.summary.get(key) is not None]
        if values:
            row[key] = float(np.mean(values))
    return row


def _comparisons(results: dict[str, list[StageResult]], test: str) -> list[dict]:
    rows = []
    metric = "ndcg@10"
    for model, twin in COMPARISONS:
        if model not in results or twin not in results:
            continue
        # The same seeds on both sides where both were trained; baselines have one.
        pairs = (results[model], results[twin])
        seeds = min(len(p) for p in pairs) if min(len(p) for p in pairs) > 1 else None
        ours, theirs = (
            np.mean([r.arrays[f"{test}/{metric}"] for r in p[:seeds]], axis=0) for p in pairs
        )
        rows.append(
            {
                "model": model,
                "twin": twin,
                "metric": metric,
                "value": float(ours.mean()),
                "value_of_twin": float(theirs.mean()),
                **paired(ours, theirs).as_dict(),
            }
        )
    return rows


def _cells(report: dict) -> list[tuple[str, ...]]:
    """Head and rows of the results: all users, the sparsest fifth, and users cut short."""
    cut = list(report.get("cold_start", {}).get("users", {}))
    columns = ["ndcg@10", "hit_rate@10", "recall@20", "mrr", "coverage@10", "long_tail_share@10"]
    heads = ["ndcg@10", "hit@10", "recall@20", "mrr", "coverage", "longtail", "sparsest"]
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
        f"seed{'s' if report['seeds'] > 1 else ''}. Data SHA-256 `{report['data_sha256'][:16]}`.",
        "",
    ]
    if "shipped_model" in choices:
        lines += [
            f"Shipped: `{choices['shipped_model']}`, chosen on validation. Sizes chosen there: "
            f"epsilon {choices['epsilon']:g} (rows), {choices['code_epsilon']:g} (item vectors); "
            f"popularity prior for users with few interactions: scale "
            f"{choices['shipped']['prior_scale'] or 'off'} (plain tower: "
            f"{choices['tower+prior']['prior_scale'] or 'off'}).",
            "",
            verdict(choices),
            "",
        ]
    lines += _markdown_table(_cells(report))
    lines += ["", LEGEND]
    comparisons = {"All users, test rows": report["comparisons"]}
    for test, rows in report.get("cold_start", {}).get("comparisons", {}).items():
        where = {"withheld": "withheld history", "next_item": "next item"}[test]
        comparisons[f"Users cut to 1, 3 or 5 interactions, {where}"] = rows
    for title, rows in comparisons.items():
        if not rows:
            continue
        lines += ["", f"## {title}: difference in NDCG@10, paired over users", ""]
        lines += _markdown_table(
            [("model", "against", "value", "twin", "difference", "95 % +-", "p")]
            + [
                (
                    row["model"],
                    row["twin"],
                    f"{row['value']:.4f}",
                    f"{row['value_of_twin']:.4f}",
                    f"{row['difference']:+.4f}",
                    f"{row['half_width']:.4f}",
                    f"{row['p_value']:.3f}",
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
        lines += _markdown_table([("model", "kind", "test rows"), *extra])
    return "\n".join(lines) + "\n"


def _markdown_table(rows: list[tuple]) -> list[str]:
    head, *body = ["| " + " | ".join(row) + " |" for row in rows]
    return [head, "|" + "---|" * len(rows[0]), *body]


def verdict(choices: dict) -> str:
    """What was shipped and why, with a warning where a baseline is better."""
    name = choices["shipped_model"]
    value = choices["validation_of_candidates"][name]
    text = f"shipped: {name} (validation ndcg@10 {value:.4f}, the best of the trained models)"
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
        f"{row['model']:<30} against {row['twin']:<28} {row['difference']:+.4f} "
        f"+- {row['half_width']:.4f}  p {row['p_value']:.3f}"
        for row in rows
    ]
