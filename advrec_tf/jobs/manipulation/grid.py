"""The grid: which cells are run, in which order, and what they come to together.

Three parts: attacks on every victim without a defence; defences against attacks, the adaptive one
included; and attack sizes from .3 to 5 %. A fourth, vectors perturbed by a growing epsilon, needs
no fake user. Cells that do not fit the data are named, never dropped in silence; a stopped grid
goes on where it was.
"""

from __future__ import annotations

import dataclasses
import itertools
import statistics
import time
from collections.abc import Callable, Iterable, Sequence

from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.defence.registry import DEFENCES
from advrec_tf.evaluation.robustness import robustness_curve, vectors_of
from advrec_tf.jobs.manipulation.arena import Arena
from advrec_tf.jobs.manipulation.cells import ADAPTIVE, NONE, Bench, Cell, unfit
from advrec_tf.jobs.stages import StageResult

SIZES = (0.003, 0.005, 0.01, 0.03, 0.05)
EPSILONS = (0.1, 0.25, 0.5, 1.0)
NOT_MEANS = ("attack", "victim", "defence", "group", "target", "size", "seed")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridSettings:
    """What the grid spans.

    Attributes:
        attacks, victims, defences: names; victims and attacks of the first part.
        defended_victims, defended_attacks: of the second part; "adaptive" may be an attack.
        sized_attacks: of the third.
        curve_victims: of the fourth; models of two matrices.
        groups: of targets.
        targets: of each group, at most.
        size: of the first two parts.
        seeds: 0, 1, ... of every cell.

    Raises:
        ValueError: if a name is unknown.
    """

    attacks: tuple[str, ...] = tuple(ATTACKS)
    victims: tuple[str, ...] = tuple(VICTIMS)
    defences: tuple[str, ...] = tuple(DEFENCES)
    defended_victims: tuple[str, ...] = ("biased_mf", "wrmf")
    defended_attacks: tuple[str, ...] = ("random", "average", "segment", ADAPTIVE)
    sized_attacks: tuple[str, ...] = ("random", "average", "segment")
    curve_victims: tuple[str, ...] = ("mf_bpr", "apr")
    groups: tuple[str, ...] = ("published", "popular", "mid", "tail")
    targets: int = 5
    size: float = 0.05
    seeds: int = 5

    def __post_init__(self):
        known = {
            "attacks": {*ATTACKS},
            "victims": {*VICTIMS},
            "defences": {*DEFENCES},
            "defended_victims": {*VICTIMS},
            "defended_attacks": {*ATTACKS, ADAPTIVE},
            "sized_attacks": {*ATTACKS},
            "curve_victims": {*VICTIMS},
        }
        for name, names in known.items():
            unknown = [value for value in getattr(self, name) if value not in names]
            if unknown:
                raise ValueError(
                    f"`{name}` should be of {', '.join(sorted(names))}. Received: {unknown[0]!r}."
                )


def cells_of(settings: GridSettings, arena: Arena) -> dict[str, list[Cell]]:
    """Part -> its cells, seeds outermost, so that a stopped grid has whole seeds."""
    targets = [
        (group, target)
        for group in settings.groups
        for target in arena.targets.get(group, ())[: settings.targets]
    ]
    first = targets[: settings.targets]  # defences and sizes: the first group alone

    def cells(seed, attacks, victims, defences, sizes, targets) -> Iterable[Cell]:
        for victim, defence, size, attack, (group, target) in itertools.product(
            victims, defences, sizes, attacks, targets
        ):
            yield Cell(
                attack=attack,
                victim=victim,
                defence=defence,
                group=group,
                target=target,
                size=size,
                seed=seed,
            )

    parts: dict[str, list[Cell]] = {"attacks": [], "defences": [], "sizes": []}
    for seed in range(settings.seeds):
        whole = (settings.size,)
        parts["attacks"] += cells(
            seed, (NONE, *settings.attacks), settings.victims, (NONE,), whole, targets
        )
        parts["defences"] += cells(
            seed,
            (NONE, *settings.defended_attacks),
            settings.defended_victims,
            settings.defences,
            whole,
            first,
        )
        sized = tuple(v for v in settings.victims if v in settings.defended_victims)
        parts["sizes"] += cells(seed, settings.sized_attacks, sized, (NONE,), SIZES, first)
    return parts


def run(bench: Bench, settings: GridSettings, *, say: Callable[[str], None] = print) -> dict:
    """All cells and curves; the report, JSON-able."""
    parts = cells_of(settings, bench.arena)
    total = sum(len(cells) for cells in parts.values())
    left_out: dict[str, int] = {}
    done, started, results = 0, time.perf_counter(), {}
    for part, cells in parts.items():
        rows = []
        for cell in cells:
            done += 1
            why = unfit(cell, bench.arena)
            if why is not None:
                left_out[why] = left_out.get(why, 0) + 1
                continue
            rows.append(bench.run(cell))
            if done % 25 == 0:
                say(f"  {done}/{total} cells, {time.perf_counter() - started:.0f} s")
        results[part] = aggregate(rows)
    curves = {}
    for victim in settings.curve_victims:
        curves[victim] = bench.store.run(
            f"curve-{victim}", lambda _, victim=victim: _curve(bench, victim)
        ).summary
    return {
        "data": bench.arena.name,
        "users": bench.train.num_users,
        "items": bench.train.num_items,
        "rows": len(bench.train),
        "fillers": bench.fillers,
        "profiles": bench.num_profiles(settings.size),
        "targets": {g: list(t)[: settings.targets] for g, t in bench.arena.targets.items()},
        "settings": dataclasses.asdict(settings),
        "left_out": left_out,
        "parts": results,
        "curves": curves,
        "seconds": time.perf_counter() - started,
    }


def aggregate(rows: Sequence[dict]) -> list[dict]:
    """One row for each attack, victim, defence, group and size: means over targets, then over
    seeds, with the deviation over seeds under `deviation` where there are several."""
    grouped: dict[tuple, dict[int, list[dict]]] = {}
    keys = ("attack", "victim", "defence", "group", "size")
    for row in rows:
        of_seed = grouped.setdefault(tuple(row[key] for key in keys), {})
        of_seed.setdefault(row["seed"], []).append(row)
    result = []
    for key, of_seeds in grouped.items():
        means = []
        for of_seed in of_seeds.values():
            names = [n for n in of_seed[0] if n not in NOT_MEANS]
            means.append({n: statistics.fmean(r[n] for r in of_seed if n in r) for n in names})
        row = dict(zip(keys, key, strict=True))
        row["targets"], row["seeds"] = len(next(iter(of_seeds.values()))), len(of_seeds)
        row |= {name: statistics.fmean(m[name] for m in means) for name in means[0]}
        if len(means) > 1:
            row["deviation"] = {n: statistics.stdev(m[n] for m in means) for n in means[0]}
        result.append(row)
    return result


def _curve(bench: Bench, victim: str) -> StageResult:
    """NDCG@10 lost to perturbed vectors, by kind and epsilon, relative to each row's norm."""
    model = VICTIMS[victim].train(bench.train, seed=0)
    vectors_of(model)
    curve = robustness_curve(model, bench.train, bench.ranking, EPSILONS, relative=True)
    return StageResult(
        {
            "clean": curve.clean["ndcg@10"],
            "points": [
                {"kind": p.kind, "epsilon": p.epsilon, "ndcg@10": p.metrics["ndcg@10"]}
                for p in curve.points
            ],
        },
        {},
    )
