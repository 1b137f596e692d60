"""Detectors on sets with real labels, in folds of users."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.labeled_fraud import load_spam
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.defence.registry import DETECTORS
from advrec_tf.evaluation.detection import average_precision
from advrec_tf.pipelines.stages import StageResult, StageStore

FOLDS = 5


def labeled_sets(
    store: StageStore,
    names: Iterable[str],
    *,
    detectors: Iterable[str],
    seeds: int,
    log: Callable[[str], None] = print,
) -> dict:
    """{set: {detector: figures}}; average precision is at the set's own fraction of fakes.

    A detector that needs labels is given those of the other folds; one that needs none ranks the
    whole set, and is measured on the same folds.
    """
    found: dict[str, dict] = {}
    for name in names:
        data = load_spam(name)
        for detector in detectors:
            values = []
            for seed in range(seeds):

                def compute(_, detector=detector, seed=seed, data=data):
                    started = time.perf_counter()
                    per_fold = _folds(
                        DETECTORS[detector].build(seed), data.interactions, data.is_fake, seed
                    )
                    seconds = time.perf_counter() - started
                    return StageResult({"folds": per_fold, "seconds": seconds}, {})

                stage = f"{name}_{seed}_{detector}".replace(" ", "-")
                summary = store.run(stage, compute).summary
                values.append(float(np.mean(summary["folds"])))
            log(f"  {name:<14} {detector:<26} AP {np.mean(values):.3f}")
            found.setdefault(name, {})[detector] = {
                "average_precision": float(np.mean(values)),
                "deviation": float(np.std(values, ddof=1)) if len(values) > 1 else None,
                "seeds": seeds,
            }
        found[name]["guess"] = {"average_precision": float(data.is_fake.mean()), "seeds": 0}
    return found


def _folds(detector: Detector, data: Interactions, is_fake: np.ndarray, seed: int) -> list[float]:
    fold = np.random.default_rng(seed).permutation(data.num_users) % FOLDS
    if detector.transductive and not detector.needs_labels:
        scores = detector.fit(data).score(data)
        return [
            average_precision(is_fake[fold == f], scores[fold == f], base_rate=None)
            for f in range(FOLDS)
        ]
    result = []
    for number in range(FOLDS):
        tested = fold == number
        if detector.transductive:  # the graph is whole, the labels of the tested are not given
            scores = detector.fit(data, is_fake & ~tested).score(data)
        else:
            detector.fit(data.select(~tested[data.user_index]), is_fake)
            scores = detector.score(data.select(tested[data.user_index]))
        result.append(average_precision(is_fake[tested], scores[tested], base_rate=None))
    return result
