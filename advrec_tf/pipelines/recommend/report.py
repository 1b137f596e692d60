"""From the outcome of a job to the content of `report.json`; `page` shows it.

Means and deviations over seeds; comparisons paired over users, seeds averaged first.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from advrec_tf.evaluation.protocols import sparsest_users
from advrec_tf.evaluation.significance import CORRECTIONS, paired
from advrec_tf.pipelines.recommend import next_item
from advrec_tf.pipelines.recommend.job import Outcome
from advrec_tf.pipelines.recommend.settings import NEXT_ITEM
from advrec_tf.pipelines.stages import StageResult

METRICS = (
    "ndcg@10",
    "hit_rate@10",
    "capped_recall@20",
    "precision@10",
    "f1@10",
    "mrr",
    "map@10",
    "coverage@10",
    "long_tail_share@10",
)
PER_USER = METRICS[:7]
GAN_FIGURES = ("d_loss", "g_loss", "reconstruction_loss", "d_accuracy", "diversity")
"""What is told of the last epoch of a GAN."""

ROWS = (
    "oracle",
    "popularity",
    "ease",
    "item_knn",
    "transitions",
    "tower",
    "tower+noise",
    "tower+perturbed",
    "tower+generated_random",
    "tower+generated_popularity",
    "tower+generated_ease",
    "tower+generated_gan_ablation",
    "tower+generated_gan",
    "tower+perturbed+generated_gan",
    "tower+prior",
    "autoencoder",
    "autoencoder+noise",
    "autoencoder+perturbed",
    "shipped",
)
"""Order of the rows in tables and plots: an ablation stands before what it is the ablation of."""

SINGLE_ROWS = tuple(
    f"{model}{adversary}"
    for model in ("two_tower", "autoencoder", "factorization", *NEXT_ITEM)
    for adversary in ("", "+noise", "+perturbed")
)
"""The rows that `single.run` may train."""

COMPARISONS = (
    *(
        (f"{model}{adversary}", baseline)
        for model in NEXT_ITEM
        for adversary in ("", "+noise", "+perturbed")
        for baseline in ("transitions", "ease")
    ),
    *(
        (f"{model}+perturbed", f"{model}{control}")
        for model in NEXT_ITEM
        for control in ("", "+noise")
    ),
    ("tower", "popularity"),
    ("tower", "ease"),
    ("tower", "transitions"),
    ("tower+perturbed", "tower"),
    ("tower+perturbed", "tower+noise"),
    ("tower+generated_gan", "tower"),
    ("tower+generated_gan", "tower+generated_gan_ablation"),
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
    ("shipped", "transitions"),
)
"""(model, its ablation): what each ingredient bought, whatever the sign."""


def make_report(outcome: Outcome, *, identity: dict, counts: dict, audit: dict) -> dict:
    """Everything the run found, as JSON-able values."""
    train = outcome.split.train
    test_users = np.flatnonzero(outcome.split.test.user_counts())
    groups = {"sparsest_fifth": sparsest_users(train, test_users)}
    whole = outcome.results["whole"]
    order = dict.fromkeys((*ROWS[:-1], *SINGLE_ROWS, ROWS[-1]))
    models = {
        name: _row(whole[name], "test", test_users, groups) for name in order if name in whole
    }
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
        "training_health": outcome.verdicts,
        "generators": _generators(outcome.results),
    }
    if any(result[0].summary.get(next_item.READS_VALIDATION) for result in whole.values()):
        report["protocol"]["histories"] = (
            "transitions and the next-item model read the validation items of a user on the test "
            "part, as they would once served; popularity and EASE do not"
        )
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


def _generators(results: dict[str, dict[str, list[StageResult]]]) -> dict:
    """Evaluation setting -> "gan" and its ablation -> how they were trained: the figures of the
    last epoch, and the verdict."""
    found: dict = {}
    for setting, models in results.items():
        for name in ("gan", "gan_ablation"):
            if name not in models:
                continue
            summary = models[name][0].summary
            last = {figure: values[-1] for figure, values in summary["history"].items() if values}
            found.setdefault(setting, {})[name] = {
                **{figure: last[figure] for figure in GAN_FIGURES if figure in last},
                **{key: summary[key] for key in ("epochs", "best_epoch", "verdict")},
            }
    return found


def _cold_users(outcome: Outcome, test: str) -> np.ndarray:
    rows = outcome.cold.test if test == "withheld" else outcome.split.test
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
    for model, ablation in COMPARISONS:
        if model not in results or ablation not in results:
            continue
        # The same seeds on both sides where both were trained; baselines have one.
        pairs = (results[model], results[ablation])
        seeds = min(len(p) for p in pairs) if min(len(p) for p in pairs) > 1 else None
        ours, theirs = (
            np.mean([r.arrays[f"{test}/{metric}"] for r in p[:seeds]], axis=0) for p in pairs
        )
        rows.append(
            {
                "model": model,
                "ablation": ablation,
                "metric": metric,
                "value": float(ours.mean()),
                "value_of_ablation": float(theirs.mean()),
                **paired(ours, theirs).as_dict(),
            }
        )
    if rows:
        p_values = [row["p_value"] for row in rows]
        for name, correct in CORRECTIONS.items():
            for row, adjusted in zip(rows, correct(p_values).tolist(), strict=True):
                row[f"p_value_{name}"] = adjusted
    return rows
