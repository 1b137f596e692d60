"""The grid: which cells are run, in which order, and what they come to together.

Parts: attacks on the victims that attacks are published on; the same fakes against victims their
writer never thought of (*transfer*); attackers who know less (*knowledge*); defences, the adaptive
attacker included; one of them made stricter and laxer (*trade-off*); adversarial training of a
victim trained by gradients (*hardening*); and attack sizes from .3 to 5 %. The last, vectors
perturbed by a growing epsilon, needs no fake user. Cells that do not fit the data are named, never
dropped in silence; a stopped grid goes on where it was.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import statistics
import time
from collections.abc import Callable, Sequence

from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.attacks.threat_model import LEVELS
from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.defence.registry import DEFENCES, STRICTNESS
from advrec_tf.evaluation.robustness import KINDS, robustness_curve, vectors_of
from advrec_tf.perturbations import NORMS
from advrec_tf.pipelines.attack.cell import (
    ADAPTIVE,
    KNOWN,
    NONE,
    SURROGATE_KINDS,
    Bench,
    Cell,
    require_share,
    unfit,
)
from advrec_tf.pipelines.attack.setting import EvaluationSetting
from advrec_tf.pipelines.processes import in_order
from advrec_tf.pipelines.stages import StageResult

SIZES = (0.003, 0.005, 0.01, 0.03, 0.05)
EPSILONS = (0.1, 0.25, 0.5, 1.0)
CELLS_A_PROCESS = 40
ADVERSARIAL = ("APR", "PGD", "noise", "VAT")
HARDENING = (NONE, *ADVERSARIAL, "scrub by overlap")
NOT_MEANS = ("attack", "victim", "defence", "group", "target", "size", "seed", "knowledge")


@dataclasses.dataclass(frozen=True, kw_only=True)
class GridSettings:
    """What the grid spans.

    Attributes:
        attacks, victims: of the first part; attacks that nuke are tried on popular targets alone,
            since what nobody is shown cannot fall.
        other_attacks: those of them that are tried on the targets of every group; the others on
            the first group's.
        transfer_attacks, transfer_victims: of the second.
        informed_attacks, informed_victims: of the third, at every level of `attacks.knowledge`.
        defences, defended_victims, defended_attacks: of the fourth; "adaptive" may be an attack.
        defended_groups: of targets there and in the trade-off; none: the first group.
        strictness, strict_attacks: defences of the trade-off, on the victims of the fourth part;
            those that are also in `defences` stand for themselves.
        hardened_victims, hardened_attacks: of the fifth, with the defences of `HARDENING`; the
            same.
        sized_attacks, sized_victims: of the sixth.
        curve_victims: of the last; models of two matrices.
        groups: of targets.
        targets: of the first group, in the first part.
        few_targets: of the other groups, and of the first group in the other parts.
        size: fakes per real user, but in the sixth part.
        seeds: 0, 1, ... of attacks by rule in the first part.
        few_seeds: of learned and optimized attacks there, and of defences, trade-off, hardening and
            sizes; the other parts have seed 0.

    Raises:
        ValueError: if a name is unknown or the size no share.
    """

    attacks: tuple[str, ...] = (NONE, *ATTACKS)
    victims: tuple[str, ...] = ("biased_mf", "wrmf")
    other_attacks: tuple[str, ...] = (
        "random",
        "average",
        "segment",
        "love_hate",
        "average_over_popular",
        "aush",
    )
    transfer_attacks: tuple[str, ...] = ("random", "average", "segment", "aush", "revadv")
    transfer_victims: tuple[str, ...] = tuple(v for v in VICTIMS if v not in ("biased_mf", "wrmf"))
    informed_attacks: tuple[str, ...] = ("average", "aush", "revadv")
    informed_victims: tuple[str, ...] = ("biased_mf", "wrmf")
    defences: tuple[str, ...] = tuple(d for d in DEFENCES if d not in (*ADVERSARIAL, *STRICTNESS))
    defended_victims: tuple[str, ...] = ("biased_mf",)
    defended_attacks: tuple[str, ...] = (
        "random",
        "average",
        "segment",
        "average_over_popular",
        "aush",
        "copy_of_four",
        ADAPTIVE,
    )
    defended_groups: tuple[str, ...] = ()
    strictness: tuple[str, ...] = ("scrub by overlap", *STRICTNESS)
    strict_attacks: tuple[str, ...] = ("segment", "aush", ADAPTIVE)
    hardened_victims: tuple[str, ...] = ("mf_bpr",)
    hardened_attacks: tuple[str, ...] = ("average", "segment", "aush", "revadv", ADAPTIVE)
    sized_attacks: tuple[str, ...] = ("random", "average", "segment", "aush")
    sized_victims: tuple[str, ...] = ("biased_mf", "wrmf")
    curve_victims: tuple[str, ...] = ("mf_bpr", "apr")
    groups: tuple[str, ...] = ("published", "popular", "mid", "tail")
    targets: int = 5
    few_targets: int = 2
    size: float = 0.053
    seeds: int = 2
    few_seeds: int = 1

    def __post_init__(self):
        require_share(self.size)
        known = {
            "attacks": {NONE, *ATTACKS},
            "other_attacks": {*ATTACKS},
            "transfer_attacks": {*ATTACKS},
            "informed_attacks": {*ATTACKS},
            "defended_attacks": {*ATTACKS, ADAPTIVE},
            "hardened_attacks": {*ATTACKS, ADAPTIVE},
            "strict_attacks": {*ATTACKS, ADAPTIVE},
            "sized_attacks": {*ATTACKS},
            "informed_victims": {*SURROGATE_KINDS},
            "defences": {*DEFENCES},
            "strictness": {*DEFENCES},
        }
        known |= {
            f"{part}victims": {*VICTIMS}
            for part in ("", "transfer_", "defended_", "hardened_", "sized_", "curve_")
        }
        for name, names in known.items():
            unknown = [value for value in getattr(self, name) if value not in names]
            if unknown:
                raise ValueError(
                    f"`{name}` should be of {', '.join(sorted(names))}. Received: {unknown[0]!r}."
                )


def cells_of(settings: GridSettings, setting: EvaluationSetting) -> dict[str, list[Cell]]:
    """Part -> its cells, seeds outermost in each, so that a stopped grid has whole seeds.

    Raises:
        ValueError: if the data has none of the groups of targets.
    """
    groups = [group for group in settings.groups if group in setting.targets]
    if not groups:
        raise ValueError(
            f"`groups` should name one of {', '.join(setting.targets)}, which these data have "
            f"items "
            f"in. Received: {', '.join(settings.groups)}."
        )
    count = {g: settings.few_targets if n else settings.targets for n, g in enumerate(groups)}
    every = [(group, t) for group in groups for t in setting.targets[group][: count[group]]]
    popular = [(group, t) for group, t in every if group == "popular"]
    first = [(group, t) for group, t in every if group == groups[0]]
    few = first[: settings.few_targets]
    defended = [
        (group, target)
        for group in settings.defended_groups or groups[:1]
        for target in setting.targets.get(group, ())[: settings.few_targets]
    ]

    def cells(attacks, victims, targets, *, seeds=1, **lists) -> list[Cell]:
        lists = {"defence": (NONE,), "size": (settings.size,), "knowledge": (KNOWN,)} | lists
        return [
            Cell(attack=attack, victim=v, group=group, target=t, seed=seed, **dict(zip(lists, own)))
            for seed, v, attack, (group, t), *own in itertools.product(
                range(seeds), victims, attacks, targets, *lists.values()
            )
        ]

    def cheap(attack):
        return attack == NONE or ATTACKS[attack].family in ("heuristic", "obfuscated")

    push = [a for a in settings.attacks if a == NONE or ATTACKS[a].goal == "push"]
    nuke = [a for a in settings.attacks if a not in push]
    common = [a for a in push if a == NONE or a in settings.other_attacks]
    first_part = []
    for attacks, targets in ((push, first), (common, every[len(first) :]), (nuke, popular)):
        by_rule, written = ([a for a in attacks if cheap(a) == side] for side in (True, False))
        first_part += cells(by_rule, settings.victims, targets, seeds=settings.seeds)
        first_part += cells(written, settings.victims, targets, seeds=settings.few_seeds)
    return {
        "attacks": first_part,
        "transfer": cells((NONE, *settings.transfer_attacks), settings.transfer_victims, few),
        "knowledge": cells(
            settings.informed_attacks, settings.informed_victims, few, knowledge=tuple(LEVELS)
        ),
        "defences": cells(
            (NONE, *settings.defended_attacks),
            settings.defended_victims,
            defended,
            defence=settings.defences,
            seeds=settings.few_seeds,
        ),
        "trade_off": cells(
            (NONE, *settings.strict_attacks),
            settings.defended_victims,
            defended,
            defence=settings.strictness,
            seeds=settings.few_seeds,
        ),
        "hardening": cells(
            (NONE, *settings.hardened_attacks),
            settings.hardened_victims,
            few,
            defence=HARDENING,
            seeds=settings.few_seeds,
        ),
        "sizes": cells(
            settings.sized_attacks,
            settings.sized_victims,
            few,
            size=SIZES,
            seeds=settings.few_seeds,
        ),
    }


def run(
    bench: Bench,
    settings: GridSettings,
    *,
    fresh: Callable[[], Bench] | None = None,
    workers: int = 0,
    say: Callable[[str], None] = print,
) -> dict:
    """All cells and curves; the report, JSON-able.

    Args:
        fresh: makes the bench anew in another process; picklable. Needed with workers.
        workers: processes at once, which share the cores; 0 measures here.

    Raises:
        ChildProcessError: if a process failed or was killed; what is done is kept.
    """
    parts = cells_of(settings, bench.setting)
    if workers:
        _fill(bench, list(itertools.chain(*parts.values())), fresh, workers, say)
    total = sum(len(cells) for cells in parts.values())
    left_out: dict[str, int] = {}
    done, started, results, seconds = 0, time.perf_counter(), {}, 0.0
    for part, cells in parts.items():
        rows = []
        for cell in cells:
            done += 1
            why = unfit(cell, bench.setting)
            if why is not None:
                left_out[why] = left_out.get(why, 0) + 1
                continue
            rows.append(bench.run(cell))
            seconds += rows[-1]["training_seconds"] + rows[-1].get("generation_seconds", 0.0)
            if done % 25 == 0:
                say(f"  {done}/{total} cells, {time.perf_counter() - started:.0f} s")
        results[part] = aggregate(rows)
    curves = {}
    for victim in settings.curve_victims:
        curves[victim] = bench.store.run(
            f"evasion-{victim}", lambda _, victim=victim: _curve(bench, victim)
        ).summary
    return {
        "data": bench.setting.name,
        "users": bench.train.num_users,
        "items": bench.train.num_items,
        "rows": len(bench.train),
        "fillers": bench.fillers,
        "shift": bench.setting.shift,
        "profiles": bench.num_profiles(settings.size),
        "targets": {
            group: [bench.setting.id_of(target) for target in targets]
            for group, targets in targets_of(parts["attacks"]).items()
        },
        "settings": dataclasses.asdict(settings),
        "left_out": left_out,
        "parts": results,
        "curves": curves,
        "seconds": seconds,
    }


def _fill(
    bench: Bench,
    cells: Sequence[Cell],
    fresh: Callable[[], Bench],
    workers: int,
    say: Callable[[str], None],
) -> None:
    """Measure what is not measured yet, in processes that end after some cells: every trained model
    leaves its graph behind, and thousands of them fill the memory of any machine."""
    bench.store.claim()
    started = time.perf_counter()
    wanted = [cell for cell in dict.fromkeys(cells) if unfit(cell, bench.setting) is None]
    left = [cell for cell in wanted if not bench.has(cell)]
    shares = {str(number): fraction for number, fraction in enumerate(shares_of(left))}
    done = len(wanted) - len(left)

    def ended(label: str, _) -> None:
        nonlocal done
        done += len(shares[label])
        say(f"  {done}/{len(wanted)} cells, {time.perf_counter() - started:.0f} s")

    failed = in_order(
        {label: set() for label in shares},
        lambda label: functools.partial(_measure, fresh, shares[label]),
        ended,
        workers,
    )
    if failed:
        raise ChildProcessError(
            f"{len(failed)} of the {len(shares)} processes that measured the grid failed, one with "
            f"{next(iter(failed.values()))} What is done is kept: go on with --resume."
        )


def shares_of(cells: Sequence[Cell], *, size: int = CELLS_A_PROCESS) -> list[list[Cell]]:
    """Cells on the same fakes are not parted; a share has `size` of them or a few more."""
    groups: dict[tuple, list[Cell]] = {}
    for cell in cells:
        fakes = (cell.seed, cell.attack, cell.target, cell.size, cell.knowledge)
        groups.setdefault(fakes, []).append(cell)
    shares: list[list[Cell]] = []
    for group in groups.values():
        if not shares or len(shares[-1]) >= size:
            shares.append([])
        shares[-1] += group
    return shares


def _measure(fresh: Callable[[], Bench], cells: Sequence[Cell]) -> None:
    bench = fresh()
    for cell in cells:
        bench.run(cell)


def targets_of(cells: Sequence[Cell]) -> dict[str, list[int]]:
    """Group -> its targets among the cells."""
    found: dict[str, list[int]] = {}
    for cell in cells:
        if cell.target not in found.setdefault(cell.group, []):
            found[cell.group].append(cell.target)
    return found


def aggregate(rows: Sequence[dict]) -> list[dict]:
    """One row for each attack, victim, defence, group, size and knowledge.

    Means over targets, then over seeds, with the deviation over seeds under `deviation` where
    there are several.
    """
    grouped: dict[tuple, dict[int, list[dict]]] = {}
    keys = ("attack", "victim", "defence", "group", "size", "knowledge")
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
    """NDCG@10 under perturbed vectors by kind, norm and epsilon, relative to each row's norm."""
    model = VICTIMS[victim].train(bench.train, seed=0)
    vectors_of(model)
    points, clean = [], {}
    for norm in NORMS:
        curve = robustness_curve(
            model,
            bench.train,
            bench.ranking,
            EPSILONS,
            kinds=tuple(KINDS),
            relative=True,
            norm=norm,
        )
        clean = curve.clean
        points += [
            {"kind": p.kind, "norm": norm, "epsilon": p.epsilon, "ndcg@10": p.metrics["ndcg@10"]}
            for p in curve.points
        ]
    return StageResult({"clean": clean["ndcg@10"], "points": points}, {})
