"""All parts of the study of detectors: attacks unseen in training, labeled sets, click fraud.

Every fit and test of a detector is an entry of the harness, so a stopped run goes on where it was.
The three parts are in `unseen`, `labeled` and `clicks`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from advrec_tf.defence.registry import DETECTORS
from advrec_tf.pipelines.machine import versions
from advrec_tf.pipelines.stages import StageStore
from experiments.detection import pools
from experiments.detection.clicks import click_frauds
from experiments.detection.labeled import labeled_set
from experiments.detection.unseen import unseen_attacks

NEED_NEIGHBORS_LABELS = ("fap", "neighborhood-forest")
"""Detectors that need labels of users who share items with the tested ones: where attacks are
unseen there are none, so they are tested on labeled sets alone."""

PARTS = ("unseen", "labeled", "clicks")
LABELED_SETS = ("amazon", "averageattack")


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
    parts: Sequence[str] = PARTS,
    against_learned: Sequence[str] | None = None,
    on_labeled: Sequence[str] | None = None,
    log: Callable[[str], None] = print,
) -> dict:
    """The parts that are asked for, or all; the report as JSON values.

    Args:
        sets: shilling sets of unseen attacks.
        seeds: halvings of the users, and seeds on labeled sets.
        targets: of every attack.
        learned: attacks that are optimized or learned, of `pools.LEARNED`.
        detectors: names in `DETECTORS`; by default all.
        against_learned, on_labeled: those of them that are tested on learned attacks, and on
            labeled sets, which are larger and fitted in five folds; by default all.

    Raises:
        ValueError: if a detector, an attack or a part is unknown.
    """
    chosen = list(DETECTORS) if detectors is None else list(detectors)
    for name, given, known in (
        ("detectors", chosen, DETECTORS),
        ("learned", learned, pools.LEARNED),
        ("parts", parts, PARTS),
        ("against_learned", against_learned or (), chosen),
        ("on_labeled", on_labeled or (), chosen),
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
    # More seeds and sets may join a run, each set with its data's fingerprint in a part of its own.
    identity = {"job": "detection", "versions": versions(), "targets": targets}
    store = StageStore(run_dir, identity, resume=resume)
    against_unseen = [name for name in chosen if name not in NEED_NEIGHBORS_LABELS]
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
                against_learned=against_learned,
                log=log,
            )
            for name in (sets if "unseen" in parts else ())
        },
        "labeled": {
            name: labeled_set(
                store,
                name,
                detectors=[n for n in chosen if on_labeled is None or n in on_labeled],
                seeds=seeds,
                log=log,
            )
            for name in (LABELED_SETS if "labeled" in parts else ())
        },
        "clicks": click_frauds(store, seeds=click_seeds, log=log) if "clicks" in parts else {},
    }
