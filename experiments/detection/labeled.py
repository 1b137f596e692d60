"""Detectors on sets with real labels, in folds of users."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np

from advrec_tf.data.interactions import Interactions
from advrec_tf.data.readers.labeled_fraud import load_spam
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.defence.registry import DETECTORS
from advrec_tf.evaluation.detection import average_precision
from advrec_tf.ops.fingerprints import fingerprint_of
from advrec_tf.pipelines.stages import StageStore
from experiments.detection.measures import AP
from experiments.harness.compare import summary
from experiments.harness.entries import Entry, Task
from experiments.harness.results import Result
from experiments.harness.sweep import Study, sweep

FOLDS = 5


def labeled_set(
    store: StageStore,
    name: str,
    *,
    detectors: Iterable[str],
    seeds: int,
    log: Callable[[str], None] = print,
) -> dict:
    """{detector: figures}; average precision is at the set's own fraction of fakes.

    A detector that needs labels is given those of the other folds; one that needs none ranks the
    whole set, and is measured on the same folds.
    """
    data = load_spam(name)
    digest = fingerprint_of(data.interactions.fingerprint(), data.is_fake)
    store = store.part(name, data_sha256=digest)

    def entry(detector: str) -> Entry:
        def train(task: Task) -> Result:
            built = DETECTORS[detector].build(task.seed)
            per_fold = _folds(built, data.interactions, data.is_fake, task.seed)
            return Result({"folds": {AP: float(np.mean(per_fold))}})

        return Entry(train=train)

    study = Study(name=name, entries={one: entry(one) for one in detectors}, monitor=AP)
    found = {}
    for detector, results in sweep(study, store, seeds=range(seeds), log=log).results.items():
        of_seeds = summary(results)
        mean, deviation = (of_seeds[one]["folds"][AP] for one in ("mean", "deviation"))
        found[detector] = {AP: mean, "deviation": deviation, "seeds": seeds}
    return found | {"guess": {AP: float(data.is_fake.mean()), "seeds": 0}}


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
