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
from advrec_tf.pipelines.stages import StageResult, StageStore
from experiments.detection import pools
from experiments.detection.measures import at_recalls, figures

FRAUDS = {
    "scripted bots": click_fraud.ScriptedBots,
    "bots at human rates": click_fraud.PacedBots,
    "click farm": click_fraud.ClickFarm,
    "copied sessions": click_fraud.CopiedSessions,
}


def click_frauds(
    store: StageStore, *, seeds: int, log: Callable[[str], None] = print
) -> dict[str, dict[str, dict]]:
    """{detector: {kind: figures}}; for each kind, detectors are fitted on the other kinds."""
    found: dict[str, dict[str, list]] = {}
    for seed in range(seeds):
        rng = np.random.default_rng([seed, 3])
        world = synthetic.make_world(num_users=1600, num_items=600, seed=seed).interactions
        world = click_times.in_sessions(world, rng=rng)
        half = pools.halves(world, seed=seed)
        for kind, record in FRAUDS.items():

            def compute(_, kind=kind, record=record, seed=seed, half=half, world=world):
                rng = np.random.default_rng([seed, 4])
                pool: Interactions | Poisoned = half.fitted
                for other, build in FRAUDS.items():
                    if other == kind:
                        continue
                    for rows in (10, 20, 40):
                        targets = rng.choice(world.num_items, 2, replace=False)
                        events = build(num_accounts=8, num_clicks=rows).events(
                            half.fitted, targets, rng=rng
                        )
                        pool = click_fraud.inject_events(
                            pool, events, targets=targets, attack=other, rng=rng
                        )
                targets = rng.choice(world.num_items, 2, replace=False)
                events = record(num_accounts=8, num_clicks=25).events(world, targets, rng=rng)
                test = click_fraud.inject_events(
                    half.tested, events, targets=targets, attack=kind, rng=rng
                )
                clock = timing.Clock.of(half.fitted, day=86_400.0).names
                values, arrays = {}, {}
                for label, detector in (
                    ("ECOD, timing", ECOD(columns=clock, seed=seed)),
                    ("Mahalanobis, timing", MahalanobisDetector(columns=clock, seed=seed)),
                    ("Mahalanobis, all features", MahalanobisDetector(seed=seed)),
                    ("forest, timing", ForestDetector(columns=clock, seed=seed)),
                    ("forest, all features", ForestDetector(seed=seed)),
                    ("pca-var-select", DETECTORS["pca-var-select"].build(seed)),
                ):
                    if not detector.transductive:
                        detector.fit(pool.interactions, pool.is_fake)
                    result = evaluate(detector, test, trained_on=half.fitted, honest=half.fitted)
                    values[label] = result.as_dict()
                    arrays[label] = at_recalls(result.curve)
                return StageResult({"detectors": values}, arrays)

            result = store.run(f"clicks_{seed}_{kind}".replace(" ", "-"), compute)
            for label, value in result.summary["detectors"].items():
                found.setdefault(label, {}).setdefault(kind, []).append(
                    (value, result.arrays[label])
                )
        log(f"  click fraud, seed {seed} done")
    return {
        label: {kind: figures(rows) for kind, rows in kinds.items()}
        for label, kinds in found.items()
    }
