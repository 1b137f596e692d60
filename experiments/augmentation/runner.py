"""Every row of a part for every seed, as stages; then means, paired tests, and the default.

The setting of a row is chosen with the first seed on validation and kept for the others. A long
tail is chosen otherwise: the largest share of rare items among the settings that keep 99 % of
the base's validation accuracy, or else the one that keeps most.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.evaluation.significance import paired
from advrec_tf.models.content.tower import Modality
from advrec_tf.pipelines.stages import StageResult, StageStore, slug
from experiments.augmentation.evaluation import MONITOR, make_setting
from experiments.augmentation.models import BASES, TABLES
from experiments.augmentation.settings import AugmentationSettings
from experiments.augmentation.task import Row, Task

TAIL = "long_tail_share@10"
KEPT = 0.99


def available_rows(part: str, attributes: Modality | None) -> dict[str, Row]:
    """The rows of a part that the data can feed."""
    return {
        label: row
        for label, row in TABLES[part].items()
        if attributes is not None or not row.needs_attributes
    }


def finished_seeds(
    part: str, attributes: Modality | None, settings: AugmentationSettings, store: StageStore
) -> int:
    """How many seeds, from the first on, have every row of the part in the store."""
    rows = available_rows(part, attributes)
    for count in range(settings.seeds):
        seed = settings.seed + count
        for label, row in rows.items():
            stored = [store.has(_slug(part, label, p, seed)) for p in row.points(settings)]
            if not (any(stored) if count else all(stored)):
                return count
    return settings.seeds


def run_part(
    part: str,
    data: Interactions,
    attributes: Modality | None,
    groups: np.ndarray | None,
    settings: AugmentationSettings,
    store: StageStore,
    *,
    write: Callable[[str], None] = print,
) -> dict:
    """The report of one part, as JSON values."""
    rows = available_rows(part, attributes)
    chosen: dict[str, object] = {}
    tried: dict[str, dict] = {}
    found: dict[str, list[StageResult]] = {label: [] for label in rows}
    for seed in range(settings.seed, settings.seed + settings.seeds):
        setting = None
        cache: dict = {}
        for label, row in rows.items():

            def stage(point, label=label, row=row, seed=seed, cache=cache):
                nonlocal setting

                def compute(_):
                    nonlocal setting
                    if setting is None:
                        setting = make_setting(part, data, seed)
                    started = time.perf_counter()
                    shown = f"{part} {seed} {label}" + ("" if point is None else f" {point:g}")
                    model = row.make(
                        Task(
                            setting=setting,
                            settings=settings,
                            point=point,
                            attributes=attributes,
                            groups=groups,
                            cache=cache,
                            label=shown,
                            write=write,
                        )
                    )
                    figures, per_user = setting.measure(model)
                    seconds = time.perf_counter() - started
                    write(f"{shown:<52} {_line(figures)}  {seconds:.0f} s")
                    return StageResult({"figures": figures, "seconds": seconds}, per_user)

                return store.run(_slug(part, label, point, seed), compute)

            if label not in chosen:
                points = row.points(settings)
                results = {point: stage(point) for point in points}
                base = found[BASES[part]][0] if found[BASES[part]] else None
                chosen[label] = choose(part, results, base)
                tried[label] = {
                    f"{point:g}": _validation(result)
                    for point, result in results.items()
                    if point is not None
                }
                found[label].append(results[chosen[label]])
            else:
                found[label].append(stage(chosen[label]))
    return _report(part, rows, found, chosen, tried, settings)


def _validation(result: StageResult) -> dict[str, float]:
    return {name: result.summary["figures"]["validation"][name] for name in (MONITOR, TAIL)}


def choose(part: str, results: Mapping[object, StageResult], base: StageResult | None):
    """The point that validation prefers."""
    values = {point: _validation(result) for point, result in results.items()}
    if part != "tail" or base is None:
        return max(values, key=lambda point: values[point][MONITOR])
    least = KEPT * _validation(base)[MONITOR]
    kept = {point: v for point, v in values.items() if v[MONITOR] >= least}
    if kept:
        return max(kept, key=lambda point: kept[point][TAIL])
    return max(values, key=lambda point: values[point][MONITOR])


def _line(figures: dict) -> str:
    return "  ".join(
        f"{test} {values[MONITOR]:.4f} (tail {values[TAIL]:.3f})"
        for test, values in figures.items()
    )


def _slug(part: str, label: str, point, seed: int) -> str:
    return f"{part}-{slug(label)}-{seed}" + ("" if point is None else f"-{point:g}")


def _report(part, rows, found, chosen, tried, settings) -> dict:
    base = BASES[part]
    report: dict = {
        "part": part,
        "base": base,
        "seeds": settings.seeds,
        "rows": {},
        "default": default(part, found),
    }
    per_user = {label: _mean_per_user(results) for label, results in found.items()}
    for label, results in found.items():
        figures = [r.summary["figures"] for r in results]
        row = {
            "setting": rows[label].setting,
            "chosen": chosen[label],
            "tried": tried[label],
            "seconds": float(np.mean([r.summary["seconds"] for r in results])),
            "mean": _over_seeds(figures, lambda values: float(np.mean(values))),
            "deviation": _over_seeds(figures, deviation),
        }
        row["against_base"] = _paired_tests(per_user[label], per_user[base])
        if rows[label].ablation is not None:
            # Generated rows against every other row, their ablation among them.
            row["ablation"] = rows[label].ablation
            row["against"] = {
                other: _paired_tests(per_user[label], per_user[other])
                for other in found
                if other != label
            }
        report["rows"][label] = row
    report["tests"] = list(per_user[base])
    return report


def default(part: str, found: Mapping[str, list[StageResult]]) -> str:
    """The row that validation prefers over all seeds; for the long tail by the rule of `choose`."""
    base = found[BASES[part]]
    means = {
        label: {
            name: float(np.mean([_validation(r)[name] for r in results]))
            for name in (MONITOR, TAIL)
        }
        for label, results in found.items()
    }
    if part != "tail":
        return max(means, key=lambda label: means[label][MONITOR])
    least = KEPT * float(np.mean([_validation(r)[MONITOR] for r in base]))
    kept = {label: m for label, m in means.items() if m[MONITOR] >= least}
    return max(kept, key=lambda label: kept[label][TAIL])


def deviation(values: list[float]) -> float | None:
    """Over seeds, with one degree of freedom taken; None of a single one."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None


def _over_seeds(figures: list[dict], reduce) -> dict:
    return {
        test: {
            name: reduce([one[test][name] for one in figures if name in one[test]])
            for name in figures[0][test]
        }
        for test in figures[0]
    }


def _mean_per_user(results: list[StageResult]) -> dict[str, np.ndarray]:
    """test -> [num_users], the mean over the seeds in which a user was measured, else NaN."""
    means = {}
    for test in results[0].arrays:
        values = np.stack([r.arrays[test] for r in results])
        there = np.isfinite(values)
        count = there.sum(axis=0)
        total = np.where(there, values, 0.0).sum(axis=0)
        means[test] = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means


def _paired_tests(one: dict, other: dict) -> dict:
    found = {}
    for test in one:
        there = np.isfinite(one[test]) & np.isfinite(other[test])
        found[test] = paired(one[test][there], other[test][there]).as_dict()
    return found
