"""Sweeps: every entry in the setting of every seed, as stages of a run that can be resumed.

Settings of an entry are chosen on validation once, by the first seed or by a seed of its own, and
kept for the other seeds. With `workers` entries run in other processes, by default each in one of
its own, so that its seconds and its peak memory are its own and a crash costs that entry alone.
"""

from __future__ import annotations

import dataclasses
import functools
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from advrec_tf.pipelines.processes import in_order
from advrec_tf.pipelines.stages import StageStore, slug
from experiments.harness.entries import Entry, Task, Trained, settings_text
from experiments.harness.results import Result
from experiments.harness.settings import Setting

Log = Callable[[str], None]


def highest_validation(results: Sequence[Result], baseline: Result | None, monitor: str) -> int:
    """The number of the result that is best on validation, the first of equals."""
    values = [result.metrics["validation"][monitor] for result in results]
    return values.index(max(values))


@dataclasses.dataclass(frozen=True, eq=False, kw_only=True)
class Study:
    """Entries that are trained and measured alike.

    Attributes:
        name: first part of the names of its stages.
        entries: label -> entry, in the order of the table.
        setting: seed -> what is trained and measured on, a `Setting` unless entries measure
            themselves; called only where a stage is missing.
        context: what every `Task` is given.
        baseline: label of the entry that all others are compared with; None for none.
        monitor: metric of the choices.
        choose: (results of the points, the baseline's first result, monitor) -> number of the best.
        choosing_seed: a seed that trains for the choice of settings alone; None: the first seed
            chooses, and its test figures count as any other seed's.
        max_points: at most so many points of a space are tried.
        per_process: with workers, a process takes so many entries, or a few more: those of one
            family stay together. 1: every entry has a process of its own.
    """

    name: str
    entries: Mapping[str, Entry]
    setting: Callable[[int], Any] = lambda seed: None
    context: Any = None
    baseline: str | None = None
    monitor: str = "ndcg@10"
    choose: Callable[[Sequence[Result], Result | None, str], int] = highest_validation
    choosing_seed: int | None = None
    max_points: int | None = None
    per_process: int = 1

    def stage(self, label: str, settings: Mapping[str, Any], seed: int) -> str:
        """The name of the stage of one training."""
        parts = [self.name, slug(label), str(seed)]
        return "-".join([*parts, slug(settings_text(settings))] if settings else parts)

    def only(self, labels: Sequence[str]) -> Study:
        """The study with the entries named.

        Raises:
            ValueError: if a label is unknown.
        """
        unknown = [label for label in labels if label not in self.entries]
        if unknown:
            raise ValueError(
                f"`only` should name entries of {self.name!r}: {'; '.join(self.entries)}. "
                f"Received: {unknown[0]!r}."
            )
        kept = {label: entry for label, entry in self.entries.items() if label in labels}
        return dataclasses.replace(self, entries=kept)


@dataclasses.dataclass(frozen=True, eq=False)
class Sweep:
    """What a sweep found.

    Attributes:
        results: label -> one result a seed.
        settings: label -> the point chosen.
        tried: label -> point as text -> metrics on validation; {} where nothing was to choose.
        failed: label -> what went wrong.
    """

    results: dict[str, list[Result]] = dataclasses.field(default_factory=dict)
    settings: dict[str, dict] = dataclasses.field(default_factory=dict)
    tried: dict[str, dict[str, dict]] = dataclasses.field(default_factory=dict)
    failed: dict[str, str] = dataclasses.field(default_factory=dict)


def sweep(
    study: Study,
    store: StageStore,
    *,
    seeds: Sequence[int],
    log: Log = print,
    workers: int | None = None,
    build: Callable[[], Study] | None = None,
) -> Sweep:
    """Train and measure every entry with every seed, or take the results from the store.

    Args:
        seeds: at least one; an entry may use fewer, see `Entry.seeds`.
        workers: processes at once, see `Study.per_process`; 0 runs the entries one by one in this
            process. In both cases a failed process is reported and the others go on. None: in this
            process, and an error ends the sweep.
        build: with workers, returns the study in the other process; picklable.
    """
    seeds = list(seeds)
    found = Sweep()
    if workers is not None:
        found.failed.update(_sweep_each(study, store, seeds, workers, build))
    entries = {label: e for label, e in study.entries.items() if label not in found.failed}
    choosing = seeds[0] if study.choosing_seed is None else study.choosing_seed
    results = {label: [] for label in entries}
    for seed in dict.fromkeys([choosing, *seeds]):
        trainings = _Trainings(study, store, seed, log)
        for label, entry in entries.items():
            points = entry.points(study.max_points)
            if seed == choosing and len(points) > 1:
                tests = choosing in seeds
                tried = [trainings.run(label, point, tests=tests) for point in points]
                base = results.get(study.baseline)
                best = study.choose(tried, base[0] if base else None, study.monitor)
                found.settings[label] = points[best]
                found.tried[label] = {
                    settings_text(point): dict(result.metrics["validation"])
                    for point, result in zip(points, tried, strict=True)
                }
                if tests:
                    results[label].append(tried[best])
            elif seed in entry.seeds(seeds):
                point = found.settings.setdefault(label, points[0])
                found.tried.setdefault(label, {})
                results[label].append(trainings.run(label, point))
    found.results.update(results)
    return found


