"""One cell of the benchmark: attack x victim x defence on one target with one seed.

Profiles are written once for an attack, a target, a size and a seed, whatever they are tried on,
and every result is a stage of the run folder. A cell sees the truth about fakes only to measure.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from collections.abc import Callable

import numpy as np

from advrec_tf.attacks.heuristic import Attack, SegmentAttack
from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.attacks.threat_model import informed
from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.defence.adaptive import BestResponse
from advrec_tf.defence.detectors.pca_var_select import PCAVarSelect
from advrec_tf.defence.registry import DEFENCES
from advrec_tf.evaluation.attack_effect import ManipulationEvaluator
from advrec_tf.evaluation.classification import area_under_curve
from advrec_tf.evaluation.detection import average_precision
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import Recommender
from advrec_tf.pipelines.attack.setting import EvaluationSetting, load_setting
from advrec_tf.pipelines.stages import StageResult, StageStore

NONE = "none"
ADAPTIVE = "adaptive"
COLLATERAL = ("ndcg@10", "recall@20")
KNOWN = "as written"
SURROGATE_KINDS = {"biased_mf": "ratings", "wrmf": "implicit"}
ADAPTIVE_CANDIDATES = ("average", "segment", "average_over_popular", "aush", "copy_of_four")
"""What the adaptive attacker chooses from: also what no rule of `SimulatedAttackForest` was made
for, and what
gives nobody a double."""


def require_share(size: float) -> None:
    """Raises:
    ValueError: if the size of an attack is no share of the users in (0, 1].
    """
    if not 0 < size <= 1:
        raise ValueError(f"`size` should be a share in (0, 1]. Received: {size!r}.")


@dataclasses.dataclass(frozen=True, kw_only=True, order=True)
class Cell:
    """What is attacked, how, against what.

    Attributes:
        attack: in `ATTACKS`; "none" for no attack; "adaptive" for the best response of
            `ADAPTIVE_CANDIDATES` to defence and victim.
        victim, defence: in `VICTIMS` and `DEFENCES`.
        group: of targets, see `setting.GROUPS`.
        target: item index.
        size: fake profiles as a share of the real users.
        seed: of attack, victim and defence.
        knowledge: of `knowledge.LEVELS`; "as written" leaves an attack all rows and the
            surrogate of its registry entry.

    Raises:
        ValueError: if the size is no share.
    """

    attack: str
    victim: str
    defence: str = NONE
    group: str = "published"
    target: int
    size: float = 0.05
    seed: int = 0
    knowledge: str = KNOWN

    def __post_init__(self):
        require_share(self.size)

    def name(self) -> str:
        """A stage's name, file-safe."""
        parts = (self.attack, self.victim, self.defence, self.group, self.target)
        name = "-".join(map(str, (*parts, f"{self.size:g}", self.seed)))
        if self.knowledge != KNOWN:
            name += f"-{self.knowledge}"
        return name.replace("+", "_and_").replace(" ", "_")


def unfit(cell: Cell, setting: EvaluationSetting) -> str | None:
    """Why a cell cannot be run on this data, or None."""
    has_ratings = setting.split.train.rating is not None
    traits = VICTIMS[cell.victim].traits
    if "ratings" in traits and not has_ratings:
        return f"{cell.victim} needs ratings"
    if cell.attack in ATTACKS and ATTACKS[cell.attack].ratings and not has_ratings:
        return f"{cell.attack} needs ratings"
    offered = traits | ({"ratings"} if has_ratings else set())
    missing = DEFENCES[cell.defence].needs - offered
    if missing:
        return f"{cell.defence} needs {', '.join(sorted(missing))}"
    if DEFENCES[cell.defence].trim and not {"ratings", "als"} <= traits:
        return f"{cell.defence} needs a factorization of ratings by least squares"
    if cell.knowledge != KNOWN and cell.victim not in SURROGATE_KINDS:
        return f"levels of knowledge need a surrogate of the kind of {cell.victim}"
    return None


