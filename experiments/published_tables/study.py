"""Reproduce a published table: search on validation, train five seeds, measure once, compare.

With workers every model runs in a process of its own, so that its seconds and its peak memory are
its own and a crash costs that model alone. All results are stages of a run folder: a stopped run is
resumed. What validation chose is a settings file of the repository; with it the final figures are
reproduced without any search.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from advrec_tf.evaluation.ranking import RankingEvaluator
from advrec_tf.pipelines.machine import versions
from advrec_tf.pipelines.processes import in_order
from advrec_tf.pipelines.run_lock import sole_run
from advrec_tf.pipelines.stages import StageStore, slug
from experiments.harness.entries import Task, Trained
from experiments.harness.settings import Setting
from experiments.harness.sweep import Study, sweep
from experiments.published_tables.choices import Choice, read_choices, write_choices
from experiments.published_tables.models import (
    MODELS,
    ModelSpec,
    requirements,
    with_requirements,
)
from experiments.published_tables.parts import Parts, TableContext, keep
from experiments.published_tables.report import extended, make_report, read_report
from experiments.published_tables.search import require_optuna, search
from experiments.published_tables.setting import TableSetting, under_attack
from experiments.published_tables.tables import TABLES, Table

SEARCH_SEED = 100

Log = Callable[[str], None]


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class TableStudy(Study):
    """The final trainings of a table: the settings of every model are chosen already."""

    chosen: Mapping[str, Choice]

    def stage(self, label: str, settings: Mapping, seed: int) -> str:
        """Other settings, its own or those it builds on, are another stage."""
        used = {
            other: [dict(self.chosen[other].settings), self.chosen[other].epochs]
            for other in with_requirements([label])
        }
        digest = hashlib.sha256(json.dumps(used, sort_keys=True).encode()).hexdigest()[:8]
        return f"{slug(label)}-{digest}-{seed}"


def final_study(
    name: str, chosen: Mapping[str, Choice], run_dir: Path, data_root: str | None = None
) -> TableStudy:
    """The models of a table that have a choice, with the epochs and settings chosen."""
    table = TABLES[name]
    built_on = {other for label in table.models for other in MODELS[label].builds_on}

    @functools.cache
    def setting() -> TableSetting:
        _, final = table.load(data_root)
        evaluator = RankingEvaluator(final.train, final.test, ks=sorted({*table.ks(), 10}))
        return TableSetting(
            seed=0,
            interactions=final.train,
            tests={"test": evaluator},
            monitor=table.choose_by,
            metrics=table.metrics,
        )

    def finally_trained(label: str, task: Task) -> Trained:
        spec = MODELS[label]
        trained = spec.train(task)
        if label in built_on:
            keep(task, label, trained)
        if spec.attacked:
            attack = functools.partial(under_attack, trained.model)
            inspect = lambda setting: {"robustness": attack(setting)}  # noqa: E731
            trained = dataclasses.replace(trained, inspect=inspect)
        return trained

    entries = {
        label: dataclasses.replace(
            MODELS[label],
            train=functools.partial(finally_trained, label),
            space={setting: (value,) for setting, value in chosen[label].settings.items()},
            epochs=chosen[label].epochs,
            max_seeds=table.limits.seeds.get(label),
        )
        for label in table.models
        if set(with_requirements([label])) <= set(chosen)
    }
    return TableStudy(
        name=name,
        entries=entries,
        setting=lambda seed: setting(),
        context=TableContext(chosen, Parts(Path(run_dir) / "parts" / "final")),
        baseline="EASE",
        monitor=table.choose_by,
        chosen=chosen,
    )


def searched_spec(
    table: Table, label: str, chosen: Mapping[str, Choice]
) -> tuple[ModelSpec, Choice | None]:
    """(the model with the space and epochs of the table, its choice where nothing is searched)."""
    spec = MODELS[label]
    leader = MODELS[spec.settings_from or label]
    epochs = table.limits.epochs.get(spec.settings_from or label, leader.epochs)
    untuned_epochs = epochs
    if spec.settings_from is None:
        space = {**spec.space, **table.limits.sizes.get(label, {})}
    else:
        settings = {**chosen[spec.settings_from].settings, **spec.override}
        space = {name: (value,) for name, value in settings.items()}
        untuned_epochs = chosen[spec.settings_from].epochs
    spec = dataclasses.replace(
        spec, space=space, epochs=epochs, patience=leader.patience, every=leader.every
    )
    if label in table.limits.untuned:
        return spec, Choice(spec.points(1)[0], untuned_epochs, trials=0)
    return spec, None


def choose(
    name: str,
    label: str,
    chosen: Mapping[str, Choice],
    *,
    run_dir: Path,
    data_root: str | None,
    budget: int,
) -> Choice:
    """What validation chooses for a model, in `budget` trials."""
    table = TABLES[name]
    spec, choice = searched_spec(table, label, chosen)
    if choice is not None:
        return choice
    validation, _ = table.load(data_root)
    setting = Setting(
        seed=SEARCH_SEED,
        interactions=validation.train,
        validation=RankingEvaluator(validation.train, validation.validation, ks=table.ks()),
        tests={},
        monitor=table.choose_by,
    )
    parts = Parts(Path(run_dir) / "parts" / "search")
    task = Task(
        setting=setting,
        seed=SEARCH_SEED,
        label=label,
        context=TableContext(chosen, parts),
        entry=spec,
        log=lambda line: None,
    )
    journal = Path(run_dir) / "search.journal"
    log = functools.partial(print, flush=True)
    return search(label, task, budget=budget, journal=journal, log=log)


def run(
    name: str,
    *,
    run_dir: Path,
    settings_file: Path,
    data_root: str | None = None,
    budget: int | None = None,
    only: Sequence[str] = (),
    seeds: int = 5,
    workers: int = 1,
    resume: bool = False,
    onto: Path | None = None,
    log: Log = print,
) -> dict:
    """Reproduce the table `name`; returns the report.

    Args:
        run_dir: stages and the journal of the search.
        settings_file: what validation chose, read and (after a search) written.
        budget: trials per model without a choice; None searches nothing.
        only: labels; by default all models of the table, without a search those the settings
            file has a choice for.
        seeds: final trainings per model; fewer where the table says so.
        workers: processes at once; 0 runs everything in this process, where memory is not a
            model's own.
        onto: an earlier report of the table, whose other entries are kept (`report.extended`).

    Raises:
        ValueError: if a name is unknown, a model has neither a choice nor a budget, or
            `onto` is no report of this table.
    """
    if name not in TABLES:
        raise ValueError(f"`table` should be one of {', '.join(TABLES)}. Received: {name!r}.")
    table = TABLES[name]
    unknown = [label for label in only if label not in table.models]
    if unknown:
        raise ValueError(
            f"`only` should hold labels of {name}: {'; '.join(table.models)}. "
            f"Received: {unknown[0]!r}."
        )
    earlier = None if onto is None else read_report(onto, name)
    splits = table.load(data_root)  # a missing file is reported before any work
    chosen = read_choices(settings_file)
    labels = [label for label in table.models if not only or label in only]
    if budget is None and not only:
        labels = [label for label in labels if set(with_requirements([label])) <= set(chosen)]
    missing = [label for label in with_requirements(labels) if label not in chosen]
    if budget is None and (missing or not labels):
        raise ValueError(
            f"{settings_file} should hold a choice for every model asked for. Received none for "
            f"{'; '.join(missing or table.models)}. Search them with `--search TRIALS`."
        )
    if missing:
        require_optuna()
    with sole_run(run_dir):
        identity = {"job": "reproduce", "table": name, "versions": versions()}
        identity["data_sha256"] = [split.fingerprint() for split in splits]
        store = StageStore(run_dir, identity, resume=resume)
        store.claim()
        failed = {}
        if missing:
            call = functools.partial(
                choose, name, run_dir=run_dir, data_root=data_root, budget=budget
            )
            failed = _search(call, missing, chosen, settings_file, workers, log)
        build = functools.partial(final_study, name, dict(chosen), run_dir, data_root)
        study = build()
        lost = {label for label in labels if set(with_requirements([label])) & set(failed)}
        study = study.only([la for la in labels if la in study.entries and la not in lost])
        found = sweep(study, store, seeds=range(seeds), log=log, workers=workers, build=build)
    failed |= found.failed
    report = make_report(name, study, found, chosen)
    if earlier is not None:
        report = extended(report, earlier, chosen, table.models)
        for label in report["outdated"]:
            log(f"  {label}: the entry of {onto} has other settings now, or builds on one that has")
    for label, reason in failed.items():
        log(f"  {label} FAILED: {reason}")
    return report | {"failed": failed}


def _search(
    call: Callable[[str, Mapping[str, Choice]], Choice],
    missing: Sequence[str],
    chosen: dict[str, Choice],
    settings_file: Path,
    workers: int,
    log: Log,
) -> dict[str, str]:
    """Fill `chosen` and its file; label -> what went wrong, of the searches that failed."""

    def done(label: str, choice: Choice) -> None:
        chosen[label] = choice
        ordered = {label: chosen[label] for label in MODELS if label in chosen}
        write_choices(settings_file, ordered)

    started = time.perf_counter()
    failed = in_order(
        {label: requirements(label) for label in missing},
        lambda label: functools.partial(call, label, dict(chosen)),
        done,
        workers,
        set(chosen),
    )
    log(f"Searched {len(missing)} models in {time.perf_counter() - started:.0f} s.")
    return failed
