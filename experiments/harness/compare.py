"""Comparisons of a sweep: means over seeds, paired tests over users, and corrected p-values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from advrec_tf.evaluation import significance
from experiments.harness.results import Result
from experiments.harness.sweep import Study, Sweep


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values))


def deviation(values: Sequence[float]) -> float | None:
    """Over seeds, with one degree of freedom taken; None of a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def over_seeds(values: Sequence[Mapping], reduce: Callable[[Sequence[float]], object]) -> dict:
    """Nested numbers of every seed -> the same nesting with `reduce` of the seeds' numbers.

    A name that some seeds lack is reduced over the others.
    """
    names = dict.fromkeys(name for one in values for name in one)
    found = {}
    for name in names:
        there = [one[name] for one in values if name in one]
        nested = isinstance(there[0], Mapping)
        found[name] = over_seeds(there, reduce) if nested else reduce(there)
    return found


def mean_per_user(results: Sequence[Result]) -> dict[str, np.ndarray]:
    """name -> [num_users], the mean over the seeds in which a user was measured, else NaN."""
    means = {}
    for name in results[0].per_user:
        values = np.stack([result.per_user[name] for result in results])
        there = np.isfinite(values)
        count = there.sum(axis=0)
        total = np.where(there, values, 0.0).sum(axis=0)
        means[name] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def paired_tests(one: Mapping[str, np.ndarray], other: Mapping[str, np.ndarray]) -> dict:
    """name -> the paired test over the users measured for both, as JSON values."""
    found = {}
    for name in one:
        there = np.isfinite(one[name]) & np.isfinite(other[name])
        found[name] = significance.paired(one[name][there], other[name][there]).as_dict()
    return found


def corrected(p_values: Mapping[str, float]) -> dict[str, dict[str, float]]:
    """Correction of `significance.CORRECTIONS` -> name -> p-value adjusted for all of them."""
    if not p_values:
        return {how: {} for how in significance.CORRECTIONS}
    return {
        how: dict(zip(p_values, correct(list(p_values.values())).tolist(), strict=True))
        for how, correct in significance.CORRECTIONS.items()
    }


def summary(results: Sequence[Result]) -> dict:
    """Seeds, metrics, seconds and epochs of one entry, as JSON values."""
    metrics = [result.metrics for result in results]
    return {
        "seeds": len(results),
        "mean": over_seeds(metrics, mean),
        "deviation": over_seeds(metrics, deviation),
        "seconds": mean([result.seconds for result in results]),
        "epochs": [result.details["epochs"] for result in results if "epochs" in result.details],
    }


def compare(
    study: Study, found: Sweep, *, against: Callable[[str], Iterable[str]] | None = None
) -> dict[str, dict]:
    """label -> `summary`, the settings chosen, and paired tests, as JSON values.

    "against" holds other label -> name -> test: the ablation, the control and the baseline where
    they were trained, unless `against` names others.
    """
    per_user = {label: mean_per_user(results) for label, results in found.results.items()}
    report = {}
    for label, results in found.results.items():
        entry = study.entries[label]
        named = (entry.ablation, entry.control, study.baseline)
        others = dict.fromkeys(named if against is None else against(label))
        report[label] = summary(results) | {
            "settings": found.settings[label],
            "tried": found.tried[label],
            "ablation": entry.ablation,
            "against": {
                other: paired_tests(per_user[label], per_user[other])
                for other in others
                if other in per_user and other != label
            },
        }
    return report
