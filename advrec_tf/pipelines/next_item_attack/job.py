"""What `advrec attack --run-dir` does: every attack on a trained next-item model, every defence.

Histories are polluted at the time of the answer; fake users come in before learning, so that each
of those attacks trains the model again. The report is plain types; `page` makes it readable.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from advrec_tf.attacks.sequential.edits import KINDS
from advrec_tf.data.next_item import queries_of
from advrec_tf.models.baselines import Popularity
from advrec_tf.models.sequential.transitions import Transitions
from advrec_tf.ops.files import atomic_bytes
from advrec_tf.pipelines.attack.cell import require_fraction, require_one_group
from advrec_tf.pipelines.attack.setting import GROUPS, OWN, choose_targets, items_of
from advrec_tf.pipelines.ending import command_line
from advrec_tf.pipelines.next_item_attack import defences, page, plots
from advrec_tf.pipelines.next_item_attack.opening import TrainedRun
from advrec_tf.pipelines.next_item_attack.pollution import points_of, pollution_curves
from advrec_tf.pipelines.next_item_attack.promotion import (
    ADAPTIVE,
    POISONINGS,
    Audience,
    attack_of,
    poisoned_training,
    usual_length,
)
from advrec_tf.pipelines.progress import LOG

ALL = "all"
ATTACKS = (*KINDS, *POISONINGS, ADAPTIVE)
SEARCHES = ("random", "greedy", "gradient")
EDITS = (1, 2, 5, 10)
"""By default, those that are no more than the model reads."""

DRAWN = tuple(group for group in GROUPS if group not in (OWN, "published"))
"""Groups of targets that are drawn from any data."""

FIRST_SIZE = 0.2
"""The smaller of the two sizes that fake users are tried in, as a part of the larger."""

FIGURES, PAGE = "attack.json", "attack.md"


def run(
    trained: TrainedRun,
    *,
    attack: str = ALL,
    defence: str = ALL,
    group: str | None = None,
    own_targets: Sequence[str] = (),
    per_group: int = 5,
    size: float = 0.05,
    edits: Sequence[int] | None = None,
    max_users: int = 300,
    out: str | os.PathLike | None = None,
    log: Callable[[str], None] = LOG.info,
) -> dict:
    """The report, after it was written.

    Args:
        trained: what is attacked.
        attack: a name of `ATTACKS`, or all.
        defence: a name of `defences.DEFENCES`, which then stands beside none, or all.
        group: of targets, "popular", "mid" or "tail"; by default mid where there are such items.
        own_targets: ids of items to promote instead.
        per_group: targets of a group.
        size: fake users as a fraction of the real ones, for all targets together.
        edits: numbers of edits of a history, by default `EDITS`.
        max_users: so many users are asked for, drawn at random.
        out: a folder for the report, the page and its plots.

    Raises:
        ValueError: if a name is unknown or a number out of range.
    """
    length = trained.model.length
    check(attack=attack, defence=defence, group=group, size=size, edits=edits, length=length)
    edits = sorted(set(edits or (n for n in EDITS if n <= length)))
    asked = ATTACKS if attack == ALL else (attack,)
    chosen = defences.DEFENCES
    if defence != ALL:
        chosen = tuple(dict.fromkeys((defences.NONE, defence)))
    targets, group = _targets(trained, group, own_targets, per_group)
    audience = audience_of(trained, targets, max_users)
    detector = defences.trusted_detector(trained.split.train, length)
    train = trained.split.train
    report = {
        "command": command_line(),
        "run": str(trained.folder),
        "model": trained.name,
        "data_sha256": trained.split.fingerprint(),
        "users": train.num_users,
        "items": train.num_items,
        "asked_users": len(audience.histories),
        "targets": [str(train.items.ids[target]) for target in targets],
        "group": group,
        "epochs": trained.epochs,
        "detector": defences.about_detector(detector, train, audience.histories),
        "beside": {
            name: points_of(model.fit(train), {0: audience.histories}, audience.next_items)[0]
            for name, model in (("popularity", Popularity()), ("transitions", Transitions()))
        },
    }
    report["pollution"] = [
        record
        for name in chosen
        if name in defences.ANSWERING
        for record in _polluted(trained, name, asked, edits, audience, detector, log)
    ]
    report["promotion"] = _promoted(trained, asked, chosen, size, audience, max_users, log)
    if out is not None:
        _write(report, Path(out))
    return report


def audience_of(trained: TrainedRun, targets: np.ndarray, max_users: int) -> Audience:
    """The users with one test item, or a sample of them; their histories as the model reads them.

    Raises:
        ValueError: if there is none.
    """
    queries = queries_of(trained.split)
    single = np.flatnonzero(
        (np.bincount(queries.target_query, minlength=len(queries)) == 1) & (queries.lengths > 0)
    )
    if not len(single):
        raise ValueError(
            "The test part should have users with a history and one item to find, as the split "
            f"last_item has. Received the split {trained.split.name!r} without."
        )
    rng = np.random.default_rng(0)
    drawn = np.sort(rng.choice(single, min(max_users, len(single)), replace=False))
    asked = queries.select(drawn)
    return Audience(
        histories=asked.padded(np.arange(len(asked)), trained.model.length),
        next_items=asked.target_item,
        targets=targets,
    )


def _polluted(trained, defence, asked, edits, audience, detector, log) -> list[dict]:
    """The curves of one defence: the next item pushed down, and for each user one of the targets
    pushed up."""
    answering = defences.behind(defence, trained.model, detector)
    found = []
    for promoted in (None, audience.one_target_each()):
        kinds = [kind for kind in KINDS if kind in asked and (promoted is None or kind != "delete")]
        started = time.perf_counter()
        curves = pollution_curves(
            answering,
            audience.histories,
            audience.next_items,
            kinds=kinds,
            searches=SEARCHES,
            budgets=edits,
            promoted=promoted,
            watching=detector,
        )
        goal = "lower the next item" if promoted is None else "raise a target"
        found += [{"defence": defence, "goal": goal, **curve} for curve in curves]
        if curves:
            seconds = time.perf_counter() - started
            log(f"histories polluted to {goal}, defence {defence}: {seconds:.0f} s")
    return found


def _promoted(trained, asked, chosen, size, audience, max_users, log) -> list[dict]:
    """A record for each attack by fake users, size and defence, the clean model first."""
    names = [name for name in (*POISONINGS, ADAPTIVE) if name in asked]
    if not names:
        return []
    train = trained.split.train
    length = usual_length(train, trained.model.length)
    detectors = defences.detectors_of(train, trained.model)
    detector = next(iter(detectors.values()))
    trainings = len(names) * 2 * (1 + (defences.REMOVAL in chosen))
    log(
        f"{trainings} trainings on fake users follow; that of the run took "
        f"{trained.seconds:.0f} s for {trained.epochs} epochs or more."
    )
    found = _answers(trained.model, chosen, audience, {"attack": "none", "size": 0.0})
    for name in names:
        for part in (FIRST_SIZE * size, size):
            fakes = attack_of(name, max(1, round(part * train.num_users)), length, detector)
            data, about = poisoned_training(
                train, fakes, audience.targets, detectors=detectors, most=max_users
            )
            cell = {"attack": name, "size": part, "fake_users": fakes.num_users}
            found += _answers(trained.fit(data), chosen, audience, {**cell, **about})
            if defences.REMOVAL in chosen:
                kept = defences.without_suspicious(data, detector)
                standing = audience.standing(trained.fit(kept))
                found.append({**cell, **about, "defence": defences.REMOVAL, **standing})
            log(
                f"{name}, {fakes.num_users} fake users: a target is in "
                f"{found[-1]['target_hit_rate']:.1%} of the lists, defence {found[-1]['defence']}"
            )
    return found


def _answers(model, chosen, audience: Audience, cell: dict) -> list[dict]:
    """What a trained model answers, as it is and smoothed: purification is of polluted histories,
    and those of the real users are their own."""
    scorers = {defences.NONE: model, defences.SMOOTHING: defences.smoothed(model)}
    return [
        {**cell, "defence": name, **audience.standing(scorer)}
        for name, scorer in scorers.items()
        if name in chosen
    ]


def _targets(trained, group, own_targets, per_group) -> tuple[np.ndarray, str]:
    train = trained.split.train
    require_one_group(group, own_targets)
    if own_targets:
        return np.array(items_of(train, own_targets)), OWN
    groups = choose_targets(train, per_group=per_group, seed=0)
    group = group or ("mid" if "mid" in groups else next(iter(groups)))
    if group not in groups:
        raise ValueError(
            f"`targets` should be one of {', '.join(groups)} (the groups that these data have "
            f"items in). Received: {group!r}."
        )
    return np.array(groups[group]), group


def check(
    *,
    length: int,
    attack: str = ALL,
    defence: str = ALL,
    group: str | None = None,
    size: float = 0.05,
    edits: Sequence[int] | None = None,
    **others,
) -> None:
    """Refuse settings of `run` that are wrong whatever the data are.

    Args:
        length: the most items of a history that the model reads.
        others: settings that are read beside the data, not looked at.

    Raises:
        ValueError: if a name is unknown or a number out of range.
    """
    require_fraction(size)
    for kind, name, known in (
        ("attack", attack, (ALL, *ATTACKS)),
        ("defence", defence, (ALL, *defences.DEFENCES)),
        ("targets", group, (None, *DRAWN)),
    ):
        if name not in known:
            raise ValueError(
                f"`{kind}` should be one of {', '.join(filter(None, known))} for a next-item "
                f"model. Received: {name!r}."
            )
    if edits is not None and not (edits and min(edits) >= 1 and max(edits) <= length):
        raise ValueError(
            f"`edits` should be numbers from 1 to {length}: the longest history that the model "
            f"reads has {length} items. Received: {list(edits)!r}."
        )


def _write(report: dict, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    drawn = plots.draw_all(report, folder)
    atomic_bytes(folder / FIGURES, json.dumps(report, indent=2) + "\n", overwrite=True)
    atomic_bytes(folder / PAGE, page.markdown(report, drawn), overwrite=True)
