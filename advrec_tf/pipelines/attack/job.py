"""What `advrec attack` does: an attack, victim and defence on targets and seeds."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import statistics
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from advrec_tf.attacks.rating_statistics import shift_in_words
from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.defence.registry import VERIFIED, asks_who_is_verified, default_for
from advrec_tf.ops.files import atomic_bytes
from advrec_tf.ops.stored import read_json
from advrec_tf.ops.words import enumerated
from advrec_tf.pipelines.attack import page
from advrec_tf.pipelines.attack.bounded import bounded
from advrec_tf.pipelines.attack.cell import (
    KNOWING,
    NONE,
    Cell,
    check_names,
    require_fraction,
    require_one_group,
    why_unfit,
)
from advrec_tf.pipelines.attack.certificates import certified
from advrec_tf.pipelines.attack.evidence import of_target, sentences
from advrec_tf.pipelines.attack.runner import JOB, VERIFIED_SHARE, CellRunner, runner_in
from advrec_tf.pipelines.attack.setting import AttackSetting, load_setting
from advrec_tf.pipelines.attack.summary import aggregate
from advrec_tf.pipelines.ending import command_line
from advrec_tf.pipelines.stages import StageResult, require_free

SIZE = 0.05
"""Fake profiles as a fraction of the real users, by default."""


def run(
    data: str,
    *,
    attack: str,
    victim: str,
    defence: str | None = None,
    group: str | None = None,
    own_targets: Sequence[str] = (),
    per_group: int = 5,
    size: float | None = None,
    fillers: int | None = None,
    seeds: int = 1,
    certify: int = 0,
    verified_share: float | None = None,
    out: str | os.PathLike | None = None,
    run_dir: str | os.PathLike | None = None,
    resume: bool = False,
    overwrite: bool = False,
    log: Callable[[str], None] = print,
    **columns,
) -> dict:
    """The mean over the targets of a group and over seeds, after it was printed.

    Args:
        data, own_targets, per_group, columns: as `load_setting` takes them.
        attack, victim, defence: as `Cell` takes them; by default the defence is that of
            `registry.default_for`.
        size: as `Cell` takes it, by default `SIZE`.
        group: of targets, each of which is attacked alone; by default the first that there is.
        fillers: as `CellRunner` takes it.
        seeds: repetitions, with the seeds 0, 1, ...
        verified_share: as `CellRunner` takes it, for the defences and certificates that ask for it.
        certify: base models of the certified ensemble, see `certificates.certified`; 0 for none.
        out: a JSON file for the mean and for every measurement, with a page .md beside it.
        run_dir: the folder of the stages of the run, which `resume` goes on with; by default they
            are not kept.
        overwrite: whether `out` and its page may replace files, and without `resume` the run an
            earlier one in `run_dir`.

    Raises:
        ValueError: if a name or a number is refused, or `size` or `fillers` is given without an
            attack, or the data cannot be read.
        FileExistsError: if `run_dir` holds a run, and neither `resume` nor `overwrite` is given,
            or, with `resume` alone, `out` is the report of an attack with other settings.
    """
    if defence is None:
        known = VICTIMS.get(victim)  # one that is not known is refused below
        defence = default_for(known.traits if known else frozenset())
    # Certificates are counted against as many fakes as an attack of this size has.
    _require_attack(attack, fillers=fillers, size=None if certify else size)
    size = SIZE if size is None else size
    require_fraction(size)
    require_one_group(group, own_targets)
    if verified_share is not None and not certify and not asks_who_is_verified(defence):
        raise ValueError(
            f"`verified_share` should be given beside a defence with {' or '.join(VERIFIED)} or "
            "beside `certify`, which ask who is known to be real. Received: "
            f"{verified_share!r} and the defence {defence!r}."
        )
    verified_share = VERIFIED_SHARE if verified_share is None else verified_share
    if not 0 < verified_share <= 1:
        raise ValueError(f"`verified_share` should be in (0, 1]. Received: {verified_share!r}.")
    if certify < 0:
        raise ValueError(f"`certify` should be 0 or a number of models. Received: {certify!r}.")
    if run_dir is not None and not resume:
        replaceable = _holds_attack(Path(run_dir))
        if not (overwrite and replaceable):
            require_free(run_dir, replaceable=replaceable)
    setting = load_setting(data, per_group=per_group, own_targets=own_targets, **columns)
    group = group or next(iter(setting.targets))
    check_names(attack, victim, defence, group, setting)
    for note in setting.notes:
        log(note)
    if setting.shift:
        log(shift_in_words(setting.shift))
    log(f"{setting.split!r}")
    log(f"targets ({group}): {', '.join(str(setting.id_of(t)) for t in setting.targets[group])}")
    asked = {"attack": attack, "victim": victim, "defence": defence, "group": group, "size": size}
    cells = [
        Cell(**asked, target=target, seed=seed)
        for seed in range(seeds)
        for target in setting.targets[group]
    ]
    _require_fit(cells[0], setting)
    settings = {**asked, "seeds": seeds, "certify": certify, "verified_share": verified_share}
    if out is not None and resume and not overwrite:
        _require_same(Path(out), settings)
    if run_dir is not None and overwrite and not resume:
        _remove_run(Path(run_dir))
    with tempfile.TemporaryDirectory() as folder:
        runner = runner_in(
            run_dir or folder,
            setting,
            resume=resume,
            fillers=fillers,
            per_group=per_group,
            verified_share=verified_share,
            replaceable=run_dir is not None and _holds_attack(Path(run_dir)),
        )
        report = _measure(runner, cells) | {
            "users": runner.train.num_users,
            "items": runner.train.num_items,
            "interactions": len(runner.train),
            "command": command_line(),
            "settings": settings,
            "accounts": runner.num_profiles(size),
            "fillers": runner.fillers,
            "certificates": _certificates(runner, certify, size),
            "bounded": _bounded(runner) if certify else None,
        }
    log("\n".join(page.lines_of(report)))
    if out is not None:
        path = Path(out)
        replace = overwrite or resume
        atomic_bytes(path, json.dumps(report, indent=2) + "\n", overwrite=replace)
        atomic_bytes(path.with_suffix(".md"), page.markdown(report), overwrite=replace)
        log(f"\npage         {path.with_suffix('.md')}\nreport       {out}")
    return report["mean"]


def _require_attack(attack: str, **of_fakes: float | None) -> None:
    """Refuse what says how fake users are where there are none.

    Raises:
        ValueError: if such a setting is given beside no attack.
    """
    given = {name: value for name, value in of_fakes.items() if value is not None}
    if attack == NONE and given:
        names = enumerated(f"`{name}`" for name in given)
        raise ValueError(
            f"{names} should be left out beside the attack {NONE!r}, which has no fake users. "
            f"Received: {enumerated(map(repr, given.values()))}."
        )


def _require_fit(cell: Cell, setting: AttackSetting) -> None:
    """Refuse what cannot be measured on these data before any work.

    Raises:
        ValueError: with the reason, and how ratings are read where they lack.
    """
    why = why_unfit(cell, setting)
    if why is None:
        return
    if setting.split.train.rating is None and "ratings" in why:
        why += ", and none were read; --rating-column names their column"
    raise ValueError(
        f"`victim`, `attack` and `defence` should fit the data and each other: {why}. "
        f"Received: {cell.victim}, {cell.attack} and {cell.defence}."
    )


def _measure(runner: CellRunner, cells: Sequence[Cell]) -> dict:
    """The measures of all cells and their mean; of an attack on a defended model also those of the
    attack without the defence, and of the defence without the attack."""
    measured = [
        runner.run(cell) | _evidence(runner, cell) | _chosen(runner, cell) for cell in cells
    ]
    (mean,) = aggregate(measured)
    found = {"mean": mean, "cells": measured, "targets": _targets(runner, measured)}
    # What a defence buys is seen beside the same fakes without it, though they were made against it
    # by an attacker who knows it.
    if cells[0].defence != NONE and cells[0].attack != NONE:
        bare = [
            runner.run(
                dataclasses.replace(cell, defence=NONE),
                fakes_of=cell if cell.attack in KNOWING else None,
            )
            | _evidence(runner, cell)
            for cell in cells
        ]
        (found["undefended"],) = aggregate(bare)
        found["undefended_cells"] = bare
        alone = [runner.run(dataclasses.replace(cell, attack=NONE)) for cell in cells]
        (found["defence_alone"],) = aggregate(alone)
        found["defence_alone_cells"] = alone
    return found


def _stage(runner: CellRunner, name: str, compute: Callable[[], dict]) -> dict:
    return runner.store.run(name, lambda _: StageResult(compute(), {})).summary


def _certificates(runner: CellRunner, models: int, size: float) -> dict | None:
    if not models:
        return None
    accounts = runner.num_profiles(size)
    name = f"certificates-{models}-{accounts}"
    split = runner.setting.split
    return _stage(runner, name, lambda: certified(split.train, split.test, models, [accounts]))


def _bounded(runner: CellRunner) -> dict:
    split = runner.setting.split
    return _stage(runner, "bounded", lambda: bounded(split.train, split.test, runner.verified))


def _require_same(path: Path, settings: dict) -> None:
    """Refuse to replace the report of another attack.

    Raises:
        FileExistsError: if the file holds one that was asked for with other settings.
    """
    if not path.exists():
        return
    found = read_json(path, cure="--overwrite replaces it.").get("settings", {})
    changed = [
        f"{name} {found[name]} and not {value}"
        for name, value in settings.items()
        if name in found and found[name] != value
    ]
    if changed:
        raise FileExistsError(
            f"{path} should be the report of the same attack, to be resumed. It has "
            f"{', '.join(changed)}; `overwrite` beside `resume` replaces it and keeps what was "
            "measured."
        )


def _evidence(runner: CellRunner, cell: Cell) -> dict[str, float]:
    """What the target's score rests on, see `evidence.of_target`; nothing without an attack."""
    if cell.attack == NONE:
        return {}

    def compute():
        poisoned, _ = runner.poisoned(cell)
        accounts = np.flatnonzero(poisoned.is_fake)
        return of_target(runner.train, poisoned.interactions, cell.target, accounts)

    return _stage(runner, f"evidence-{cell.name()}", compute)