@dataclasses.dataclass(eq=False)
class _Trainings:
    """The trainings of one seed, which share a setting and a cache."""

    study: Study
    store: StageStore
    seed: int
    log: Log
    cache: dict = dataclasses.field(default_factory=dict)

    @functools.cached_property
    def setting(self) -> Setting:
        return self.study.setting(self.seed)

    def run(self, label: str, settings: Mapping[str, Any], *, tests: bool = True) -> Result:
        """One training and its measurement, as a stage; without tests for a choice alone."""
        name = self.study.stage(label, settings, self.seed) + "-choice" * (not tests)
        stage = self.store.run(name, lambda _: self._train(label, settings, tests).to_stage())
        return Result.from_stage(stage)

    def _train(self, label: str, settings: Mapping[str, Any], tests: bool) -> Result:
        setting = self.setting
        started = time.perf_counter()
        text = " ".join([self.study.name, label, str(self.seed), settings_text(settings)]).strip()
        task = Task(
            setting=setting,
            settings=settings,
            seed=self.seed,
            label=text,
            log=self.log,
            context=self.study.context,
            entry=self.study.entries[label],
            cache=self.cache,
        )
        trained = task.entry.train(task)
        if isinstance(trained, Result):  # it measured itself
            seconds = trained.seconds or time.perf_counter() - started
            self.log(f"{text}: {_line(trained, self.study.monitor)}{seconds:.0f} s")
            return dataclasses.replace(trained, seconds=seconds)
        if not isinstance(trained, Trained):
            trained = Trained(trained)
        seconds = time.perf_counter() - started if trained.seconds is None else trained.seconds
        result = setting.measure(trained.model, tests=tests)
        details = {**result.details, "epochs": trained.epochs}
        if tests and trained.inspect is not None:
            details |= trained.inspect(setting)
        self.log(f"{text}: {_line(result, self.study.monitor)}{seconds:.0f} s")
        return dataclasses.replace(result, seconds=seconds, details=details)


def _line(result: Result, monitor: str) -> str:
    return "".join(
        f"{name} {values[monitor]:.4f}, "
        for name, values in result.metrics.items()
        if isinstance(values, Mapping) and monitor in values
    )


def _sweep_each(
    study: Study,
    store: StageStore,
    seeds: list[int],
    workers: int,
    build: Callable[[], Study] | None,
) -> dict[str, str]:
    """Fill the store in other processes; label -> what went wrong."""
    missing = {
        label: entry
        for label, entry in study.entries.items()
        if len(entry.points()) > 1
        or not all(
            store.has(study.stage(label, entry.points()[0], seed)) for seed in entry.seeds(seeds)
        )
    }
    store.claim()
    batches = {labels[0]: labels for labels in in_batches(missing, study.per_process)}
    batch_of = {label: name for name, labels in batches.items() for label in labels}

    def needed(name: str) -> set[str]:
        built_on = {other for label in batches[name] for other in missing[label].builds_on}
        return {batch_of[other] for other in built_on if other in batch_of} - {name}

    alone = functools.partial(
        _sweep_some,
        build if workers else lambda: study,
        store.folder,
        store.identity,
        seeds,
    )
    failed = in_order(
        {name: needed(name) for name in batches},
        lambda name: functools.partial(alone, batches[name]),
        lambda name, _: None,
        workers,
    )
    return {label: why for name, why in failed.items() for label in batches[name]}


def in_batches(entries: Mapping[str, Entry], size: int) -> list[list[str]]:
    """Labels in turn, `size` in a list or a few more, so that families stay together."""
    if size == 1:
        return [[label] for label in entries]
    families: dict[str, list[str]] = {}
    for label, entry in entries.items():
        families.setdefault(entry.family or label, []).append(label)
    batches: list[list[str]] = []
    for family in families.values():
        if not batches or len(batches[-1]) >= size:
            batches.append([])
        batches[-1] += family
    return batches


def _sweep_some(
    build: Callable[[], Study],
    folder: str | os.PathLike,
    identity: dict,
    seeds: Sequence[int],
    labels: Sequence[str],
) -> None:
    store = StageStore(folder, identity, resume=True)
    sweep(build().only(labels), store, seeds=seeds, log=_flushed)


def _flushed(line: str) -> None:
    print(line, flush=True)
