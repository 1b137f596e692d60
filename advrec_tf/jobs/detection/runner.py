"""The benchmark of detectors: attacks unseen in training, labelled sets, click fraud.

Every fit and judgement of one detector is a stage, so a stopped run goes on where it was. Which
users are judged is said in `pools`; the page is made by `page`, the curves by `plots`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import numpy as np

from advrec_tf._version import __version__
from advrec_tf.attacks import click_fraud
from advrec_tf.attacks.injection import Poisoned
from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.data import click_times, synthetic
from advrec_tf.data.interactions import Interactions
from advrec_tf.data.shilling import load_shilling
from advrec_tf.data.spam import load_spam
from advrec_tf.defence import timing
from advrec_tf.defence.detectors import ECOD, Detector, ForestDetector, MahalanobisDetector
from advrec_tf.defence.registry import DETECTORS
from advrec_tf.defence.self_taught import SelfTaught
from advrec_tf.evaluation.detection import (
    Curve,
    average_precision,
    judge,
    threshold_for,
)
from advrec_tf.jobs.detection import pools
from advrec_tf.jobs.stages import StageResult, StageStore

RECALLS = np.linspace(0.0, 1.0, 101)
FILLERS = {"ml100k": 90, "filmTrust": 36}
FOLDS = 5
NEED_LABELS_OF_JUDGED = ("FAP", "forest with company")
"""Their labels are of users who share items with the judged: they have no place where attacks are
unseen, and are measured on labelled sets alone."""


def run(
    *,
    run_dir: Path,
    resume: bool,
    sets: Sequence[str],
    seeds: int,
    targets: int,
    learned: Sequence[str],
    detectors: Sequence[str] | None = None,
    click_seeds: int = 3,
    write: Callable[[str], None] = print,
) -> dict:
    """The whole benchmark; returns the report.

    Raises:
        ValueError: if a detector or an attack is unknown.
    """
    chosen = list(DETECTORS) if detectors is None else list(detectors)
    for name, given, known in (
        ("detectors", chosen, DETECTORS),
        ("learned", learned, pools.LEARNED),
    ):
        unknown = [one for one in given if one not in known]
        if unknown:
            raise ValueError(
                f"`{name}` should be among {', '.join(known)}. Received: {', '.join(unknown)}."
            )
    settings = {
        "sets": list(sets),
        "seeds": seeds,
        "targets": targets,
        "learned": list(learned),
        "click_seeds": click_seeds,
    }
    identity = {"job": "detection", "advrec_tf": __version__, **settings}
    store = StageStore(run_dir, identity, resume=resume)
    against_unseen = [name for name in chosen if name not in NEED_LABELS_OF_JUDGED]
    return {
        "settings": settings,
        "kinds": {name: DETECTORS[name].kind for name in chosen},
        "sources": {name: DETECTORS[name].source for name in chosen},
        "unseen": {
            name: unseen_attacks(
                store,
                name,
                detectors=against_unseen,
                seeds=seeds,
                targets=targets,
                learned=learned,
                write=write,
            )
            for name in sets
        },
        "labelled": labelled_sets(
            store, ("amazon", "averageattack"), detectors=chosen, seeds=seeds, write=write
        ),
        "clicks": click_frauds(store, seeds=click_seeds, write=write),
    }


def at_recalls(curve: Curve) -> np.ndarray:
    """[101] precision at the strictest threshold that reaches each recall of `RECALLS`."""
    place = np.searchsorted(curve.recall, RECALLS - 1e-12)
    return curve.precision[np.minimum(place, len(curve.precision) - 1)]


def unseen_attacks(
    store: StageStore,
    name: str,
    *,
    detectors: Iterable[str],
    seeds: int,
    targets: int,
    learned: Iterable[str] = (),
    write: Callable[[str], None] = print,
) -> dict:
    """Detectors x attacks on one shilling set -> {detector: {attack: figures}}.

    Each figure is a mean over seeds (halves of the users) and targets, at a base rate of 1 %.
    """
    data = load_shilling(name)
    train = data.split.train
    fillers = FILLERS.get(name, max(1, round(len(train) / train.num_users) - 1))
    fillers = min(fillers, train.num_items // 6)  # what the most rated fifth can hold
    aims = (data.published_targets or tuple(sorted(data.segments)))[:targets]
    found: dict[str, dict[str, list]] = {}
    for seed in range(seeds):
        half = pools.halves(train, seed=seed)
        plan = [
            ("second group", pools.GROUPS[1], pools.GROUPS[0]),
            ("first group", pools.GROUPS[0], pools.GROUPS[1]),
        ]
        if learned:
            plan.append(("all by rule", pools.GROUPS[0] + pools.GROUPS[1], tuple(learned)))
        for label, fitted, judged in plan:
            for detector in detectors:

                def compute(
                    _, detector=detector, fitted=fitted, judged=judged, seed=seed, half=half
                ):
                    judge_by = DETECTORS[detector].build(seed)
                    if isinstance(judge_by, SelfTaught):  # it may simulate what others may see
                        judge_by.attacks = tuple(map(_builder, fitted))
                    return _judge_all(
                        judge_by,
                        pools.fitting_pool(half.fitted, fitted, seed=seed),
                        half,
                        judged,
                        known=train,
                        aims=aims,
                        fillers=fillers,
                        seed=seed,
                    )

                stage = f"{name}_{seed}_{label}_{detector}".replace(" ", "-")
                result = store.run(stage, compute)
                values = result.summary["attacks"]
                mean = np.mean([one["average_precision"] for v in values.values() for one in v])
                write(f"  {name} seed {seed}, fitted on {label:<13} {detector:<26} AP {mean:.3f}")
                for attack, rows in values.items():
                    curves = result.arrays[attack]
                    found.setdefault(detector, {}).setdefault(attack, []).extend(
                        zip(rows, curves, strict=True)
                    )
    return {
        detector: {attack: _figures(rows) for attack, rows in attacks.items()}
        for detector, attacks in found.items()
    }


def _builder(name: str):
    return lambda profiles, fillers: ATTACKS[name].build(num_profiles=profiles, num_fillers=fillers)


def _judge_all(
    detector: Detector,
    pool: Poisoned,
    half: pools.Halves,
    judged: Iterable[str],
    *,
    known: Interactions,
    aims: Iterable[int],
    fillers: int,
    seed: int,
) -> StageResult:
    threshold = None
    started = time.perf_counter()
    if not detector.transductive:
        detector.fit(pool.interactions, pool.is_fake)
        threshold = threshold_for(detector.score(half.fitted), 0.01)
    fit_seconds = time.perf_counter() - started
    values: dict[str, list] = {}
    arrays: dict[str, list] = {}
    for name in judged:
        for target in aims:
            test = pools.judged_pool(
                half.judged,
                name,
                known=known,
                target=int(target),
                fillers=fillers,
                seed=seed,
            )
            result = judge(
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


def _figures(rows: list) -> dict:
    """Means over repetitions of one detector on one attack."""
    values, curves = zip(*rows, strict=True)
    column = {
        key: np.array([value[key] for value in values])
        for key in ("average_precision", "auc", "precision", "recall", "false_positive_rate")
    }
    return {
        **{key: float(column[key].mean()) for key in column},
        "deviation": float(column["average_precision"].std(ddof=1)) if len(rows) > 1 else None,
        "repetitions": len(rows),
        "transductive": bool(values[0]["transductive"]),
        "curve": np.mean(curves, axis=0).round(4).tolist(),
    }


def labelled_sets(
    store: StageStore,
    names: Iterable[str],
    *,
    detectors: Iterable[str],
    seeds: int,
    write: Callable[[str], None] = print,
) -> dict:
    """Detectors on sets with real labels, in folds of users -> {set: {detector: figures}}.

    Average precision is at the set's own share of fakes. A detector that needs labels is given
    those of the other folds; one that needs none ranks the whole set, and is measured on the
    same folds.
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
            write(f"  {name:<14} {detector:<26} AP {np.mean(values):.3f}")
            found.setdefault(name, {})[detector] = {
                "average_precision": float(np.mean(values)),
                "deviation": float(np.std(values, ddof=1)) if len(values) > 1 else None,
                "seeds": seeds,
            }
        found[name]["guess"] = {"average_precision": float(data.is_fake.mean()), "seeds": 0}
    return found


