"""Measurements of detectors: of one test, and their means over tests and seeds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from advrec_tf.evaluation.detection import Curve, Detection
from experiments.harness.results import Result
from experiments.harness.sweep import Study, Sweep

AP = "average_precision"
RECALLS = np.linspace(0.0, 1.0, 101)


def at_recalls(curve: Curve) -> np.ndarray:
    """[101] precision at the strictest threshold that reaches each recall of `RECALLS`."""
    place = np.searchsorted(curve.recall, RECALLS - 1e-12)
    return curve.precision[np.minimum(place, len(curve.precision) - 1)]


def measured(tests: Mapping[str, Sequence[Detection]]) -> Result:
    """What a detector came to in tests on attacks: attack -> results, one a target."""
    records = {
        attack: [one.as_dict() | {"curve": at_recalls(one.curve).tolist()} for one in results]
        for attack, results in tests.items()
    }
    means = {attack: {AP: np.mean([one[AP] for one in own])} for attack, own in records.items()}
    return Result(means, details={"tests": records})


def figures(records: Sequence[Mapping]) -> dict:
    """Means over repetitions of one detector on one attack, see `measured`."""
    names = (AP, "auc", "precision", "recall", "false_positive_rate")
    values = {name: np.array([record[name] for record in records]) for name in names}
    return {
        **{name: float(column.mean()) for name, column in values.items()},
        "deviation": float(values[AP].std(ddof=1)) if len(records) > 1 else None,
        "repetitions": len(records),
        "transductive": bool(records[0]["transductive"]),
        "curve": np.mean([record["curve"] for record in records], axis=0).round(4).tolist(),
    }


def figures_of(study: Study, found: Sweep) -> dict[str, dict[str, dict]]:
    """{detector: {attack: figures}}; the family of an entry is its detector."""
    records: dict[str, dict[str, list]] = {}
    for label, results in found.results.items():
        of_detector = records.setdefault(study.entries[label].family, {})
        for result in results:
            for attack, own in result.details["tests"].items():
                of_detector.setdefault(attack, []).extend(own)
    return {
        detector: {attack: figures(own) for attack, own in of_attack.items()}
        for detector, of_attack in records.items()
    }
