"""Detectors on attacks that they were not fitted on, of a shilling set.

`pools` says which users and profiles those are.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable

import numpy as np

from advrec_tf.attacks.injection import Poisoned
from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.data.readers.shilling import load_shilling
from advrec_tf.defence.detectors.base import Detector
from advrec_tf.defence.detectors.simulated_attack_forest import SimulatedAttackForest
from advrec_tf.defence.registry import DETECTORS
from advrec_tf.evaluation.detection import evaluate, threshold_for
from advrec_tf.pipelines.stages import StageResult, StageStore
from experiments.detection import pools
from experiments.detection.measures import at_recalls, figures


def unseen_attacks(
    store: StageStore,
    name: str,
    *,
    detectors: Iterable[str],
    seeds: int,
    targets: int,
    learned: Iterable[str] = (),
    against_learned: Iterable[str] | None = None,
    log: Callable[[str], None] = print,
) -> dict:
    """{detector: {attack: figures}} of one shilling set.

    The detectors in `against_learned`, by default all, are tested on learned attacks. Each figure
    is a mean over seeds (halves of the users) and targets, at a base rate of 1 %.
    """
    data = load_shilling(name)
    train = data.split.train
    fillers = data.published_fillers or max(1, round(len(train) / train.num_users) - 1)
    fillers = min(fillers, train.num_items // 6)  # what the most rated fifth can hold
    aims = (data.published_targets or tuple(sorted(data.segments)))[:targets]
    found: dict[str, dict[str, list]] = {}

    def tests_of(tested, half, seed) -> Iterable[tuple[str, Poisoned]]:
        """Profiles are made once for all detectors."""
        for attack in tested:
            for target in map(int, aims):

                def make_profiles(_, attack=attack, target=target):
                    profiles = pools.tested_profiles(
                        half.tested, attack, known=train, target=target, fillers=fillers, seed=seed
                    )
                    return StageResult({}, {"profiles": profiles})

                stored = store.run(f"profiles_{name}_{seed}_{attack}_{target}", make_profiles)
                yield (
                    attack,
                    pools.tested_pool(
                        half.tested, stored.arrays["profiles"], attack, target=target, seed=seed
                    ),
                )

    for seed in range(seeds):
        half = pools.halves(train, seed=seed)
        plan = [
            ("second group", pools.GROUPS[1], pools.GROUPS[0]),
            ("first group", pools.GROUPS[0], pools.GROUPS[1]),
        ]
        if learned:
            plan.append(("both groups", pools.GROUPS[0] + pools.GROUPS[1], tuple(learned)))
        for label, fitted, tested in plan:
            used = detectors
            if against_learned is not None and tested == tuple(learned):
                used = [name for name in detectors if name in against_learned]
            for detector in used:

                def compute(
                    _, detector=detector, fitted=fitted, tested=tested, seed=seed, half=half
                ):
                    built = DETECTORS[detector].build(seed)
                    if isinstance(built, SimulatedAttackForest):  # it simulates what others see
                        built.attacks = tuple(map(_builder, fitted))
                    return _score_all(
                        built,
                        pools.fitting_pool(half.fitted, fitted, seed=seed),
                        half,
                        tests_of(tested, half, seed),
                    )

                stage = f"{name}_{seed}_{label}_{detector}".replace(" ", "-")
                if tested == tuple(learned):
                    stage += "_" + "-".join(learned)
                result = store.run(stage, compute)
                values = result.summary["attacks"]
                mean = np.mean([one["average_precision"] for v in values.values() for one in v])
                log(f"  {name} seed {seed}, fitted on {label:<13} {detector:<26} AP {mean:.3f}")
                for attack, rows in values.items():
                    curves = result.arrays[attack]
                    found.setdefault(detector, {}).setdefault(attack, []).extend(
                        zip(rows, curves, strict=True)
                    )
    return {
        detector: {attack: figures(rows) for attack, rows in attacks.items()}
        for detector, attacks in found.items()
    }


def _builder(name: str):
    return lambda profiles, fillers: ATTACKS[name].build(num_profiles=profiles, num_fillers=fillers)


def _score_all(
    detector: Detector,
    pool: Poisoned,
    half: pools.Halves,
    tests: Iterable[tuple[str, Poisoned]],
) -> StageResult:
    threshold = None
    started = time.perf_counter()
    if not detector.transductive:
        detector.fit(pool.interactions, pool.is_fake)
        threshold = threshold_for(detector.score(half.fitted), 0.01)
    fit_seconds = time.perf_counter() - started
    values: dict[str, list] = {}
    arrays: dict[str, list] = {}
    for name, test in tests:
        result = evaluate(
            detector,
            test,
            trained_on=half.fitted,
            honest=half.fitted,
            threshold=threshold,
        )
        values.setdefault(name, []).append(result.as_dict())
        arrays.setdefault(name, []).append(at_recalls(result.curve))
    return StageResult(
        {"attacks": values, "fit_seconds": fit_seconds},
        {name: np.stack(curves) for name, curves in arrays.items()},
    )
