"""The section `fairness`: accuracy by group of users, exposure by group of items.

The gap of a column is the metric of its worst group over that of its best. Whether a gap is more
than chance is asked by permutation: group labels are shuffled and the largest difference between
groups counted, so that choosing the worst and the best group is part of the test; p-values of
several columns are corrected (Holm). The length of the history is shown and not judged: what is
left to find for a user with many items is less popular, which lowers every model's figures.
Exposure is the share of list places that items outside the most popular fifth get, over their share
of the training interactions.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.significance import holm
from advrec_tf.pipelines.audit.accuracy import METRIC, interval
from advrec_tf.pipelines.audit.groups import (
    LEAST_USERS,
    MOST_VALUES,
    Grouping,
    activity,
    attributes,
)
from advrec_tf.pipelines.audit.lists import tail_of
from advrec_tf.pipelines.audit.subject import Case

PERMUTATIONS = 2000
LEVEL = 0.05
_MOST_CATEGORIES = 30


def measure(case: Case) -> dict:
    """Metrics by group of every column, and exposure by popularity and by category of items."""
    split = case.split
    result = case.evaluator.evaluate(case)
    values = result.per_user[METRIC]
    groupings = attributes(split.train, case.settings.group_column)
    columns = {}
    for grouping in (activity(split.train), *groupings):
        of_users = grouping.of(result.users)
        if len(of_users.names) >= 2:
            columns[grouping.column] = by_group(values, of_users, case.settings.seed)
    judged = [grouping.column for grouping in groupings if grouping.column in columns]
    adjusted = holm([columns[name]["p_value"] for name in judged]) if judged else []
    for name, p_value in zip(judged, adjusted, strict=True):
        columns[name]["p_value"] = float(p_value)
    ratios = {name: columns[name]["ratio"] for name in judged if columns[name]["p_value"] <= LEVEL}
    tail_shown = tail_exposure(split.train, case.lists)
    why = {}
    if not judged:
        why["no_worst_ratio"] = _no_groups(split.train, case.settings.group_column)
    if tail_shown is None:
        why["no_tail_exposure"] = "No item outside the most popular fifth has an interaction."
    return why | {
        "metric": METRIC,
        "columns": columns,
        "attributes": judged,
        "worst_column": min(ratios, key=ratios.get, default=None),
        "worst_ratio": min(ratios.values(), default=1.0) if judged else None,
        "tail_exposure": tail_shown,
        "categories": category_exposure(split.train, case.lists),
    }


def _no_groups(train: Interactions, named: Sequence[str]) -> str:
    """Why no column of users was judged."""
    table = train.user_features
    if table is None or not len(table.columns):
        return (
            "The data have no columns of users, such as a region, to group them by; "
            "--user-table gives a file with some."
        )
    columns = ", ".join(map(str, named or table.columns))
    return (
        f"No column of users ({columns}) has two groups with {LEAST_USERS} measured users each, of "
        f"2 to {MOST_VALUES} values or of numbers cut at their median."
    )


def by_group(values: np.ndarray, grouping: Grouping, seed: int = 0) -> dict:
    """The mean of each group with its interval, the gap between worst and best, its p-value.

    Args:
        values: [n] of users.
        grouping: with `group` [n].
    """
    kept = grouping.group >= 0
    values, group = values[kept], grouping.group[kept]
    count = len(grouping.names)
    sizes = np.bincount(group, minlength=count)

    def means(labels):
        return np.bincount(labels, weights=values, minlength=count) / sizes

    found, rng = means(group), np.random.default_rng(seed)
    spread = np.ptp(found)
    shuffled = [np.ptp(means(rng.permutation(group))) for _ in range(PERMUTATIONS)]
    return {
        "groups": {
            name: {"users": int(sizes[place]), "value": interval(values[group == place])}
            for place, name in enumerate(grouping.names)
        },
        "ratio": float(found.min() / found.max()) if found.max() > 0 else 1.0,
        "worst": grouping.names[int(found.argmin())],
        "p_value": float((1 + np.sum(shuffled >= spread - 1e-12)) / (1 + PERMUTATIONS)),
    }


def tail_exposure(train: Interactions, lists: np.ndarray) -> float | None:
    """Share of list places of the tail over its share of interactions; None without a tail."""
    tail = tail_of(train.item_counts())
    demand = tail[train.item_index].mean()
    return float(tail[lists[lists >= 0]].mean() / demand) if demand > 0 else None


def category_exposure(train: Interactions, lists: np.ndarray) -> dict[str, dict]:
    """Category -> its share of list places and of interactions, and their ratio.

    Columns of items that are yes or no are a category each; of the others, those with up to 30
    values are taken.
    """
    table, found = train.item_features, {}
    listed = lists[lists >= 0]
    for name in () if table is None else table.columns:
        values = table[name]
        if pd.api.types.is_bool_dtype(values):
            members = {str(name): values.to_numpy(bool)}
        elif pd.api.types.is_numeric_dtype(values) or not isinstance(values.iloc[0], str):
            continue
        else:
            kinds = values.dropna().unique()
            if len(kinds) > _MOST_CATEGORIES:
                continue
            members = {f"{name} {kind}": (values == kind).to_numpy(bool) for kind in kinds}
        for category, member in members.items():
            demand = float(member[train.item_index].mean())
            if demand > 0:
                shown = float(member[listed].mean())
                found[category] = {"lists": shown, "interactions": demand, "ratio": shown / demand}
    return found
