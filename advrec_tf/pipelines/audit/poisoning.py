"""The section `poisoning`: how far fake profiles lift an item, and whether detectors find them.

Each kind of attack injects its profiles into the training part; a model is trained on the result,
and the target's place in the lists of real users is compared with that on clean data. Where the
audited model can be trained again (`fit`) it is the one that is attacked; else EASE stands for it,
and how far its lists are those of the model is told beside. What the scores of items rest on, so
that fakes may outweigh it, is left to `support`.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable

import numpy as np

from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.attacks.rating_statistics import above_zero
from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.registry import DETECTORS
from advrec_tf.evaluation.attack_effect import ManipulationEvaluator
from advrec_tf.evaluation.detection import average_precision
from advrec_tf.models.baselines import EASE
from advrec_tf.pipelines.audit import support
from advrec_tf.pipelines.audit.subject import Case, K, NotPossible, overlap
from advrec_tf.training import recipes

KINDS = (
    "bandwagon",
    "segment",
    "average",
    "popular",
    "copy",
    "random",
    "probe",
    "love-hate",
    "average-over-popular",
    "mixed",
    "copy-of-four",
)
"""Of `attacks.registry`, the likely strongest first. Optimized and learned attacks take a minute or
more for each target; `advrec attack` runs them."""
DETECTED_BY = ("overlap", "fraudar")
ACCOUNTS, MOST_OF_USERS = 50, 0.1
"""Fake profiles of each kind, and the fraction of the users that they are at most."""
RETRAINING_SECONDS = 90.0
"""What all trainings of a `fit` may take, by the time of the first; kinds and targets beyond it are
left out, and counted."""


def measure(case: Case, stored: dict | None = None) -> dict:
    """Hit rates of the targets before and after each kind, and average precision of detectors.

    Args:
        stored: figures of the model that stands in, by its name, and of the items; they are the
            same for every model of a split, so they are taken from here and left here.

    Returns:
        The figures; `shift`, what was added to ratings so that all are above 0; and `support`.
        Where nothing can be attacked, `no_lift` and `no_found_least` say why beside `support`.
    """
    stored = {} if stored is None else stored
    train, shift = above_zero(case.split.train)
    shifted = dataclasses.replace(case, split=dataclasses.replace(case.split, train=train))
    try:
        found = _attack(shifted, stored)
    except NotPossible as error:
        found = {"no_lift": str(error), "no_found_least": str(error)}
    return found | {"shift": shift} | _support(case, stored)


def _attack(case: Case, stored: dict) -> dict:
    victim, fit = victim_of(case)
    if case.subject.fit is not None:
        found, _ = attacked(case, fit, limited=True)
        return {"victim": victim, "victim_overlap": None} | found
    if victim not in stored:
        stored[victim] = attacked(case, fit)
    found, lists = stored[victim]
    return {"victim": victim, "victim_overlap": overlap(lists, case.lists)} | found


def _support(case: Case, stored: dict) -> dict:
    train = case.split.train
    rests_on = support.measure(train, case.lists, stored)
    promise = support.promised(case, accounts(train, case.settings.profiles), stored)
    return {"support": rests_on | promise}


def attacked(
    case: Case, fit: Callable[[Interactions], object], *, limited: bool = False
) -> tuple[dict, np.ndarray]:
    """(the figures, lists [users, K] of the victim on clean data without the first target).

    Args:
        fit: how the victim is trained.
        limited: keep to `RETRAINING_SECONDS`.

    Raises:
        NotPossible: as `measure` says.
    """
    settings, train = case.settings, case.split.train
    started = time.perf_counter()
    clean = fit(train)
    seconds = time.perf_counter() - started
    targets = choose_targets(train, settings.targets, case.users, settings.seed)
    kinds = list(KINDS)
    if limited:
        affordable = max(1, int(RETRAINING_SECONDS / max(seconds, 1e-3)))
        targets = targets[: max(1, affordable // len(kinds))]
        kinds = kinds[: max(1, affordable // len(targets))]
    evaluators = {
        int(target): ManipulationEvaluator(train, [target], ks=(K,), users=case.users)
        for target in targets
    }
    before = {target: found.standing(clean) for target, found in evaluators.items()}
    rows, unfit = {}, {}
    for kind in kinds:
        try:
            poisoned = {target: injected(kind, train, target, settings) for target in evaluators}
        except ValueError as error:  # such as too few popular items for so long a profile
            unfit[kind] = str(error)
            continue
        effects = []
        for target, evaluator in evaluators.items():
            after = evaluator.standing(fit(poisoned[target].interactions))
            effects.append(
                (evaluator.metrics(before[target]), evaluator.metrics(after, before[target]))
            )
        rows[kind] = _row(effects) | {"found": detect(next(iter(poisoned.values())))}
    if not rows:
        raise NotPossible(
            f"Left out: no kind of fake profile fits the data. {unfit_in_words(unfit)}"
        )
    figures = {
        "profiles": accounts(train, settings.profiles),
        "fillers": fillers(train),
        "targets": [str(train.items.ids[target]) for target in evaluators],
        "target_counts": [int(train.item_counts()[target]) for target in evaluators],
        "kinds": rows,
        "left_out": len(KINDS) - len(kinds),
        "unfit": unfit,
        "worst": max(rows, key=lambda kind: rows[kind]["lift"]),
        "lift": max(row["lift"] for row in rows.values()),
        "found_least": min(max(row["found"].values()) for row in rows.values()),
        "users": train.num_users,
    }
    return figures, next(iter(before.values())).top_items[:, :K]


def unfit_in_words(unfit: dict[str, str]) -> str:
    """Kind -> why it does not fit the data, as text; a reason that several share stands once."""
    kinds: dict[str, list[str]] = {}
    for kind, why in unfit.items():
        kinds.setdefault(why, []).append(kind)
    return " ".join(f"{', '.join(alike)}: {why}" for why, alike in kinds.items())


def victim_of(case: Case) -> tuple[str, Callable[[Interactions], object]]:
    """(its name, how it is trained)."""
    if case.subject.fit is not None:
        return "the model itself, trained again", case.subject.fit
    train = case.split.train
    if EASE.fits(train):
        return "EASE in its place", lambda data: recipes.ease().train(data, seed=0).model
    return (
        "implicit factorization in its place",
        lambda data: recipes.wrmf().train(data, seed=0).model,
    )


def choose_targets(train: Interactions, count: int, users: np.ndarray, seed: int) -> np.ndarray:
    """Random items of the middle half by popularity, of which some of the users lack each.

    Raises:
        NotPossible: if there is none.
    """
    counts = train.item_counts()
    rated = np.flatnonzero((counts > 0) & (counts < len(users)))
    if not len(rated):
        raise NotPossible(
            "Left out: there is no item to push, since each has an interaction of as many users as "
            f"are measured ({len(users):,})."
        )
    low, high = np.quantile(counts[rated], [0.25, 0.75])
    middle = rated[(counts[rated] >= low) & (counts[rated] <= high)]
    rng = np.random.default_rng(seed)
    return np.sort(rng.choice(middle, min(count, len(middle)), replace=False))


def accounts(train: Interactions, asked: int | None) -> int:
    """Fake profiles of each kind: `ACCOUNTS` unless a number is asked for, and then at most
    `MOST_OF_USERS` of the users with an interaction, at least one."""
    if asked is not None:
        return asked
    users = int((train.user_counts() > 0).sum())
    return min(ACCOUNTS, max(1, int(MOST_OF_USERS * users)))


def fillers(train: Interactions) -> int:
    """Items that a fake profile rates beside its target: what the median user has."""
    counts = train.by_user().counts
    return int(min(np.median(counts[counts > 0]), train.num_items - 1))


def injected(kind: str, train: Interactions, target: int, settings) -> Poisoned:
    """The training part with the profiles of one kind for one target."""
    rng = np.random.default_rng([settings.seed, KINDS.index(kind), target])
    attack = ATTACKS[kind].build(
        num_profiles=accounts(train, settings.profiles), num_fillers=fillers(train)
    )
    targets = np.array([target])
    profiles = attack.profiles(train, targets, rng=rng)
    return inject(train, profiles, targets=targets, attack=kind, rng=rng)


def detect(poisoned: Poisoned) -> dict[str, float]:
    """Detector -> average precision of the fakes among all users, at their share in the file;
    detectors that refuse the data, such as for too few users, are left out."""
    found = {}
    for name in DETECTED_BY:
        try:
            detector = DETECTORS[name].build(0).fit(poisoned.interactions)
            scores = detector.score(poisoned.interactions)
        except ValueError:
            continue
        found[name] = average_precision(poisoned.is_fake, scores, base_rate=None)
    return found or {"none": 0.0}


def _row(effects: list[tuple[dict, dict]]) -> dict:
    """Means over targets of what `ManipulationEvaluator` says before and after."""
    hit = f"target_hit_rate@{K}"
    before, after = (np.mean([effect[i][hit] for effect in effects]) for i in (0, 1))
    return {
        "hit_rate_before": float(before),
        "hit_rate_after": float(after),
        "lift": float(after - before),
        "rank_before": float(np.mean([effect[0]["target_rank"] for effect in effects])),
        "rank_after": float(np.mean([effect[1]["target_rank"] for effect in effects])),
        "list_overlap": float(np.mean([effect[1][f"list_overlap@{K}"] for effect in effects])),
    }
