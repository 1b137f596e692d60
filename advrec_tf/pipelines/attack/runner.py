"""Cells measured: fake profiles made once, victims trained on them, effects against clean models.

Profiles are made once for an attack, a target, a size and a seed, whatever victims and defences
they are tried on. Profiles and measurements are stages of a run folder, so a stopped run goes on
where it was. The truth about fakes enters only to measure.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import time

import numpy as np

from advrec_tf.attacks.heuristic import Attack, SegmentAttack
from advrec_tf.attacks.injection import Poisoned, inject
from advrec_tf.attacks.registry import ATTACKS
from advrec_tf.attacks.threat_model import informed
from advrec_tf.attacks.victims import VICTIMS
from advrec_tf.data.interactions import Interactions
from advrec_tf.defence.adaptive import BestResponse
from advrec_tf.defence.defences import Defence
from advrec_tf.defence.registry import DEFENCES, asks_who_is_verified
from advrec_tf.evaluation.attack_effect import ManipulationEvaluator, TargetStanding
from advrec_tf.evaluation.classification import area_under_curve
from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.models.base import Recommender
from advrec_tf.pipelines.attack.cell import (
    BEST_RESPONSE,
    KNOWING,
    NONE,
    SURROGATE_KINDS,
    UNRESTRICTED,
    Cell,
    why_unfit,
)
from advrec_tf.pipelines.attack.chosen import searched
from advrec_tf.pipelines.attack.defended import train_defended
from advrec_tf.pipelines.attack.responses import ADAPTIVE_CANDIDATES, best_response, within_pool
from advrec_tf.pipelines.attack.setting import AttackSetting, load_setting
from advrec_tf.pipelines.attack.stealth import stealth
from advrec_tf.pipelines.machine import versions
from advrec_tf.pipelines.stages import StageResult, StageStore

JOB = "robustness"
"""What the record of a run folder of cells says it is."""
RESULTS_VERSION = 2
"""Counts what figures of a cell mean; since 2 shifts are against the same defence unattacked."""
COLLATERAL = ("ndcg@10", "capped_recall@20")
"""Metrics of the ranking of honest users: what attack and defence cost everybody else."""


VERIFIED_SHARE = 0.2
"""Of the real users, who are known to be real where a defence asks for some."""


def verified_of(train: Interactions, share: float) -> np.ndarray:
    """The ids of a share of the users with interactions, drawn at random and always the same.

    Raises:
        ValueError: if the share is no fraction, or there are so few users that it is nobody.
    """
    users = np.flatnonzero(train.user_counts() > 0)
    count = round(share * len(users)) if 0 < share <= 1 else 0
    if not count:
        raise ValueError(
            "`verified_share` should be in (0, 1] and hold one of the "
            f"{len(users):,} users with interactions at least. Received: {share!r}."
        )
    chosen = np.random.default_rng(0).choice(users, count, replace=False)
    return train.users.ids[np.sort(chosen)]


class CellRunner:
    """Measures cells of one evaluation setting, with results in `store`.

    Args:
        fillers: items that a fake profile rates beside the target; None takes the evaluation
            setting's number.
        verified_share: share of the real users, drawn at random, who are known to be real by
            defences that ask for some, in (0, 1].
    """

    def __init__(
        self,
        setting: AttackSetting,
        store: StageStore,
        *,
        fillers: int | None = None,
        verified_share: float = VERIFIED_SHARE,
    ):
        self.setting, self.store = setting, store
        self.verified_share = verified_share
        self.train = setting.split.train
        self.fillers = fillers or setting.fillers
        self.ranking = RankingEvaluator(self.train, setting.split.test, ks=(10, 20))
        self._clean = functools.lru_cache(maxsize=16)(self._train_clean)
        self._unattacked = functools.lru_cache(maxsize=16)(self._train_unattacked)
        self._before = functools.lru_cache(maxsize=64)(self._stand_unattacked)
        self._stealth: dict[str, dict[str, float]] = {}

    def run(self, cell: Cell, *, fakes_of: Cell | None = None) -> dict:
        """The measures of a cell, from the store where they are; `fakes_of` as `measure` takes it.

        Raises:
            ValueError: as `measure` says.
        """
        if fakes_of is None:
            name, fakes_of = cell.name(), cell
        else:
            name = f"{cell.name()}-with-{fakes_of.name()}"
        result = self.store.run(name, lambda _: StageResult(self.measure(cell, fakes_of), {}))
        return result.summary

    def num_profiles(self, size: float) -> int:
        """Fake profiles of an attack of this size, at least one."""
        return max(1, round(size * self.train.num_users))

    @functools.cached_property
    def verified(self) -> np.ndarray:
        """The ids of the users who are known to be real, see `verified_of`."""
        return verified_of(self.setting.split.train, self.verified_share)

    def defence_of(self, cell: Cell) -> Defence:
        """The defence of the cell, which knows the verified users where it asks for them."""
        return self._defence(cell.defence)

    def _defence(self, name: str) -> Defence:
        defence = DEFENCES[name]
        return defence.knowing(self.verified) if asks_who_is_verified(name) else defence

    def attack_of(self, cell: Cell) -> Attack:
        """The attack with the cell's budget; a segment is the published one where there is one."""
        if cell.attack in KNOWING:
            return self._response(cell)
        attack = ATTACKS[cell.attack].build(
            num_profiles=self.num_profiles(cell.size), num_fillers=self.fillers
        )
        segment = self.setting.segments.get(cell.target)
        if isinstance(attack, SegmentAttack) and segment is not None:
            attack = dataclasses.replace(attack, segment=segment)
        if cell.knowledge != UNRESTRICTED:
            attack = informed(attack, cell.knowledge, victim_kind=SURROGATE_KINDS[cell.victim])
        return attack

    def _response(self, cell: Cell) -> BestResponse:
        """The attacker's copy of the victim goes on from a clean model where the victim does; the
        seed of that model is the attacker's own."""

        def surrogate(rows, defence, seed):
            start = None
            if VICTIMS[cell.victim].warm:
                start, *_ = self._clean(cell.victim, cell.seed + 1000)
            return train_defended(cell.victim, rows, defence, seed=seed, start=start)

        if cell.attack == BEST_RESPONSE:
            return best_response(
                num_profiles=self.num_profiles(cell.size),
                num_fillers=self.fillers,
                num_items=self.train.num_items,
                defence=self.defence_of(cell),
                surrogate=surrogate,
            )
        has_ratings = self.train.rating is not None
        return BestResponse(
            candidates=tuple(
                within_pool(
                    self.attack_of(dataclasses.replace(cell, attack=name)), self.train.num_items
                )
                for name in ADAPTIVE_CANDIDATES
                if has_ratings or not ATTACKS[name].ratings
            ),
            defence=self.defence_of(cell),
            surrogate=surrogate,
            num_evading=2,
        )

    def poisoned(self, cell: Cell) -> tuple[Poisoned, float]:
        """The data with the fake profiles in it, and the seconds that making them took."""
        name = f"profiles-{self._profiles_of(cell).name()}"
        stored = self.store.run(name, lambda _: self._make_profiles(cell))
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

    @staticmethod
    def _profiles_of(cell: Cell) -> Cell:
        """The cell that names the profiles: one for all victims and defences, unless the attacker
        knows the victim, and the defence."""
        if cell.attack in KNOWING or cell.knowledge != UNRESTRICTED:
            return cell
        return dataclasses.replace(cell, victim="any", defence=NONE)

    def _make_profiles(self, cell: Cell) -> StageResult:
        started = time.perf_counter()
        attack, rng = self.attack_of(cell), np.random.default_rng([cell.seed, cell.target])
        item_id, about = self.setting.id_of(cell.target), {}
        if isinstance(attack, BestResponse):
            name = f"{cell.attack}, target {item_id}, seed {cell.seed}"
            given = (attack, self.train, np.array([cell.target]))
            profiles, found = searched(*given, rng=rng, name=name)
            about = {"chosen": {"item_id": item_id, **found}}
        else:
            profiles = attack.profiles(self.train, np.array([cell.target]), rng=rng)
        seconds = time.perf_counter() - started
        row, item = np.nonzero(profiles)
        summary = {"seconds": seconds, "shape": list(profiles.shape), **about}
        return StageResult(summary, {"row": row, "item": item, "rating": profiles[row, item]})

    def _train_clean(self, victim: str, seed: int) -> tuple[Recommender, dict[str, float], float]:
        """The victim on clean data without a defence, its ranking of honest users, and the seconds
        of its training."""
        started = time.perf_counter()
        model = VICTIMS[victim].train(self.train, seed=seed)
        seconds = time.perf_counter() - started
        return model, self._collateral(model), seconds

    def _train_unattacked(self, victim: str, defence: str, seed: int) -> tuple[Recommender, float]:
        """The victim behind the defence on clean data, and the seconds that both took."""
        if defence == NONE:
            model, _, seconds = self._clean(victim, seed)
            return model, seconds
        started = time.perf_counter()
        known = self._defence(defence)
        rows = known.training_data(self.train, seed=seed)
        model = train_defended(victim, rows, known, seed=seed)
        return model, time.perf_counter() - started

    def _stand_unattacked(
        self, victim: str, defence: str, seed: int, target: int
    ) -> tuple[ManipulationEvaluator, TargetStanding]:
        """What measures the target, and how it stands on clean data behind the defence."""
        evaluator = ManipulationEvaluator(self.train, [target])
        return evaluator, evaluator.standing(self._unattacked(victim, defence, seed)[0])

    def _stealth_of(self, poisoned: Poisoned, cell: Cell) -> dict[str, float]:
        """`stealth`, once for the profiles of several victims and defences."""
        name = self._profiles_of(cell).name()
        if name not in self._stealth:
            self._stealth[name] = stealth(poisoned)
        return self._stealth[name]

    def _collateral(self, model: Recommender) -> dict[str, float]:
        found = self.ranking.evaluate(model).metrics
        return {name: found[name] for name in COLLATERAL}

    def measure(self, cell: Cell, fakes_of: Cell | None = None) -> dict:
        """The measures of a cell, measured now; fake profiles are taken from the store.

        Args:
            fakes_of: the cell whose fake profiles are injected, such as those made against another
                defence; by default its own.

        Raises:
            ValueError: if the cell does not fit the data.
        """
        why = why_unfit(cell, self.setting)
        if why is not None:
            raise ValueError(f"`cell` should fit the data and the victim: {why}. Received: {cell}.")
        clean, accuracy, _ = self._clean(cell.victim, cell.seed)
        evaluator, standing_clean = self._before(cell.victim, NONE, cell.seed, cell.target)
        summary = dataclasses.asdict(cell)
        if cell.attack == NONE:
            _, before = self._before(cell.victim, cell.defence, cell.seed, cell.target)
            model, seconds = self._unattacked(cell.victim, cell.defence, cell.seed)
            summary |= {"training_seconds": seconds} | evaluator.metrics(before)
        else:
            model, measured = self._attacked(cell, fakes_of or cell, clean, evaluator)
            summary |= measured
        summary |= self._collateral(model)
        summary |= {f"{name}, clean": value for name, value in accuracy.items()}
        standing = evaluator.metrics(standing_clean)
        return summary | {
            f"{name}, clean": standing[name] for name in standing if name.startswith("target_")
        }

    def _attacked(
        self, cell: Cell, fakes_of: Cell, clean: Recommender, evaluator: ManipulationEvaluator
    ) -> tuple[Recommender, dict]:
        """The victim of the cell, and what is measured of the fakes and of the target.

        Scores and lists stand beside those of the same victim behind the same defence without an
        attack: votes and bounded scores have another unit than the scores of the plain model, and
        what the defence itself moves is not the attack's doing.
        """
        poisoned, seconds = self.poisoned(fakes_of)
        summary = {"generation_seconds": seconds, **self._stealth_of(poisoned, fakes_of)}
        started = time.perf_counter()
        defence = self.defence_of(cell)
        rows = defence.training_data(poisoned.interactions, seed=cell.seed)
        start = clean if VICTIMS[cell.victim].warm else None
        model = train_defended(cell.victim, rows, defence, seed=cell.seed, start=start)
        summary["training_seconds"] = time.perf_counter() - started
        _, before = self._before(cell.victim, cell.defence, cell.seed, cell.target)
        summary |= evaluator.metrics(evaluator.standing(model), before)
        if rows.suspicion is not None:
            summary["defence_auc"] = area_under_curve(poisoned.is_fake.astype(int), rows.suspicion)
        return model, summary


