"""Detectors on attacks that they were not fitted on, of a shilling set.

`pools` says which users and profiles those are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.data.readers.shilling import load_shilling
from advrec_tf.defence.detectors.simulated_attack_forest import SimulatedAttackForest
from advrec_tf.defence.registry import DETECTORS
from advrec_tf.evaluation.detection import evaluate, threshold_for
from advrec_tf.pipelines.stages import StageResult, StageStore
from experiments.detection import pools
from experiments.detection.measures import AP, figures_of, measured
from experiments.harness.entries import Entry, Task
from experiments.harness.results import Result
from experiments.harness.sweep import Study, sweep


def unseen_attacks(
    store: StageStore,
    name: str,
    *,
    detectors: Iterable[str],
    seeds: int,
    targets: int,
    learned: Sequence[str] = (),
    against_learned: Iterable[str] | None = None,
    log: Callable[[str], None] = print,
) -> dict:
    """{detector: {attack: figures}} of one shilling set.

    The detectors in `against_learned`, by default all, are tested on learned attacks. Each figure
    is a mean over seeds (halves of the users) and targets, at a base rate of 1 %.
    """
    data = load_shilling(name)
    store = store.part(name, data_sha256=data.split.fingerprint())
    train = data.split.train
    fillers = data.published_fillers or max(1, round(len(train) / train.num_users) - 1)
    fillers = min(fillers, train.num_items // 6)  # what the most rated fifth can hold
    aims = (data.published_targets or tuple(sorted(data.segments)))[:targets]

    def profiles(task: Task, attack: str, target: int) -> np.ndarray:
        """Made once for all detectors."""

        def make(_) -> StageResult:
            made = pools.tested_profiles(
                task.setting.tested,
                attack,
                known=train,
                target=target,
                fillers=fillers,
                seed=task.seed,
            )
            return StageResult({}, {"profiles": made})

        stored = store.run(f"profiles_{name}_{task.seed}_{attack}_{target}", make)
        return stored.arrays["profiles"]

    def entry(detector: str, fitted: Sequence[str], tested: Sequence[str]) -> Entry:
        def train(task: Task) -> Result:
            half, seed, threshold = task.setting, task.seed, None
            built = DETECTORS[detector].build(seed)
            if isinstance(built, SimulatedAttackForest):  # it simulates what others see
                built.attacks = tuple(map(_builder, fitted))
            if not built.transductive:
                pool = pools.fitting_pool(half.fitted, fitted, seed=seed)
                built.fit(pool.interactions, pool.is_fake)
                threshold = threshold_for(built.score(half.fitted), 0.01)
            shown = {"trained_on": half.fitted, "honest": half.fitted, "threshold": threshold}
            tests: dict[str, list] = {attack: [] for attack in tested}
            for attack in tested:
                for target in map(int, aims):
                    made = profiles(task, attack, target)
                    test = pools.tested_pool(half.tested, made, attack, target=target, seed=seed)
                    tests[attack].append(evaluate(built, test, **shown))
            return measured(tests)

        return Entry(train=train, family=detector)

    first, second = pools.GROUPS
    entries = {}
    for label, fitted, tested in (
        ("second group", second, first),
        ("first group", first, second),
        (f"both groups, tested on {' '.join(learned)}", first + second, tuple(learned)),
    ):
        for detector in detectors if tested else ():
            if tested != tuple(learned) or against_learned is None or detector in against_learned:
                entries[f"{detector}, fitted on {label}"] = entry(detector, fitted, tested)
    study = Study(
        name=name,
        entries=entries,
        setting=lambda seed: pools.halves(train, seed=seed),
        monitor=AP,
    )
    return figures_of(study, sweep(study, store, seeds=range(seeds), log=log))


def _builder(name: str):
    return lambda profiles, fillers: ATTACKS[name].build(num_profiles=profiles, num_fillers=fillers)
