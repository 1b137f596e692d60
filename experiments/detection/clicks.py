"""Detectors on click fraud in the synthetic world, each kind unseen in training."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from advrec_tf.attacks import click_fraud
from advrec_tf.attacks.injection import Poisoned
from advrec_tf.data import click_times, synthetic
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence import timing
from advrec_tf.defence.detectors.forest import ForestDetector
from advrec_tf.defence.detectors.outliers import ECOD, MahalanobisDetector
from advrec_tf.defence.registry import DETECTORS
from advrec_tf.evaluation.detection import evaluate
from advrec_tf.pipelines.stages import StageStore
from experiments.detection import pools
from experiments.detection.measures import AP, figures_of, measured
from experiments.harness.entries import Entry, Task
from experiments.harness.results import Result
from experiments.harness.sweep import Study, sweep

FRAUDS = {
    "scripted bots": click_fraud.ScriptedBots,
    "bots at human rates": click_fraud.PacedBots,
    "click farm": click_fraud.ClickFarm,
    "copied sessions": click_fraud.CopiedSessions,
}
BUILDERS: dict[str, Callable] = {
    "ECOD, timing": lambda clock, seed: ECOD(columns=clock, seed=seed),
    "Mahalanobis, timing": lambda clock, seed: MahalanobisDetector(columns=clock, seed=seed),
    "Mahalanobis, all features": lambda clock, seed: MahalanobisDetector(seed=seed),
    "forest, timing": lambda clock, seed: ForestDetector(columns=clock, seed=seed),
    "forest, all features": lambda clock, seed: ForestDetector(seed=seed),
    "pca-var-select": lambda clock, seed: DETECTORS["pca-var-select"].build(seed),
}
"""Detector -> (names of the timing features, seed) -> a new one."""


def make_setting(seed: int) -> tuple[Interactions, pools.Halves]:
    """A world of clicks in sessions, and its users in halves."""
    rng = np.random.default_rng([seed, 3])
    world = synthetic.make_world(num_users=1600, num_items=600, seed=seed).interactions
    world = click_times.in_sessions(world, rng=rng)
    return world, pools.halves(world, seed=seed)


def make_pools(task: Task, kind: str) -> tuple[Poisoned, Poisoned]:
    """(honest users with all other kinds of fraud, for fitting; those with this kind, to test)."""
    world, half = task.setting
    rng = np.random.default_rng([task.seed, 4])

    def injected(pool, known: Interactions, name: str, **size) -> Poisoned:
        targets = rng.choice(world.num_items, 2, replace=False)
        events = FRAUDS[name](num_accounts=8, **size).events(known, targets, rng=rng)
        return click_fraud.inject_events(pool, events, targets=targets, attack=name, rng=rng)

    pool: Interactions | Poisoned = half.fitted
    for other in FRAUDS:
        for clicks in (10, 20, 40) if other != kind else ():
            pool = injected(pool, half.fitted, other, num_clicks=clicks)
    return pool, injected(half.tested, world, kind, num_clicks=25)


def _entry(kind: str, detector: str) -> Entry:
    def train(task: Task) -> Result:
        half = task.setting[1]
        pool, test = task.shared(kind, lambda: make_pools(task, kind))
        clock = timing.Clock.of(half.fitted, day=86_400.0).names
        built = BUILDERS[detector](clock, task.seed)
        if not built.transductive:
            built.fit(pool.interactions, pool.is_fake)
        result = evaluate(built, test, trained_on=half.fitted, honest=half.fitted)
        return measured({kind: [result]})

    return Entry(train=train, family=detector)


def click_frauds(
    store: StageStore, *, seeds: int, log: Callable[[str], None] = print
) -> dict[str, dict[str, dict]]:
    """{detector: {kind: figures}}; for each kind, detectors are fitted on the other kinds."""
    entries = {f"{d} on {kind}": _entry(kind, d) for kind in FRAUDS for d in BUILDERS}
    study = Study(name="clicks", entries=entries, setting=make_setting, monitor=AP)
    return figures_of(study, sweep(study, store, seeds=range(seeds), log=log))
