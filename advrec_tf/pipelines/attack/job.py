"""What `advrec attack` does: an attack, victim and defence on targets and seeds."""

from __future__ import annotations

import dataclasses
import json
import os
import tempfile
from collections.abc import Callable, Sequence

from advrec_tf.ops.files import atomic_bytes
from advrec_tf.pipelines.attack.cell import ADAPTIVE, NONE, Cell, check_names, require_fraction
from advrec_tf.pipelines.attack.evidence import of_target
from advrec_tf.pipelines.attack.runner import CellRunner
from advrec_tf.pipelines.attack.setting import load_setting
from advrec_tf.pipelines.attack.summary import aggregate, lines_of
from advrec_tf.pipelines.stages import StageStore


def run(
    data: str,
    *,
    attack: str,
    victim: str,
    defence: str,
    group: str | None = None,
    own_targets: Sequence[str] = (),
    per_group: int = 5,
    size: float = 0.05,
    fillers: int | None = None,
    seeds: int = 1,
    out: str | os.PathLike | None = None,
    overwrite: bool = False,
    log: Callable[[str], None] = print,
    **columns,
) -> dict:
    """The mean over the targets of a group and over seeds, after it was printed.

    Args:
        data, own_targets, per_group, columns: as `load_setting` takes them.
        attack, victim, defence, size: as `Cell` takes them.
        group: of targets, each of which is attacked alone; by default the first that there is.
        fillers: as `CellRunner` takes it.
        seeds: repetitions, with the seeds 0, 1, ...
        out: a JSON file for the mean and for every measurement.
        overwrite: whether `out` may replace a file.

    Raises:
        ValueError: if a name or the size is refused, or the data cannot be read.
    """
    require_fraction(size)
    setting = load_setting(data, per_group=per_group, own_targets=own_targets, **columns)
    group = group or next(iter(setting.targets))
    check_names(attack, victim, defence, group, setting)
    for note in setting.notes:
        log(note)
    if setting.shift:
        log(
            f"Ratings were shifted by {setting.shift:+g}, so that the lowest is 1: in a fake "
            "profile 0 is an item that is not rated."
        )
    log(f"{setting.split!r}")
    log(f"targets ({group}): {', '.join(str(setting.id_of(t)) for t in setting.targets[group])}")
    with tempfile.TemporaryDirectory() as folder:
        runner = CellRunner(setting, StageStore(folder, {}), fillers=fillers)
        cells = [
            Cell(
                attack=attack,
                victim=victim,
                defence=defence,
                group=group,
                target=target,
                size=size,
                seed=seed,
            )
            for seed in range(seeds)
            for target in setting.targets[group]
        ]
        measured = [runner.run(cell) | _evidence(runner, cell) for cell in cells]
        bare = []
        # What a defence buys is seen beside the same fakes without it; an adaptive attacker has
        # others there.
        if defence != NONE and attack not in (NONE, ADAPTIVE):
            bare = [runner.run(dataclasses.replace(cell, defence=NONE)) for cell in cells]
    (mean,) = aggregate(measured)
    (undefended,) = aggregate(bare) if bare else (None,)
    log("\n" + "\n".join(lines_of(mean, undefended)))
    if out is not None:
        found = {"mean": mean, "cells": measured}
        if bare:
            found |= {"undefended": undefended, "undefended_cells": bare}
        content = json.dumps(found, indent=2) + "\n"
        atomic_bytes(out, content, overwrite=overwrite)
        log(f"\nreport       {out}")
    return mean


def _evidence(runner: CellRunner, cell: Cell) -> dict[str, float]:
    """What the target's score rests on, see `evidence.of_target`; nothing without an attack."""
    if cell.attack == NONE:
        return {}
    return of_target(runner.train, runner.poisoned(cell)[0].interactions, cell.target)