def _folds(detector: Detector, rows: Interactions, is_fake: np.ndarray, seed: int) -> list[float]:
    fold = np.random.default_rng(seed).permutation(rows.num_users) % FOLDS
    if detector.transductive and not detector.needs_labels:
        scores = detector.fit(rows).score(rows)
        return [
            average_precision(is_fake[fold == f], scores[fold == f], base_rate=None)
            for f in range(FOLDS)
        ]
    result = []
    for number in range(FOLDS):
        judged = fold == number
        if detector.transductive:  # the graph is whole, the labels of the judged are not given
            scores = detector.fit(rows, is_fake & ~judged).score(rows)
        else:
            detector.fit(rows.select(~judged[rows.user_index]), is_fake)
            scores = detector.score(rows.select(judged[rows.user_index]))
        result.append(average_precision(is_fake[judged], scores[judged], base_rate=None))
    return result


FRAUDS = {
    "scripted bots": click_fraud.ScriptedBots,
    "bots at human rates": click_fraud.PacedBots,
    "click farm": click_fraud.ClickFarm,
    "copied sessions": click_fraud.CopiedSessions,
}


def click_frauds(
    store: StageStore, *, seeds: int, write: Callable[[str], None] = print
) -> dict[str, dict[str, dict]]:
    """Detectors on click fraud in the synthetic world, each kind judged by detectors fitted on
    the other kinds -> {detector: {kind: figures}}."""
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
                        events = build(num_accounts=8, num_rows=rows).events(
                            half.fitted, targets, rng=rng
                        )
                        pool = click_fraud.inject_events(
                            pool, events, targets=targets, attack=other, rng=rng
                        )
                targets = rng.choice(world.num_items, 2, replace=False)
                events = record(num_accounts=8, num_rows=25).events(world, targets, rng=rng)
                test = click_fraud.inject_events(
                    half.judged, events, targets=targets, attack=kind, rng=rng
                )
                clock = timing.Clock.of(half.fitted, day=86_400.0).names
                values, arrays = {}, {}
                for label, detector in (
                    ("ECOD, timing", ECOD(columns=clock, seed=seed)),
                    ("Mahalanobis, timing", MahalanobisDetector(columns=clock, seed=seed)),
                    ("Mahalanobis, all features", MahalanobisDetector(seed=seed)),
                    ("forest, timing", ForestDetector(columns=clock, seed=seed)),
                    ("forest, all features", ForestDetector(seed=seed)),
                    ("PCA-VarSelect", DETECTORS["PCA-VarSelect"].build(seed)),
                ):
                    if not detector.transductive:
                        detector.fit(pool.interactions, pool.is_fake)
                    result = judge(detector, test, trained_on=half.fitted, honest=half.fitted)
                    values[label] = result.as_dict()
                    arrays[label] = at_recalls(result.curve)
                return StageResult({"detectors": values}, arrays)

            result = store.run(f"clicks_{seed}_{kind}".replace(" ", "-"), compute)
            for label, value in result.summary["detectors"].items():
                found.setdefault(label, {}).setdefault(kind, []).append(
                    (value, result.arrays[label])
                )
        write(f"  click fraud, seed {seed} done")
    return {
        label: {kind: _figures(rows) for kind, rows in kinds.items()}
        for label, kinds in found.items()
    }
