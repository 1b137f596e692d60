"""The grid: which cells are measured, in which order, and what they come to together.

Parts: *attacks* on the victims that attacks are published on; *transfer* of the same profiles to
other victims; *knowledge* of the attacker; *defences*, the adaptive attacker included;
*trade_off*, one defence made stricter and laxer; *hardening*, adversarial training of a victim
that is trained by gradients; and *sizes* of attacks. The curves, vectors perturbed by a growing
epsilon, need no fake user. Cells that do not fit the data are counted with their reason.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.attacks.threat_model import LEVELS
from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.defence.registry import DEFENCES, STRICTNESS
from advrec_tf.evaluation.robustness import KINDS, robustness_curve, vectors_of
from advrec_tf.perturbations import NORMS
from advrec_tf.pipelines.attack.cell import (
    ADAPTIVE,
    NONE,
    SURROGATE_KINDS,
    UNRESTRICTED,
    Cell,
    require_fraction,
    why_unfit,
)
from advrec_tf.pipelines.attack.runner import CellRunner
from advrec_tf.pipelines.attack.setting import GROUPS, AttackSetting
from advrec_tf.pipelines.attack.summary import aggregate
from advrec_tf.pipelines.processes import in_order
from advrec_tf.pipelines.stages import StageResult

SIZES = (0.003, 0.005, 0.01, 0.03, 0.05)
EPSILONS = (0.1, 0.25, 0.5, 1.0)
CELLS_A_PROCESS = 40
ADVERSARIAL = ("apr", "pgd", "noise", "vulnerability-aware")
BY_OVERLAP = "remove-suspicious-by-overlap"
HARDENING = (NONE, *ADVERSARIAL, BY_OVERLAP)

DEFAULTS: Mapping[str, tuple[str, ...]] = {
    "attacks": (NONE, *ATTACKS),
    "victims": ("biased_mf", "wrmf"),
    "other_attacks": (
        "random",
        "average",
        "segment",
        "love-hate",
        "average-over-popular",
        "aush",
    ),
    "transfer_attacks": ("random", "average", "segment", "aush", "revadv"),
    "transfer_victims": tuple(v for v in VICTIMS if v not in ("biased_mf", "wrmf")),
    "informed_attacks": ("average", "aush", "revadv"),
    "informed_victims": ("biased_mf", "wrmf"),
    "defences": tuple(d for d in DEFENCES if d not in (*ADVERSARIAL, *STRICTNESS)),
    "defended_victims": ("biased_mf",),
    "defended_attacks": (
        "random",
        "average",
        "segment",
        "average-over-popular",
        "aush",
        "copy-of-four",
        ADAPTIVE,
    ),
    "defended_groups": (),
    "strictness": (BY_OVERLAP, *STRICTNESS),
    "strict_attacks": ("segment", "aush", ADAPTIVE),
    "hardened_victims": ("mf_bpr",),
    "hardened_attacks": ("average", "segment", "aush", "revadv", ADAPTIVE),
    "sized_attacks": ("random", "average", "segment", "aush"),
    "sized_victims": ("biased_mf", "wrmf"),
    "curve_victims": ("mf_bpr", "apr"),
    "groups": GROUPS[1:],
}
"""List of names -> its default; what each is for says the help text of its option."""


def _known(name: str) -> set[str]:
    """The names that a list may hold."""
    if name.endswith("groups"):
        return {*GROUPS}
    if name.endswith("victims"):
        return {*SURROGATE_KINDS} if name == "informed_victims" else {*VICTIMS}
    if name in ("defences", "strictness"):
        return {*DEFENCES}
    if name in ("defended_attacks", "strict_attacks", "hardened_attacks"):
        return {*ATTACKS, ADAPTIVE}
    return {*ATTACKS, NONE} if name == "attacks" else {*ATTACKS}


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridSettings:
    """What the grid spans.

    Attributes:
        names: list -> names; lists that are absent have their `DEFAULTS`.
        targets: targets of the first group in the first part.
        other_targets: targets of the other groups, and of the first group in the other parts.
        seeds: seeds 0, 1, ... of heuristic and obfuscated attacks in the first part.
        other_seeds: seeds of learned and optimized attacks there, and of defences, trade-off,
            hardening and sizes; the other parts have seed 0.
        size: fake profiles per real user, except in the part of sizes.

    Raises:
        ValueError: if a list or a name is unknown or the size is no fraction.
    """

    names: Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    targets: int = 5
    other_targets: int = 2
    seeds: int = 2
    other_seeds: int = 1
    size: float = 0.053

    def __post_init__(self):
        require_fraction(self.size)
        for name, values in self.names.items():
            if name not in DEFAULTS:
                raise ValueError(
                    f"`names` should hold lists of {', '.join(DEFAULTS)}. Received: {name!r}."
                )
            unknown = [value for value in values if value not in _known(name)]
            if unknown:
                raise ValueError(
                    f"`{name}` should be of {', '.join(sorted(_known(name)))}. "
                    f"Received: {unknown[0]!r}."
                )
        object.__setattr__(self, "names", {**DEFAULTS, **self.names})


def cells_of(settings: GridSettings, setting: AttackSetting) -> dict[str, list[Cell]]:
    """Part -> its cells, seeds outermost in each, so that a stopped grid has whole seeds.

    Attacks that demote are tried on popular targets alone, since what nobody is shown cannot fall.

    Raises:
        ValueError: if the data has none of the groups of targets.
    """
    names, more = settings.names, settings.other_seeds
    groups = [group for group in names["groups"] if group in setting.targets]
    if not groups:
        raise ValueError(
            f"`groups` should name one of {', '.join(setting.targets)}, which these data have "
            f"items in. Received: {', '.join(names['groups'])}."
        )

    def targets(of_groups, count):
        return [(g, target) for g in of_groups for target in setting.targets.get(g, ())[:count]]

    first = targets(groups[:1], settings.targets)
    others = targets(groups[1:], settings.other_targets)
    popular = [(group, target) for group, target in first + others if group == "popular"]
    fewer = first[: settings.other_targets]
    defended = targets(names["defended_groups"] or groups[:1], settings.other_targets)

    def cells(attacks, victims, aims, *, seeds=1, **lists) -> list[Cell]:
        lists = {"defence": (NONE,), "size": (settings.size,), "knowledge": (UNRESTRICTED,)} | lists
        return [
            Cell(attack=attack, victim=v, group=group, target=t, seed=seed, **dict(zip(lists, own)))
            for seed, v, attack, (group, t), *own in itertools.product(
                range(seeds), victims, attacks, aims, *lists.values()
            )
        ]

    def is_cheap(attack):
        return attack == NONE or ATTACKS[attack].family in ("heuristic", "obfuscated")

    push = [a for a in names["attacks"] if a == NONE or ATTACKS[a].goal == "push"]
    nuke = [a for a in names["attacks"] if a not in push]
    common = [a for a in push if a == NONE or a in names["other_attacks"]]
    attacks_part = []
    for attacks, aims in ((push, first), (common, others), (nuke, popular)):
        for cheap, seeds in ((True, settings.seeds), (False, more)):
            own = [a for a in attacks if is_cheap(a) == cheap]
            attacks_part += cells(own, names["victims"], aims, seeds=seeds)

    def beside_none(part, victims, aims, **lists):
        return cells((NONE, *names[f"{part}_attacks"]), names[victims], aims, **lists)

    defences, strictness = names["defences"], names["strictness"]
    return {
        "attacks": attacks_part,
        "transfer": beside_none("transfer", "transfer_victims", fewer),
        "knowledge": cells(
            names["informed_attacks"], names["informed_victims"], fewer, knowledge=tuple(LEVELS)
        ),
        "defences": beside_none(
            "defended", "defended_victims", defended, defence=defences, seeds=more
        ),
        "trade_off": beside_none(
            "strict", "defended_victims", defended, defence=strictness, seeds=more
        ),
        "hardening": beside_none(
            "hardened", "hardened_victims", fewer, defence=HARDENING, seeds=more
        ),
        "sizes": cells(
            names["sized_attacks"], names["sized_victims"], fewer, size=SIZES, seeds=more
        ),
    }


def run(
    runner: CellRunner,
    settings: GridSettings,
    *,
    reopen: Callable[[], CellRunner] | None = None,
    workers: int = 0,
    log: Callable[[str], None] = print,
) -> dict:
    """All cells and curves; the report as JSON values.

    Args:
        reopen: opens the runner in another process; picklable. Needed with workers.
        workers: processes at once, which share the cores; 0 measures in this process.

    Raises:
        ChildProcessError: if a process failed or was killed; what is done is kept.
    """
    parts = cells_of(settings, runner.setting)
    every = list(itertools.chain(*parts.values()))
    if workers:
        _measure_in_processes(runner, every, reopen, workers, log)
    unfit = Counter(why for cell in every if (why := why_unfit(cell, runner.setting)))
    measured = {
        part: [runner.run(cell) for cell in cells if not why_unfit(cell, runner.setting)]
        for part, cells in parts.items()
    }
    curves = {
        victim: runner.store.run(
            f"evasion-{victim}", lambda _, victim=victim: _curve(runner, victim)
        ).summary
        for victim in settings.names["curve_victims"]
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
        "curves": curves,
        "seconds": sum(
            cell["training_seconds"] + cell.get("generation_seconds", 0.0)
            for cell in itertools.chain(*measured.values())
        ),
    }


def _measure_in_processes(
    runner: CellRunner,
    cells: Sequence[Cell],
    reopen: Callable[[], CellRunner],
    workers: int,
    log: Callable[[str], None],
) -> None:
    """Measure what is not measured yet, in processes that end after some cells: every trained
    model leaves its graph behind, and thousands of them fill the memory of any machine."""
    runner.store.claim()
    started = time.perf_counter()
    wanted = [cell for cell in dict.fromkeys(cells) if why_unfit(cell, runner.setting) is None]
    left = [cell for cell in wanted if not runner.has(cell)]
    batches = {str(number): batch for number, batch in enumerate(batches_of(left))}
    done = len(wanted) - len(left)

    def ended(label: str, _) -> None:
        nonlocal done
        done += len(batches[label])
        log(f"  {done}/{len(wanted)} cells, {time.perf_counter() - started:.0f} s")

    failed = in_order(
        {label: set() for label in batches},
        lambda label: functools.partial(_measure, reopen, batches[label]),
        ended,
        workers,
    )
    if failed:
        raise ChildProcessError(
            f"{len(failed)} of the {len(batches)} processes that measured the grid failed, one "
            f"with {next(iter(failed.values()))} What is done is kept: go on with --resume."
        )


def batches_of(cells: Sequence[Cell], *, size: int = CELLS_A_PROCESS) -> list[list[Cell]]:
    """Cells on the same fake profiles stay together; a batch has `size` cells or a few more."""
    groups: dict[tuple, list[Cell]] = {}
    for cell in cells:
        profiles = (cell.seed, cell.attack, cell.target, cell.size, cell.knowledge)
        groups.setdefault(profiles, []).append(cell)
    batches: list[list[Cell]] = []
    for group in groups.values():
        if not batches or len(batches[-1]) >= size:
            batches.append([])
        batches[-1] += group
    return batches


def _measure(reopen: Callable[[], CellRunner], cells: Sequence[Cell]) -> None:
    runner = reopen()
    for cell in cells:
        runner.run(cell)


def _curve(runner: CellRunner, victim: str) -> StageResult:
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
    return StageResult({"clean": clean, "points": points}, {})