def open_runner(
    data: str,
    *,
    run_dir: str | os.PathLike,
    resume: bool = False,
    fillers: int | None = None,
    per_group: int = 5,
    verified_share: float = VERIFIED_SHARE,
    **columns,
) -> CellRunner:
    """The runner of `data` with its results in a run folder; every process of a run opens its own.

    Args:
        data, per_group, columns: as `load_setting` takes them.
        fillers, verified_share: as `CellRunner` takes them.

    Raises:
        as `load_setting` and `StageStore` do.
    """
    setting = load_setting(data, per_group=per_group, **columns)
    return runner_in(
        run_dir,
        setting,
        resume=resume,
        fillers=fillers,
        per_group=per_group,
        verified_share=verified_share,
    )


def runner_in(
    run_dir: str | os.PathLike,
    setting: AttackSetting,
    *,
    resume: bool = False,
    fillers: int | None = None,
    per_group: int = 5,
    verified_share: float = VERIFIED_SHARE,
    replaceable: bool = False,
) -> CellRunner:
    """The runner of data that were read, see `open_runner`; `replaceable` as of `StageStore`."""
    # What a cell's result depends on beside the cell: other cells may join the same run folder.
    identity = {
        "job": JOB,
        "data": setting.split.fingerprint(),
        "fillers": fillers or setting.fillers,
        "per_group": per_group,
        "verified_share": verified_share,
        "results_version": RESULTS_VERSION,
        "targets": {group: [*map(int, items)] for group, items in setting.targets.items()},
        "segments": {str(item): [*map(int, items)] for item, items in setting.segments.items()},
        "versions": versions(),
    }
    store = StageStore(run_dir, identity, resume=resume, replaceable=replaceable)
    return CellRunner(setting, store, fillers=fillers, verified_share=verified_share)