class Bench:
    """Runs cells of one evaluation setting, results in `store`.

    Args:
        fillers: items a fake profile rates beside the target; None is the evaluation setting's
        number.
    """

    def __init__(
        self, setting: EvaluationSetting, store: StageStore, *, fillers: int | None = None
    ):
        self.setting, self.store = setting, store
        self.train = setting.split.train
        self.fillers = fillers or setting.fillers
        self.ranking = RankingEvaluator(self.train, setting.split.test, ks=(10, 20))
        self._clean = functools.lru_cache(maxsize=16)(self._train_clean)

    def run(self, cell: Cell) -> dict:
        """The measures of a cell, from the store where they are.

        Raises:
            ValueError: if the cell is unfit for the data.
        """
        why = unfit(cell, self.setting)
        if why is not None:
            raise ValueError(f"`cell` should fit the data and the victim: {why}. Received: {cell}.")

        return self.store.run(cell.name(), lambda _: StageResult(self._measure(cell), {})).summary

    def has(self, cell: Cell) -> bool:
        """Is the cell measured already?"""
        return self.store.has(cell.name())

    def num_profiles(self, size: float) -> int:
        """At least one."""
        return max(1, round(size * self.train.num_users))

    def attack_of(self, cell: Cell) -> Attack:
        """The attack with the cell's budget; segments are the published ones where there are."""
        budget = {"num_profiles": self.num_profiles(cell.size), "num_fillers": self.fillers}
        if cell.attack == ADAPTIVE:
            return self._best_response(cell)
        attack = ATTACKS[cell.attack].build(**budget)
        segment = self.setting.segments.get(cell.target)
        if isinstance(attack, SegmentAttack) and segment is not None:
            attack = dataclasses.replace(attack, segment=segment)
        if cell.knowledge != KNOWN:
            attack = informed(attack, cell.knowledge, victim_kind=SURROGATE_KINDS[cell.victim])
        return attack

    def _best_response(self, cell: Cell) -> BestResponse:
        """His copy of the victim goes on from a clean one where the victim does; its seed is his
        own."""

        def surrogate(rows, defence, seed):
            start = None
            if VICTIMS[cell.victim].warm:
                start, _ = self._clean(cell.victim, cell.seed + 1000)
            return train_defended(cell.victim, rows, defence, seed=seed, start=start)

        offered = [name for name in ADAPTIVE_CANDIDATES if self._can_write(name)]
        return BestResponse(
            candidates=tuple(
                self.attack_of(dataclasses.replace(cell, attack=name)) for name in offered
            ),
            defence=DEFENCES[cell.defence],
            surrogate=surrogate,
            evading=2,
        )

    def _can_write(self, attack: str) -> bool:
        return self.train.rating is not None or not ATTACKS[attack].ratings

    def poisoned(self, cell: Cell) -> tuple[Poisoned, float]:
        """The data with the fakes in it, and the seconds that writing them took."""
        shared = dataclasses.replace(cell, victim="any", defence=NONE)
        if cell.attack == ADAPTIVE or cell.knowledge != KNOWN:
            shared = cell  # knows the victim, and the defence
        stored = self.store.run(f"profiles-{shared.name()}", lambda _: self._write_profiles(cell))
        profiles = np.zeros(stored.summary["shape"], np.float32)
        profiles[stored.arrays["row"], stored.arrays["item"]] = stored.arrays["rating"]
        poisoned = inject(
            self.train,
            profiles,
            targets=np.array([cell.target]),
            attack=cell.attack,
            rng=np.random.default_rng([cell.seed, 1]),
        )
        return poisoned, stored.summary["seconds"]

    def _write_profiles(self, cell: Cell) -> StageResult:
        started = time.perf_counter()
        profiles = self.attack_of(cell).profiles(
            self.train,
            np.array([cell.target]),
            rng=np.random.default_rng([cell.seed, cell.target]),
        )
        seconds = time.perf_counter() - started
        row, item = np.nonzero(profiles)
        summary = {"seconds": seconds, "shape": list(profiles.shape)}
        arrays = {"row": row, "item": item, "rating": profiles[row, item]}
        return StageResult(summary, arrays)

    def _train_clean(self, victim: str, seed: int) -> tuple[Recommender, dict[str, float]]:
        """The victim on clean data without a defence, and its ranking of honest users."""
        model = VICTIMS[victim].train(self.train, seed=seed)
        found = self.ranking.evaluate(model).metrics
        return model, {name: found[name] for name in COLLATERAL}

    def _measure(self, cell: Cell) -> dict:
        clean, accuracy = self._clean(cell.victim, cell.seed)
        evaluator = ManipulationEvaluator(self.train, [cell.target])
        before = evaluator.standing(clean)
        attacked = cell.attack != NONE
        data, summary = self.train, {**dataclasses.asdict(cell)}
        if attacked:
            poisoned, summary["generation_seconds"] = self.poisoned(cell)
            data = poisoned.interactions
            summary |= stealth(poisoned)
        started = time.perf_counter()
        defence = DEFENCES[cell.defence]
        rows = defence.rows(data, seed=cell.seed)
        model = clean
        if attacked or cell.defence != NONE:
            start = clean if VICTIMS[cell.victim].warm and attacked else None
            model = train_defended(cell.victim, rows, defence, seed=cell.seed, start=start)
        summary["training_seconds"] = time.perf_counter() - started
        after = evaluator.standing(model)
        found = self.ranking.evaluate(model).metrics
        summary |= evaluator.metrics(after, before)
        summary |= {name: found[name] for name in COLLATERAL}
        summary |= {f"{name}, clean": value for name, value in accuracy.items()}
        standing = evaluator.metrics(before)
        summary |= {
            f"{name}, clean": standing[name] for name in standing if name.startswith("target_")
        }
        if attacked and rows.suspicion is not None:
            summary["defence_auc"] = area_under_curve(poisoned.is_fake.astype(int), rows.suspicion)
        return summary


