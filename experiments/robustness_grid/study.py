"""The grid as a study of the harness, and what its cells come to together.

An entry is a cell of `cells`, or the curves of one victim: its vectors perturbed by a growing
epsilon, which needs no fake user. Cells that do not fit the data are counted with their reason.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
from collections import Counter
from collections.abc import Callable

from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.evaluation.robustness import KINDS, robustness_curve, vectors_of
from advrec_tf.perturbations import NORMS
from advrec_tf.pipelines.attack.cell import Cell, why_unfit
from advrec_tf.pipelines.attack.runner import CellRunner
from advrec_tf.pipelines.attack.summary import aggregate
from experiments.harness.entries import Entry
from experiments.harness.results import Result
from experiments.harness.sweep import Study, sweep
from experiments.robustness_grid.cells import GridSettings, cells_of

EPSILONS = (0.1, 0.25, 0.5, 1.0)
CELLS_A_PROCESS = 40
_CURVES = "curves of {}"


def study_of(runner: CellRunner, settings: GridSettings) -> Study:
    """An entry for every cell that fits the data, and one for the curves of every victim.

    A cell has a seed of its own, so all entries are measured once. Those on the same fake profiles
    are a family. A process ends after some of them: every trained model leaves its graph behind,
    and thousands of them fill the memory of any machine.
    """

    def of_cell(cell: Cell) -> Entry:
        profiles = (cell.seed, cell.attack, cell.target, cell.size, cell.knowledge)
        return Entry(
            train=lambda task: Result(runner.measure(cell)), seeded=False, family=str(profiles)
        )

    def of_curves(victim: str) -> Entry:
        return Entry(train=lambda task: _curves(runner, victim), seeded=False)

    cells = itertools.chain(*cells_of(settings, runner.setting).values())
    entries = {
        cell.name(): of_cell(cell) for cell in cells if why_unfit(cell, runner.setting) is None
    }
    curves = {_CURVES.format(v): of_curves(v) for v in settings.names["curve_victims"]}
    return Study(name="grid", entries=entries | curves, per_process=CELLS_A_PROCESS)


def _reopened(reopen: Callable[[], CellRunner], settings: GridSettings) -> Study:
    return study_of(reopen(), settings)


def run(
    runner: CellRunner,
    settings: GridSettings,
    *,
    reopen: Callable[[], CellRunner] | None = None,
    workers: int | None = None,
    log: Callable[[str], None] = print,
) -> dict:
    """All cells and curves; the report as JSON values.

    Args:
        reopen: opens the runner in another process; picklable. Needed with workers.
        workers: as `sweep` takes them.

    Raises:
        ChildProcessError: if a process failed or was killed; what is done is kept.
    """
    study = study_of(runner, settings)
    build = functools.partial(_reopened, reopen, settings)
    found = sweep(study, runner.store, seeds=[0], workers=workers, build=build, log=log)
    if found.failed:
        raise ChildProcessError(
            f"{len(found.failed)} of {len(study.entries)} cells were not measured, one with "
            f"{next(iter(found.failed.values()))} What is done is kept: go on with --resume."
        )
    parts = cells_of(settings, runner.setting)
    unfit = Counter(
        why for cell in itertools.chain(*parts.values()) if (why := why_unfit(cell, runner.setting))
    )
    measured = {
        part: [found.results[c.name()][0].metrics for c in cells if c.name() in found.results]
        for part, cells in parts.items()
    }
    targets: dict[str, list] = {}
    for group, target in dict.fromkeys((cell.group, cell.target) for cell in parts["attacks"]):
        targets.setdefault(group, []).append(runner.setting.id_of(target))
    return {
        "data": runner.setting.name,
        "users": runner.train.num_users,
        "items": runner.train.num_items,
        "interactions": len(runner.train),
        "fillers": runner.fillers,
        "shift": runner.setting.shift,
        "profiles": runner.num_profiles(settings.size),
        "targets": targets,
        "settings": dataclasses.asdict(settings),
        "left_out": dict(unfit),
        "parts": {part: aggregate(cells) for part, cells in measured.items()},
        "curves": {
            victim: dict(found.results[_CURVES.format(victim)][0].metrics)
            for victim in settings.names["curve_victims"]
        },
        "seconds": sum(
            cell["training_seconds"] + cell.get("generation_seconds", 0.0)
            for cell in itertools.chain(*measured.values())
        ),
    }


def _curves(runner: CellRunner, victim: str) -> Result:
    """NDCG@10 under perturbed vectors by kind, norm and epsilon, relative to a vector's norm."""
    model = VICTIMS[victim].train(runner.train, seed=0)
    vectors_of(model)
    curves = {
        norm: robustness_curve(
            model,
            runner.train,
            runner.ranking,
            EPSILONS,
            kinds=tuple(KINDS),
            relative=True,
            norm=norm,
        )
        for norm in NORMS
    }
    points = [
        {"kind": p.kind, "norm": norm, "epsilon": p.epsilon, "ndcg@10": p.metrics["ndcg@10"]}
        for norm, curve in curves.items()
        for p in curve.points
    ]
    clean = next(iter(curves.values())).clean["ndcg@10"]
    return Result({"clean": clean, "points": points})