def _chosen(runner: CellRunner, cell: Cell) -> dict:
    """What an attacker chose who knows the defence, see `chosen.searched`; nothing of others."""
    if cell.attack not in KNOWING:
        return {}
    stored = runner.store.result(f"profiles-{cell.name()}").summary
    return {"chosen": stored["chosen"]} if "chosen" in stored else {}


def _targets(runner: CellRunner, measured: Sequence[dict]) -> list[dict]:
    """For each target of an attack its id, the means over seeds of its evidence, and sentences."""
    found = []
    for target in dict.fromkeys(cell["target"] for cell in measured):
        cells = [cell for cell in measured if cell["target"] == target]
        if cells[0]["attack"] == NONE:
            continue
        names = [name for name in cells[0] if name.startswith(_OF_EVIDENCE)]
        # A share is left out where the score is not positive, which a seed may change.
        means = {
            name: statistics.fmean(cell[name] for cell in cells if name in cell) for name in names
        }
        item_id = runner.setting.id_of(target)
        found.append({"item_id": item_id, **means, "words": sentences(item_id, means)})
    return found


_OF_EVIDENCE = (
    "target_raters",
    "target_effective_raters",
    "target_mean_score",
    "target_share_of_ten",
    "target_lift_of_accounts",
)


def _remove_run(folder: Path) -> None:
    """Remove the stages and the record that an earlier attack left in the folder; a run of another
    kind stays, and is refused by the store."""
    if _holds_attack(folder):
        shutil.rmtree(folder / "stages", ignore_errors=True)
        (folder / "run.json").unlink()


def _holds_attack(folder: Path) -> bool:
    record = folder / "run.json"
    if not record.exists():
        return False
    return read_json(record, cure="Remove it, or choose another folder.").get("job") == JOB