def open_bench(
    data: str,
    *,
    run_dir: str | os.PathLike,
    resume: bool = False,
    fillers: int | None = None,
    per_group: int = 5,
    **columns,
) -> Bench:
    """The bench of `data` over a run folder, for the first process of a run and for all others.

    Raises:
        as `load_setting` and `StageStore` do.
    """
    setting = load_setting(data, per_group=per_group, **columns)
    # What a cell's result depends on beside the cell: other cells may join the same run folder.
    identity = {
        "job": "robustness",
        "data": setting.split.fingerprint(),
        "fillers": fillers or setting.fillers,
        "per_group": per_group,
    }
    return Bench(setting, StageStore(run_dir, identity, resume=resume), fillers=fillers)


def train_defended(victim: str, rows, defence, *, seed: int, start=None) -> Recommender:
    """A victim on what a defence hands it, with its weights, wrapper and trimming."""
    traits = VICTIMS[victim].traits
    wrap: Callable | None = None
    if "gradient" in traits:

        def wrap(model):
            return defence.wrap(model, rows, seed=seed)

    return VICTIMS[victim].train(
        rows.interactions,
        seed=seed,
        start=start,
        weight=rows.weight,
        wrap=wrap,
        trim=defence.trim if {"ratings", "als"} <= traits else 0.0,
    )


def stealth(poisoned: Poisoned) -> dict[str, float]:
    """How far fake profiles lie from real ones, the targets aside.

    `pca_auc` and `pca_ap`: PCA-VarSelect, the classic detector, at a base rate of 1 %;
    `rating_distance`: total variation between the ratings of fake and of real rows, in [0, 1];
    `popularity_distance`: the same between items, over ten classes of popularity.
    """
    data, fake = poisoned.interactions, poisoned.fake_rows()
    suspicion = PCAVarSelect().fit(data).score(data)
    labels = poisoned.is_fake.astype(int)
    result = {
        "pca_auc": area_under_curve(labels, suspicion),
        "pca_ap": average_precision(labels, suspicion),
    }
    other = ~np.isin(data.item_index, poisoned.targets)
    counts = np.bincount(data.item_index[~fake], minlength=data.num_items)
    tenth = np.argsort(np.argsort(-counts, kind="stable")) * 10 // data.num_items
    columns = {"popularity_distance": tenth[data.item_index]}
    if data.rating is not None:
        columns["rating_distance"] = np.unique(data.rating, return_inverse=True)[1]
    for name, column in columns.items():
        size = column.max() + 1
        shares = [np.bincount(column[p & other], minlength=size) for p in (fake, ~fake)]
        if shares[0].sum():
            a, b = (fraction / fraction.sum() for fraction in shares)
            result[name] = float(np.abs(a - b).sum() / 2)
    return result


def check_names(
    attack: str, victim: str, defence: str, group: str, setting: EvaluationSetting
) -> None:
    """Before any work.

    Raises:
        ValueError: if a name is unknown, or the data has no such group of targets.
    """
    for kind, name, known in (
        ("attack", attack, (NONE, *ATTACKS, ADAPTIVE)),
        ("victim", victim, (*VICTIMS,)),
        ("defence", defence, (*DEFENCES,)),
        ("targets", group, (*setting.targets,)),
    ):
        if name not in known:
            why = " (the groups that these data have items in)" if kind == "targets" else ""
            raise ValueError(
                f"`{kind}` should be one of {', '.join(known)}{why}. Received: {name!r}."
            )
