"""The section `accuracy`: the model beside counting baselines on the test part.

The baselines are trained on the training part; validation is masked as seen for all. Intervals are
of the mean over users. Whether the model has seen the test part is said by its record where it has
one; figures far above EASE are a sign of it where it has none.
"""

from __future__ import annotations

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.splits import Split
from advrec_tf.evaluation.protocols import sparsest_users
from advrec_tf.evaluation.ranking import RankingResult
from advrec_tf.evaluation.significance import paired
from advrec_tf.models.baselines import EASE, ItemKNN, Popularity
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.pipelines.audit.lists import tail_of
from advrec_tf.pipelines.audit.subject import Case, K
from advrec_tf.training import recipes

METRIC = f"ndcg@{K}"
SHOWN = (METRIC, f"recall@{K}", f"hit_rate@{K}", "mrr")
_SHARE = {True: 1.0, False: 0.0}


def baselines(split: Split) -> dict[str, object]:
    """Name -> the fitted baseline; a name is absent where it cannot be fitted."""
    train = split.train
    found = {"popularity": Popularity().fit(train)}
    if EASE.fits(train):
        found["ease"] = recipes.ease().train(train, seed=0).model
    if train.timestamp is not None:
        found |= {"item_knn": ItemKNN().fit(train), "transitions": Transitions().fit(train)}
    return found


def measure(case: Case, fitted: dict[str, object]) -> dict:
    """Metrics of the model and the baselines: all users, short histories, the tail.

    Args:
        fitted: of `baselines`.
    """
    split, models = case.split, {"model": case, **fitted}
    parts = {"all": split.test, "tail": _tail(split)}
    short = sparsest_users(split.train, case.users)
    tables, results = {}, {}
    for part, relevant in parts.items():
        if not (relevant.user_counts()[case.users] > 0).any():
            tables[part] = {}
            continue
        evaluator = case.evaluator if part == "all" else case.evaluator_of(relevant)
        results[part] = {name: evaluator.evaluate(model) for name, model in models.items()}
        tables[part] = {name: _row(result) for name, result in results[part].items()}
    of_short = {name: _of(result, short) for name, result in results["all"].items()}
    tables["short"] = {name: _row(result) for name, result in of_short.items()}
    against = {name: _difference(results["all"]["model"], results["all"][name]) for name in fitted}
    short_against = _difference(of_short["model"], of_short["popularity"])
    own, best = (
        results["all"]["model"].metrics[METRIC],
        max(results["all"][name].metrics[METRIC] for name in fitted),
    )
    return {
        "metric": METRIC,
        "users": len(case.users),
        "of_users": int((split.test.user_counts() > 0).sum()),
        "tables": {part: tables[part] for part in ("all", "short", "tail")},
        "longest_short": int(split.train.user_counts()[short].max(initial=0)),
        "against": against,
        "test_trained_on": _SHARE.get(case.subject.knows_test),
        "no_test_trained_on": "The model has no record of what it was trained on.",
        "over_best_baseline": own / best if best > 0 else None,
        "over_popularity_low": _end(against["popularity"], -1),
        "over_ease_high": _end(against.get("ease"), +1),
        "short_over_popularity_high": _end(short_against, +1),
    }


def _end(difference: dict | None, sign: int) -> float | None:
    """The lower (-1) or upper (+1) end of the interval of a difference."""
    if difference is None:
        return None
    return difference["difference"] + sign * difference["half_width"]


def _tail(split: Split) -> Interactions:
    """The test interactions with items outside the most popular fifth."""
    return split.test.select(tail_of(split.train.item_counts())[split.test.item_index])


def _of(result: RankingResult, users: np.ndarray) -> dict[str, np.ndarray]:
    chosen = np.isin(result.users, users)
    return {name: values[chosen] for name, values in result.per_user.items()}


def _per_user(result) -> dict[str, np.ndarray]:
    return result.per_user if isinstance(result, RankingResult) else result


def _row(result) -> dict:
    """Metric -> [mean, half of its 95 % interval]."""
    values = _per_user(result)
    return {"users": len(values[METRIC])} | {name: interval(values[name]) for name in SHOWN}


def interval(values: np.ndarray) -> list[float | None]:
    """[mean, half of its 95 % interval, None where there are fewer than two values]."""
    if len(values) < 2:
        return [float(values.mean()) if len(values) else None, None]
    found = paired(values, np.zeros(len(values)))
    return [found.difference, found.half_width]


def _difference(model, other) -> dict | None:
    one, two = _per_user(model)[METRIC], _per_user(other)[METRIC]
    return paired(one, two).as_dict() if len(one) >= 2 else None
